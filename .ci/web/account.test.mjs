// The rest of the web chat in a real Chromium: accounts, settings, data for programs, and
// what hostile peers send.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { complaints, heard, launch, login, message, Network, notice, open, picture, say, Server } from "./world.mjs";

const server = new Server();
const network = new Network(server);
let browser;

before(async () => {
  await server.start();
  server.user("juliet", "romeo", "nurse", "iago");
  await network.listen();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  network.close();
  await server.end();
});

const url = () => network.url;
const entry = (page, name) => page.locator(`.entry[href^="#/${name}%40"]`);
const enterRoom = async (page, name, nick) => {
  await page.locator(".side-top .icon-button").last().click();
  await page.locator('dialog input[name="room"]').fill(name);
  if (nick) await page.locator('dialog input[name="nick"]').fill(nick);
  await page.locator("dialog form").nth(1).locator("button.primary").click();
  await page.locator("#count").waitFor();
};
const close = (...pages) => Promise.all(pages.map((p) => p.context().close()));

test("an account is made from the page, and its password changed there", async () => {
  const p = await open(browser, url() + "/");
  await p.getByRole("button", { name: "Create an account" }).click();
  await p.getByRole("heading", { name: "Create an account" }).waitFor();
  const fill = async (name, password, again = password) => {
    await p.getByLabel("Name", { exact: true }).fill(name);
    await p.getByLabel("Password", { exact: true }).fill(password);
    await p.getByLabel("The same again").fill(again);
    await p.locator("button.primary").click();
  };
  await fill("mercutio", "short");
  await p.getByText("at least 8 characters").waitFor();
  await fill("mercutio", "queen mab 1", "queen mab 2");
  await p.getByText("These are not the same").waitFor();
  await fill("a@b@c d", "queen mab 1");
  await p.getByText("That cannot be a name").waitFor();
  await fill("juliet", "queen mab 1");
  await p.getByText("That name is taken").waitFor();
  await picture(p, "register");
  await fill("Mercutio", "queen mab 1");
  await p.locator(".sidebar").getByText("mercutio@localhost").waitFor();
  await p.getByRole("button", { name: "Settings" }).click();
  await p.getByRole("button", { name: "Change password" }).click();
  await p.getByLabel("New password").fill("queen mab 2");
  await p.getByLabel("The same again").fill("queen mab 2");
  await p.locator("dialog form button.primary").click();
  await p.getByText("The password has been changed").waitFor();
  await p.keyboard.press("Escape");
  await close(p);
  const again = await open(browser, url() + "/");
  for (const [password, seen] of [["queen mab 1", again.getByText("The address or the password is wrong")], ["queen mab 2", again.locator(".sidebar")]]) {
    await again.locator("#jid").fill("mercutio");
    await again.locator("#password").fill(password);
    await again.locator("button.primary").click();
    await seen.waitFor();
  }
  await close(again);
});

test("contacts are asked, declined, accepted, and see what was read", async () => {
  const juliet = await login(browser, url(), "juliet");
  const romeo = await login(browser, url(), "romeo");
  const iago = await login(browser, url(), "iago");
  const ask = async (page, whom) => {
    await page.locator(".side-top").getByRole("button", { name: "New" }).click();
    await page.getByLabel("Their address").fill(whom);
    await page.getByRole("button", { name: "Add contact" }).click();
  };
  await ask(iago, "juliet");
  await juliet.locator(".request", { hasText: "iago" }).getByRole("button", { name: "Decline" }).click();
  await juliet.locator(".request").waitFor({ state: "detached" });
  await ask(romeo, "juliet");
  await juliet.locator(".request", { hasText: "romeo" }).getByRole("button", { name: "Accept" }).click();
  await romeo.locator(".head").getByText("Available").waitFor();
  await juliet.getByRole("button", { name: "Settings" }).click();
  await juliet.getByLabel("Your status").selectOption("dnd");
  await juliet.getByLabel("What your contacts read").fill("in the tomb");
  await juliet.keyboard.press("Tab");
  await juliet.keyboard.press("Escape");
  await romeo.locator(".head").getByText("in the tomb").waitFor(); // presence, live

  await say(romeo, "Read this");
  const said = message(romeo, "Read this");
  await said.and(romeo.locator('[data-status="delivered"]')).waitFor();
  await entry(juliet, "romeo").click();
  await heard(juliet, "Read this");
  await said.and(romeo.locator('[data-status="read"]')).waitFor();
  await said.locator(".mark", { hasText: "Read" }).waitFor();

  await juliet.getByRole("button", { name: "Settings" }).click();
  await juliet.getByLabel("Let others see what I have read").uncheck();
  await juliet.keyboard.press("Escape");
  await say(romeo, "and this without a word");
  await heard(juliet, "and this without a word");
  await say(juliet, "an answer");
  await heard(romeo, "an answer");
  await message(romeo, "and this without a word").and(romeo.locator('[data-status="delivered"]')).waitFor();

  await juliet.locator(".head").getByRole("button", { name: "More" }).click();
  await juliet.getByRole("menuitem", { name: "Block" }).click();
  await juliet.locator(".head").getByText("Blocked").waitFor();
  await romeo.locator(".head").getByText("Not there").waitFor();
  await juliet.locator(".head").getByRole("button", { name: "More" }).click();
  await juliet.getByRole("menuitem", { name: "Unblock" }).click();
  await romeo.locator(".head").getByText("in the tomb").waitFor();
  await close(juliet, romeo, iago);
});

test("links, emoji, pictures of other sites, and a notification", async () => {
  const juliet = await login(browser, url(), "juliet");
  const context = { permissions: ["notifications"] };
  const romeo = await login(browser, url(), "romeo", context);
  await romeo.evaluate(() => {
    window.told = [];
    window.Notification = class extends EventTarget {
      static permission = "granted";
      static requestPermission = async () => "granted";
      constructor(title, options) {
        super();
        window.told.push(title + ": " + options.body);
        window.last = this;
      }
      close() {}
    };
  });
  await romeo.getByRole("button", { name: "Settings" }).click();
  await romeo.getByLabel("Notifications when this page is out of sight").check();
  await romeo.keyboard.press("Escape");
  await entry(juliet, "romeo").click();
  await juliet.getByRole("button", { name: "Emoji" }).click();
  await picture(juliet, "emoji");
  await juliet.locator(".emoji button").first().click();
  await juliet.locator("#message").press("Enter");
  await juliet.locator(".message.mine .bubble-emoji").last().waitFor();
  await say(juliet, "see https://example.org/a_(b)?c=1&d=2. And javascript:alert(1), aesgcm://example.org/x#00");
  const seen = romeo.waitForFunction(() => window.told.some((n) => n.startsWith("juliet: see https://example.org")));
  await seen;
  await romeo.evaluate(() => window.last.onclick()); // opens the conversation
  const links = romeo.locator(".message", { hasText: "aesgcm" }).locator(".text a");
  await links.first().waitFor();
  assert.equal(await links.count(), 1);
  assert.equal(await links.getAttribute("href"), "https://example.org/a_(b)?c=1&d=2");
  assert.match(await links.getAttribute("rel"), /noopener.*noreferrer/);
  await juliet.locator("#message").fill("*bold _both_* a*b*c ~gone~ `*code*` 2 * 3 * 4\n> quoted\n>> twice\n```\nas *it* is\n```\nhttps://example.org/_x_");
  await juliet.locator("#message").press("Enter");
  const fancy = romeo.locator(".message", { hasText: "twice" }).locator(".text");
  await fancy.waitFor();
  assert.deepEqual(await fancy.locator("strong, em, s, code").allTextContents(), ["*bold _both_*", "_both_", "~gone~", "`*code*`"]);
  assert.deepEqual(await fancy.locator("blockquote").allTextContents(), ["quotedtwice", "twice"]);
  assert.deepEqual(await fancy.locator("pre").allTextContents(), ["as *it* is"]);
  assert.equal(await fancy.locator("a").getAttribute("href"), "https://example.org/_x_");
  await picture(romeo, "styled");
  await say(juliet, "https://pictures.example/cat.png");
  await romeo.getByRole("button", { name: "Show image from pictures.example" }).waitFor();
  assert.equal(await romeo.locator('img[src*="pictures.example"]').count(), 0);
  await close(juliet, romeo);
});

test("an upload shows how far it is, and can be stopped", async () => {
  const juliet = await login(browser, url(), "juliet");
  await entry(juliet, "romeo").click();
  await heard(juliet, "Read this"); // the history is there
  const before = await juliet.locator(".message").count();
  let go;
  network.uploads = new Promise((done) => (go = done));
  const big = { name: "big.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(1 << 20) };
  await juliet.locator("#file").setInputFiles(big);
  await juliet.getByRole("progressbar", { name: "Uploading big.bin" }).waitFor();
  await juliet.locator(".composer-note").getByRole("button", { name: "Cancel" }).click();
  await juliet.getByRole("progressbar").waitFor({ state: "detached" });
  assert.equal(await juliet.locator(".message").count(), before);
  go();
  network.uploads = undefined;
  await juliet.locator("#file").setInputFiles({ ...big, name: "again.bin" });
  await juliet.locator(".message.mine .file", { hasText: "again.bin" }).waitFor();
  await close(juliet);
});

test("history comes page by page, as one goes back", async () => {
  for (let i = 1; i <= 130; i++) await server.post("messages", { to: "juliet@localhost", body: `line ${i}` }, "nurse");
  const juliet = await login(browser, url(), "juliet");
  await entry(juliet, "nurse").locator(".badge").waitFor();
  await entry(juliet, "nurse").click();
  await heard(juliet, "line 130");
  for (let i = 0; i < 20 && !(await message(juliet, "line 1").count()); i++) {
    await juliet.locator(".log").evaluate((e) => (e.scrollTop = 0));
    await juliet.waitForFunction((n) => document.querySelectorAll(".message").length > n, await juliet.locator(".message").count()).catch(() => {});
  }
  await message(juliet, "line 1").waitFor();
  const lines = await juliet.locator(".message .text").allTextContents();
  assert.deepEqual(lines.filter((l) => /^line /.test(l)), Array.from({ length: 130 }, (_, i) => `line ${i + 1}`));
  await close(juliet);
});

test("invitations, topics, and being put out of a room", async () => {
  const juliet = await login(browser, url(), "juliet");
  const romeo = await login(browser, url(), "romeo");
  await enterRoom(juliet, "orchard");
  await juliet.locator(".head").getByRole("button", { name: "More" }).click();
  await juliet.getByRole("menuitem", { name: "Invite somebody" }).click();
  await juliet.getByLabel("Whom? Their address").fill("romeo@localhost");
  await juliet.getByRole("dialog").getByRole("button", { name: "Invite somebody" }).click();
  await romeo.locator(".request", { hasText: "juliet invites you to orchard" }).getByRole("button", { name: "Enter" }).click();
  await notice(juliet, "romeo has joined");
  await say(juliet, "/topic Names");
  await notice(romeo, "juliet has set the topic: Names");
  await say(romeo, "my name is hateful to myself");
  await heard(juliet, "my name is hateful to myself");
  const said = message(juliet, "my name is hateful to myself");
  await said.hover();
  await said.getByRole("button", { name: "What to do" }).click();
  await juliet.getByRole("menuitem", { name: "Remove for everybody" }).click();
  for (const p of [juliet, romeo]) await p.locator(".message").getByText("Removed by juliet").waitFor();
  await juliet.getByRole("button", { name: "What to do about romeo" }).click();
  await juliet.getByRole("menuitem", { name: "Put out" }).click();
  await romeo.getByRole("alert").getByText("You have been put out of this room").waitFor();
  await notice(juliet, "romeo was put out of the room");
  await romeo.getByRole("button", { name: "Enter again" }).click();
  await romeo.locator("#count").waitFor();
  await romeo.locator(".head").getByRole("button", { name: "More" }).click();
  await romeo.getByRole("menuitem", { name: "Leave room" }).click();
  await notice(juliet, "romeo has left");
  await entry(romeo, "orchard").waitFor({ state: "detached" });
  await enterRoom(romeo, "orchard");
  await juliet.getByRole("button", { name: "What to do about romeo" }).click();
  await juliet.getByRole("menuitem", { name: "Ban" }).click();
  await juliet.getByRole("dialog").getByRole("button", { name: "Ban from the room" }).click();
  await romeo.getByRole("alert").getByText("You have been banned from this room").waitFor();
  await picture(juliet, "moderated");
  await close(juliet, romeo);
});

test("data for programs passes between the page, posts and streams of events", async () => {
  const juliet = await login(browser, url(), "juliet");
  await enterRoom(juliet, "engine");
  const guest = await open(browser, url() + "/room/engine", { colorScheme: "dark" });
  await guest.locator("#count").waitFor();
  const stop = new AbortController();
  const r = await fetch(`http://localhost:${server.port}/api/rooms/engine/events`, { signal: stop.signal });
  const heardEvents = (async function* () {
    let got = "";
    for await (const part of r.body.pipeThrough(new TextDecoderStream())) {
      got += part;
      for (let at; (at = got.indexOf("\n\n")) >= 0; got = got.slice(at + 2)) {
        const event = /^event: (.*)$/m.exec(got.slice(0, at));
        const data = /^data: (.*)$/m.exec(got.slice(0, at));
        if (data) yield { event: event?.[1], ...JSON.parse(data[1]) };
      }
    }
  })();
  const { id } = await server.post("rooms/engine/messages", { event: "urn:example:alarm", data: { level: 3, where: "<boiler>" } }, "nurse");
  for (const p of [juliet, guest]) await p.locator(".data", { hasText: "urn:example:alarm" }).getByText('"level": 3').waitFor();
  const first = (await heardEvents.next()).value;
  assert.equal(first.id, id);
  assert.deepEqual(first.data, { level: 3, where: "<boiler>" });
  await say(guest, "/event urn:example:answer {broken");
  await guest.getByText("Write the event's name, and JSON").waitFor();
  await say(guest, '/event urn:example:answer {"done": true}');
  const second = (await heardEvents.next()).value;
  assert.equal(second.event, "urn:example:answer");
  assert.deepEqual(second.data, { done: true });
  await juliet.locator(".data", { hasText: "urn:example:answer" }).getByText('"done": true').waitFor();
  await guest.locator('.message.mine[data-status="sent"] .data').waitFor(); // the room has it: that is the acknowledgement
  stop.abort();
  await picture(guest, "data-dark");
  // To one.
  await server.post("messages", { to: "juliet@localhost", event: "urn:example:whisper", data: "psst" }, "nurse");
  await entry(juliet, "nurse").locator(".badge").waitFor();
  await entry(juliet, "nurse").click();
  await juliet.locator(".data", { hasText: "urn:example:whisper" }).getByText("psst").waitFor();
  await close(juliet, guest);
});

test("what hostile peers send is text, bounded, and stays where it belongs", async () => {
  const juliet = await login(browser, url(), "juliet");
  let dialogs = 0;
  juliet.on("dialog", (d) => (dialogs++, d.dismiss()));
  const esc = (t) => t.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  const html = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
  const to = 'to="juliet@localhost"';
  await server.raw(
    "iago",
    `<message ${to} type="chat" id="h1"><body>${esc(html)}</body></message>`,
    `<message ${to} type="chat" id="h2"><body>${"A".repeat(150000)}</body></message>`,
    `<message ${to} type="chat" id="h3"><body>javascript:alert(1)</body><x xmlns="jabber:x:oob"><url>javascript:alert(1)</url></x></message>`,
    `<message ${to} type="chat" id="h4"><body>data:text/html,x.png</body><x xmlns="jabber:x:oob"><url>data:text/html,x.png</url></x></message>`,
    `<message ${to} type="chat" id="h5"><body>\u202Egnp.exe \u200F${"\u0301".repeat(200)}</body></message>`,
    // Copies, archives and markers in somebody's own name.
    `<message ${to} type="chat" id="h6"><received xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="romeo@localhost/x" ${to} type="chat"><body>forged copy</body></message></forwarded></received></message>`,
    `<message ${to} id="h7"><result xmlns="urn:xmpp:mam:2" id="1" queryid="q"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="romeo@localhost/x" ${to} type="chat"><body>forged history</body></message></forwarded></result></message>`,
    `<message ${to} type="chat" id="h8"><body>not yours</body><replace xmlns="urn:xmpp:message-correct:0" id="h9"/></message>`,
    `<message ${to} type="chat" id="h10"><payload xmlns="urn:xmpp:json-msg:0" datatype="${esc(html)}"><json xmlns="urn:xmpp:json:0">{"a":"${esc("<b>x</b>").replaceAll("&quot;", "")}"}</json></payload></message>`,
    `<message ${to} type="chat" id="last"><body>still here</body></message>`,
  );
  await entry(juliet, "iago").click();
  await heard(juliet, "still here");
  await juliet.getByRole("button", { name: "Show all 150000 characters" }).waitFor();
  const log = juliet.getByRole("log");
  assert.equal(await log.locator("img, script, b, iframe").count(), 0);
  assert.equal(await log.locator('a[href^="javascript" i], a[href^="data" i]').count(), 0);
  assert.equal(await juliet.getByText("forged").count(), 0);
  assert.notEqual(await juliet.title(), "owned");
  assert.equal(dialogs, 0);
  assert.ok(await juliet.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  // A room with a hostile name, topic and nick.
  await enterRoom(juliet, "trap");
  await server.raw("juliet", `<message to="trap@conference.localhost" type="groupchat" id="t"><subject>${esc(html)}</subject></message>`);
  const nick = esc('"><img src=x onerror=alert(1)>' + "x".repeat(200));
  await server.raw("iago", `<presence to="trap@conference.localhost/${nick}"><x xmlns="http://jabber.org/protocol/muc"/></presence>`, `<message to="trap@conference.localhost" type="groupchat"><body>boo</body></message>`);
  await heard(juliet, "boo");
  assert.equal(await juliet.locator("img:not([src^='data:'])").count(), 0);
  assert.ok(await juliet.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await picture(juliet, "hostile");
  await close(juliet);
});

test("Chinese, dark, on a phone and on a screen, with the settings", async () => {
  const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: "dark", locale: "zh-CN" };
  const p = await login(browser, url(), "juliet", phone);
  await entry(p, "romeo").click();
  await heard(p, "an answer");
  await picture(p, "chat-phone-zh-dark");
  await p.getByRole("button", { name: "返回列表" }).click();
  await p.getByRole("button", { name: "设置" }).click();
  await p.getByText("让别人看到我读到哪里").waitFor();
  assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await picture(p, "settings-phone-zh-dark");
  await close(p);
  const wide = await login(browser, url(), "juliet", { locale: "zh-CN" });
  await entry(wide, "romeo").click();
  await heard(wide, "an answer");
  await picture(wide, "chat-zh");
  await wide.getByRole("button", { name: "设置" }).click();
  await picture(wide, "settings-zh");
  // A choice of appearance outlives the page.
  await wide.getByLabel("外观").selectOption("dark");
  await wide.reload();
  assert.equal(await wide.getAttribute("html", "data-theme"), "dark");
  await close(wide);
});

test("a screen reader finds its way: landmarks, live regions, an order of focus", async () => {
  const p = await login(browser, url(), "juliet");
  await entry(p, "romeo").click();
  await heard(p, "Read this");
  for (const role of ["main", "navigation", "log"]) await p.getByRole(role).first().waitFor();
  assert.equal(await p.getByRole("main").count(), 1);
  assert.equal(await p.getByRole("heading", { level: 1 }).count(), 1);
  assert.equal(await p.getByRole("log").getAttribute("aria-live"), "polite");
  assert.ok((await p.locator('[role="status"], [aria-live]').count()) >= 3);
  assert.ok(await p.locator('[role="alert"]').count());
  // The order in which Tab comes by is that in which one reads.
  await p.locator(".side-top button").first().focus();
  const order = [];
  for (let i = 0; i < 40; i++) {
    order.push(await p.evaluate(() => document.activeElement?.closest(".sidebar, .head, .log, .composer")?.className.split(" ")[0] ?? ""));
    if (order.at(-1) === "composer") break;
    await p.keyboard.press("Tab");
  }
  assert.deepEqual(order.filter((v, i) => v && v !== order[i - 1]), ["sidebar", "head", "log", "composer"]);
  // Whatever is read has contrast enough (WCAG 2.2 §1.4.3), light and dark.
  for (const theme of ["light", "dark"]) {
    await p.emulateMedia({ colorScheme: theme });
    const weak = await p.evaluate(async () => {
      await Promise.all(document.getAnimations().map((a) => a.finished)); // colours fade over
      const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      const rgb = (css) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = css;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
      };
      const light = ([r, g, b]) => [r, g, b].map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
      const behind = (el) => {
        for (let e = el; e; e = e.parentElement) {
          const c = rgb(getComputedStyle(e).backgroundColor);
          if (c[3] > 250) return c;
        }
        return [255, 255, 255];
      };
      const out = [];
      for (const el of document.querySelectorAll("h1, h2, p, span, strong, time, button, a, label")) {
        const own = [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!own || !el.offsetParent || el.closest(".sr, [aria-hidden=true], .actions, .avatar")) continue;
        const [a, b] = [light(rgb(getComputedStyle(el).color)), light(behind(el))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) out.push(`${ratio.toFixed(2)} ${el.outerHTML.slice(0, 100)}`);
      }
      const author = document.querySelector(".author"); // of any name
      for (let hue = 0; hue < 360; hue += 10) {
        author.style.setProperty("--hue", hue);
        const [a, b] = [light(rgb(getComputedStyle(author).color)), light(behind(author))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) out.push(`${ratio.toFixed(2)} a name of hue ${hue}`);
      }
      return out;
    });
    assert.deepEqual(weak, [], theme);
  }
  await close(p);
});

test("nothing was refused by the page's policy, and nothing was thrown", () => {
  assert.deepEqual(complaints, []);
});
