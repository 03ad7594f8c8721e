// The web chat in a real Chromium, against the built binary.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { arrange } from "./proxies.mjs";
import { becomes, complaints, heard, launch, login, message, Network, notice, offers, open, picture, say, Server } from "./world.mjs";

// THROUGH=nginx puts that in between, as docs/proxy.md has it.
const through = process.env.THROUGH ? await arrange(process.env.THROUGH) : null;
const server = through?.server ?? new Server();
const network = through?.network ?? new Network(server);
let browser;
/** Whether this build serves guests, and long polling. */
let guests, bosh;

before(async () => {
  if (!through) await network.listen();
  await server.start();
  server.user("juliet", "romeo", "nurse");
  browser = await launch();
  const page = await open(browser, url() + "/");
  guests = /ANONYMOUS/.test(await offers(page, "guests.localhost"));
  bosh = (await fetch(url() + "/http-bind", { method: "OPTIONS" })).status !== 404;
  await page.context().close();
});

after(async () => {
  await browser?.close();
  network.close();
  await through?.proxy.end();
  await server.end();
});

/** A picture of one pixel. */
const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

const url = () => network.url;

/** An entry of the list: of a contact, or of a room. */
const entry = (page, name) => page.locator(`.entry[href^="#/${name}%40"]`);

// By what stands in the page, whatever its language.
const enterRoom = async (page, name) => {
  await page.locator(".side-top .icon-button").last().click();
  await page.locator('dialog input[name="room"]').fill(name);
  await page.locator("dialog form").nth(1).locator("button.primary").click();
  await page.locator("#count").waitFor();
};

/** Somebody who only visits the garden: a guest, or an account in a build without guests. */
const visitor = async (options = {}) => {
  if (guests) return open(browser, url() + "/room/garden", options);
  const page = await login(browser, url(), "nurse", options);
  await enterRoom(page, "garden");
  return page;
};

test("two accounts become contacts and chat in two windows", async () => {
  const juliet = await login(browser, url(), "juliet");
  const romeo = await login(browser, url(), "romeo", { colorScheme: "dark" });
  await juliet.locator(".side-top").getByRole("button", { name: "New" }).click();
  await juliet.getByLabel("Their address").fill("romeo");
  await juliet.getByRole("button", { name: "Add contact" }).click();
  await romeo.getByRole("button", { name: "Accept" }).click();
  await juliet.locator(".head").getByText("Available").waitFor();
  await say(juliet, "Art thou not Romeo, and a Montague?");
  await romeo.locator(".entry .badge").waitFor(); // unread
  assert.match(await romeo.title(), /^\(1\)/);
  await entry(romeo, "juliet").click();
  await heard(romeo, "Art thou not Romeo, and a Montague?");
  await message(juliet, "Art thou not Romeo, and a Montague?").and(juliet.locator('[data-status="delivered"], [data-status="read"]')).waitFor();

  await romeo.locator("#message").pressSequentially("Neither");
  await juliet.locator(".typing", { hasText: "romeo is typing" }).waitFor();
  await say(romeo, "Neither, fair maid, if either the dislike");
  await heard(juliet, "Neither, fair maid, if either the dislike");
  await romeo.locator("#message").press("ArrowUp");
  await romeo.getByText("Editing your message").waitFor();
  await say(romeo, "Neither, fair saint, if either thee dislike.");
  await heard(juliet, "Neither, fair saint, if either thee dislike.");
  await message(juliet, "Neither, fair saint, if either thee dislike.").getByText("edited").waitFor();
  assert.equal(await juliet.locator(".message", { hasText: "maid" }).count(), 0);

  const said = message(juliet, "Neither, fair saint, if either thee dislike.");
  await said.hover();
  await said.getByRole("button", { name: "What to do" }).click();
  await juliet.getByRole("menuitem", { name: "❤️" }).click();
  await romeo.locator(".reaction", { hasText: "❤️" }).waitFor();

  await say(romeo, "This is a mistake");
  await heard(juliet, "This is a mistake");
  const wrong = message(romeo, "This is a mistake");
  await wrong.and(romeo.locator('[data-status="delivered"], [data-status="read"]')).waitFor();
  await wrong.hover();
  await wrong.getByRole("button", { name: "What to do" }).click();
  await romeo.getByRole("menuitem", { name: "Take back" }).click();
  await juliet.getByText("Taken back").first().waitFor();
  await say(juliet, "geo:45.4384,10.9916;u=20");
  await romeo.locator('.place a[href^="geo:45.4384"]').waitFor();
  await picture(juliet, "chat-light");
  await picture(romeo, "chat-dark");

  // A second window of the same account has the history, and hears what the first one says.
  const again = await login(browser, url(), "romeo");
  await entry(again, "juliet").click();
  await heard(again, "Art thou not Romeo, and a Montague?");
  await say(romeo, "said at the other window");
  await heard(again, "said at the other window");
  assert.equal(await again.locator(".message.mine", { hasText: "at the other" }).count(), 1);
  for (const p of [juliet, romeo, again]) await p.context().close();
});

test("a file goes up and is shown", async () => {
  const juliet = await login(browser, url(), "juliet");
  const romeo = await login(browser, url(), "romeo");
  await entry(juliet, "romeo").click();
  await entry(romeo, "juliet").click();
  await juliet.locator("#file").setInputFiles({
    name: "dot.png",
    mimeType: "image/png",
    buffer: dot,
  });
  for (const p of [juliet, romeo]) {
    await p.waitForFunction(() => [...document.querySelectorAll(".picture img")].some((i) => i.complete && i.naturalWidth === 1));
    await p.context().close();
  }
});

test("a reload keeps the session only if that was wanted, and never the password", async () => {
  const stays = await login(browser, url(), "nurse", { stay: true });
  const kept = await stays.evaluate(() => JSON.stringify({ ...sessionStorage }) + JSON.stringify({ ...localStorage }));
  assert.match(kept, /natter\.login/);
  assert.doesNotMatch(kept, /secret/);
  await stays.reload();
  await stays.locator(".sidebar").waitFor();
  await stays.context().close();
  const goes = await login(browser, url(), "nurse");
  const not = await goes.evaluate(() => JSON.stringify({ ...sessionStorage }));
  assert.doesNotMatch(not, /natter\.login|secret/);
  await goes.reload();
  await goes.getByRole("heading", { name: "Log in" }).waitFor();
  await picture(goes, "login");
  await goes.context().close();
});

test("a picture is seen by contacts, and what is read here is read there", async () => {
  const juliet = await login(browser, url(), "juliet");
  const romeo = await login(browser, url(), "romeo");
  const other = await login(browser, url(), "romeo");
  await juliet.getByRole("button", { name: "Settings" }).click();
  await juliet.locator('dialog input[type="file"]').setInputFiles({ name: "me.png", mimeType: "image/png", buffer: dot });
  for (const p of [romeo, other]) await entry(p, "juliet").locator('img[src^="data:image/png"]').waitFor();
  await juliet.keyboard.press("Escape");
  await entry(juliet, "romeo").click();
  await say(juliet, "Read this once");
  for (const p of [romeo, other]) await entry(p, "juliet").locator(".badge").waitFor();
  await entry(romeo, "juliet").click();
  await heard(romeo, "Read this once");
  await entry(other, "juliet").locator(".badge").waitFor({ state: "detached" });
  for (const p of [juliet, romeo, other]) await p.context().close();
});

test("a place is shared only when confirmed", async () => {
  const juliet = await login(browser, url(), "juliet", {
    geolocation: { latitude: 45.4384, longitude: 10.9916, accuracy: 20 },
    permissions: ["geolocation"],
  });
  await entry(juliet, "romeo").click();
  await juliet.getByRole("button", { name: "Share where I am" }).click();
  await juliet.getByRole("button", { name: "Send", exact: true }).and(juliet.locator("dialog *")).click();
  await juliet.locator('.message.mine .place a[href="geo:45.4384,10.9916"]').last().waitFor();
  await juliet.context().close();
});

test("a wrong password is told as that", async () => {
  const p = await open(browser, url() + "/");
  await p.getByLabel("Address", { exact: true }).fill("juliet");
  await p.getByLabel("Password", { exact: true }).fill("wrong");
  await p.keyboard.press("Enter");
  await p.getByText("The address or the password is wrong").waitFor();
  await p.context().close();
});

test("a room made from the page stays, and is among the user's rooms", async () => {
  const owner = await login(browser, url(), "juliet");
  await enterRoom(owner, "garden");
  await say(owner, "Welcome to the garden.");
  await heard(owner, "Welcome to the garden.");
  await owner.context().close();
  const again = await login(browser, url(), "juliet");
  await entry(again, "garden").click();
  await heard(again, "Welcome to the garden.");
  await again.locator(".head").getByRole("button", { name: "More" }).click();
  await again.getByRole("menuitem", { name: "Room settings" }).click();
  await again.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await again.getByText("Saved").waitFor();
  await again.context().close();
});

test("guests are in a public room at once", async (t) => {
  if (!guests) return t.skip("this build serves no guests");
  const owner = await login(browser, url(), "juliet");
  await entry(owner, "garden").click();
  const one = await open(browser, url() + "/room/garden");
  await heard(one, "Welcome to the garden."); // history
  await becomes(one, "#count", "2 here");
  await one.getByText(/^You are guest-\d+/).waitFor();
  const nick = /guest-\d+/.exec(await one.locator(".composer-foot").textContent())[0];
  const two = await open(browser, url() + "/room/garden", { colorScheme: "dark" });
  await notice(one, "has joined");
  await becomes(one, "#count", "3 here");
  await say(one, "Hello from a browser");
  await heard(two, "Hello from a browser");
  await heard(owner, "Hello from a browser");

  await say(one, "/nick Mercutio");
  await notice(one, "You are now called Mercutio");
  for (const p of [two, owner]) await notice(p, `${nick} is now called Mercutio`);
  await say(one, "A plague o' both your houses!");
  await message(two, "A plague o' both your houses!").getByText("Mercutio").waitFor();

  await one.locator("#message").press("Enter");
  await one.getByText("Write something first").waitFor();
  await picture(one, "room-light");
  await picture(two, "room-dark");
  await two.context().close();
  await notice(one, "has left");
  await becomes(one, "#count", "2 here");
  await one.context().close();
  await owner.context().close();
});

test("a room that is not there is said so", async (t) => {
  if (!guests) return t.skip("this build serves no guests");
  const p = await open(browser, url() + "/room/nowhere");
  await p.getByRole("alert").getByText("no room").waitFor();
  await p.context().close();
});

test("where WebSockets are blocked it goes by long polling", async (t) => {
  if (!bosh) return t.skip("this build serves no long polling");
  network.websockets = false;
  try {
    const guest = await visitor();
    await guest.locator("#count").waitFor();
    const user = await login(browser, url(), "romeo");
    await enterRoom(user, "garden");
    await say(guest, "by long polling");
    await heard(user, "by long polling");
    await say(user, "and back");
    await heard(guest, "and back");
    await user.getByRole("button", { name: "Settings" }).click();
    await user.getByText("Connected by long polling").waitFor();
    await user.keyboard.press("Escape");
    network.cut(); // every request under way is lost, and what its answer carried
    await say(guest, "said right after the cut, by polling");
    await say(user, "and answered");
    await heard(user, "said right after the cut, by polling");
    await heard(guest, "and answered");
    for (const p of [guest, user]) {
      for (const text of ["by long polling", "said right after the cut, by polling", "and answered"]) assert.equal(await message(p, text).count(), 1, text);
    }
    await guest.context().close();
    await user.context().close();
  } finally {
    network.websockets = true;
  }
});

test("a cut connection comes back by itself, with nothing lost or doubled", async () => {
  const juliet = await login(browser, url(), "juliet");
  const romeo = await login(browser, url(), "romeo");
  const guest = await visitor();
  await enterRoom(romeo, "garden");
  await becomes(guest, "#count", "3 here"); // juliet has it among her bookmarks
  await entry(juliet, "romeo").click();
  await entry(romeo, "garden").click();
  network.cut();
  await say(juliet, "said right after the cut");
  await say(romeo, "to the garden right after the cut");
  await entry(romeo, "juliet").click();
  await heard(romeo, "said right after the cut");
  await heard(guest, "to the garden right after the cut");
  for (const [p, text] of [[romeo, "said right after the cut"], [guest, "to the garden right after the cut"]]) {
    assert.equal(await message(p, text).count(), 1);
  }
  for (const p of [juliet, romeo, guest]) await p.context().close();
});

test("the server's end is told, and what was written meanwhile is sent when it is back", async () => {
  const juliet = await login(browser, url(), "juliet");
  const romeo = await login(browser, url(), "romeo");
  const guest = await visitor();
  await becomes(guest, "#count", "3 here");
  await entry(juliet, "romeo").click();
  await entry(romeo, "juliet").click();
  await server.stop();
  for (const p of [juliet, romeo, guest]) await p.locator("#gone").getByText("The server has gone away").waitFor();
  await picture(guest, "gone");
  await say(juliet, "written while it was away");
  await say(guest, "by the guest while it was away");
  await message(juliet, "written while it was away").and(juliet.locator('[data-status="queued"]')).waitFor();
  await server.start();
  for (const p of [juliet, romeo, guest]) {
    await p.getByRole("button", { name: "Try now" }).click({ timeout: 3000 }).catch(() => {}); // or it was quicker
    await p.locator("#gone").waitFor({ state: "detached" });
  }
  await heard(romeo, "written while it was away");
  await message(juliet, "written while it was away").and(juliet.locator('[data-status="delivered"], [data-status="read"]')).waitFor();
  await entry(romeo, "garden").click();
  await heard(romeo, "by the guest while it was away");
  assert.equal(await message(romeo, "by the guest while it was away").count(), 1);
  await message(guest, "by the guest while it was away").and(guest.locator('[data-status="sent"]')).waitFor();
  await heard(guest, "Welcome to the garden.");
  for (const p of [juliet, romeo, guest]) await p.context().close();
});

test("it fits a phone, speaks Chinese, and keeps its words on the page", async () => {
  const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
  const fits = (p) => p.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  const guest = await visitor({ ...phone, locale: "zh-CN" });
  await guest.getByText(/^您是/).waitFor();
  assert.equal(await guest.getAttribute("html", "lang"), "zh-Hans");
  assert.ok(await fits(guest));
  await say(guest, "a".repeat(300) + " " + "<b>not bold</b> <img src=x onerror=alert(1)>");
  await guest.locator(".message.mine").getByText("<b>not bold</b>").waitFor();
  assert.equal(await guest.locator(".message b, .message .text img").count(), 0);
  assert.ok(await fits(guest));
  await picture(guest, "room-phone");
  const juliet = await login(browser, url(), "juliet", phone);
  await entry(juliet, "romeo").waitFor();
  assert.ok(await fits(juliet));
  await picture(juliet, "list-phone");
  await entry(juliet, "romeo").click();
  await heard(juliet, "written while it was away");
  assert.ok(await fits(juliet));
  assert.equal(await juliet.locator(".sidebar").isVisible(), false);
  await picture(juliet, "chat-phone");
  await juliet.getByRole("button", { name: "Back to the list" }).click();
  await juliet.locator(".sidebar").waitFor();
  await guest.context().close();
  await juliet.context().close();
});

test("it is used by the keyboard alone, and everything has a name", async () => {
  const p = await open(browser, url() + "/");
  await p.waitForFunction(() => document.activeElement?.tagName === "INPUT"); // the focus is where one begins
  await p.keyboard.type("juliet");
  await p.keyboard.press("Tab");
  await p.keyboard.type("secret");
  await p.keyboard.press("Enter");
  await entry(p, "romeo").focus();
  await p.keyboard.press("Enter");
  await p.locator("#message").waitFor();
  await p.waitForFunction(() => document.activeElement?.id === "message");
  await p.keyboard.type("by keyboard");
  await p.keyboard.press("Enter");
  await heard(p, "by keyboard");
  const menu = p.locator(".head").getByRole("button", { name: "More" });
  await menu.focus();
  await p.keyboard.press("Enter");
  await p.getByRole("menuitem").first().waitFor();
  await p.keyboard.press("ArrowDown");
  await p.keyboard.press("Escape");
  await p.getByRole("menuitem").first().waitFor({ state: "detached" });
  assert.ok(await menu.evaluate((e) => e === document.activeElement));
  await p.getByRole("button", { name: "Settings" }).press("Enter");
  await p.getByRole("dialog").waitFor();
  const nameless = await p.evaluate(() =>
    [...document.querySelectorAll("button, a, input:not([hidden]), select, textarea")]
      .filter((e) => e.offsetParent !== null)
      .filter((e) => !(e.getAttribute("aria-label") || e.textContent?.trim() || e.querySelector("img[alt]")?.alt || e.labels?.length || e.title))
      .map((e) => e.outerHTML),
  );
  assert.deepEqual(nameless, []);
  await p.keyboard.press("Escape");
  await p.getByRole("dialog").waitFor({ state: "detached" });
  assert.ok(await p.getByRole("log").count());
  await p.context().close();
});

test("nothing was refused by the page's policy, and nothing was thrown", () => {
  assert.deepEqual(complaints, []);
});
