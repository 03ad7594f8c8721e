// The page of an invitation in a real Chromium, against the built binary: from the link
// to the chat, without scripts on the page, on a phone, in both languages.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { complaints, launch, login, open, picture, Server } from "./world.mjs";

const server = new Server();
let browser;

before(async () => {
  await server.start();
  server.user("juliet");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.end();
});

const url = () => `http://localhost:${server.port}`;

/** Makes an invitation and returns its page, on this machine, and its link. */
const invite = (...args) => {
  const out = execFileSync(process.env.NATTER, ["invite", ...args, "--data", server.data], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [page, uri] = out.trim().split("\n");
  return { page: url() + new URL(page).pathname, uri };
};

/** A phone, as somebody has it who is invited. */
const phone = { viewport: { width: 360, height: 740 }, javaScriptEnabled: false };

/** Fails where something sticks out at the side. */
const fits = async (page) => {
  // Without scripts of its own the page can still be looked at from outside.
  const [width, most] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(width <= most, `the page is ${width} wide, the window ${most}`);
};

test("an account is made in the browser, and talks with who has invited", async () => {
  const juliet = await login(browser, url(), "juliet");
  const { page, uri } = invite("--contact", "juliet");
  const guest = await open(browser, page, phone);
  await guest.getByRole("heading", { name: "juliet@localhost invites you to localhost" }).waitFor();
  assert.equal(await guest.getByRole("link", { name: "Open in a chat program" }).getAttribute("href"), uri);
  await guest.getByRole("img", { name: "The invitation's code" }).waitFor();
  await fits(guest);
  await picture(guest, "invite-phone");

  const form = async (name, password, again = password) => {
    await guest.getByLabel("Name", { exact: true }).fill(name);
    await guest.getByLabel("Password", { exact: true }).fill(password);
    await guest.getByLabel("The password again").fill(again);
    await guest.getByRole("button", { name: "Make the account" }).click();
  };
  await form("juliet", "a long secret");
  await guest.getByRole("alert").getByText("has that name already").waitFor();
  assert.equal(await guest.getByLabel("Name", { exact: true }).getAttribute("aria-invalid"), "true");
  await form("nurse", "a long secret", "another secret");
  await guest.getByRole("alert").getByText("not the same").waitFor();
  assert.equal(await guest.getByLabel("Name", { exact: true }).inputValue(), "nurse");
  assert.equal(await guest.getByLabel("Password", { exact: true }).inputValue(), "");
  await fits(guest);
  await form("nurse", "a long secret");
  await guest.getByText("nurse@localhost", { exact: true }).waitFor();
  const chat = await guest.getByRole("link", { name: "Chat in this browser" }).getAttribute("href");
  await picture(guest, "invite-made");
  await guest.reload(); // sends the form again, in vain
  await guest.getByRole("heading", { name: "has been used already" }).waitFor();
  await guest.context().close();

  const nurse = await open(browser, url() + chat);
  assert.equal(await nurse.locator("#jid").inputValue(), "nurse@localhost");
  await nurse.locator("#password").fill("a long secret");
  await nurse.locator("button.primary").click();
  await nurse.locator('.entry[href^="#/juliet%40"]').waitFor();
  await juliet.locator('.entry[href^="#/nurse%40"]').waitFor();
  for (const p of [nurse, juliet]) await p.context().close();
});

test("in Chinese and in the dark, with a name that is kept", async () => {
  const { page } = invite("--user", "peter");
  const guest = await open(browser, page, { ...phone, locale: "zh-CN", colorScheme: "dark" });
  await guest.getByRole("heading", { name: "邀请您加入 localhost" }).waitFor();
  assert.equal(await guest.getByLabel("用户名").inputValue(), "peter");
  assert.ok(!(await guest.getByLabel("用户名").isEditable()));
  assert.equal(await guest.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(23, 24, 22)");
  await fits(guest);
  await picture(guest, "invite-dark-zh");
  await guest.getByRole("link", { name: "English" }).click();
  await guest.getByRole("heading", { name: "You are invited to localhost" }).waitFor();
  await guest.getByLabel("Password", { exact: true }).fill("a long secret");
  await guest.getByLabel("The password again").fill("a long secret");
  await guest.keyboard.press("Enter");
  await guest.getByText("peter@localhost", { exact: true }).waitFor();
  await guest.context().close();
});

test("what is no invitation tells nothing", async () => {
  const page = await open(browser, url() + "/invite/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", phone);
  await page.getByRole("heading", { name: "This invitation is not valid." }).waitFor();
  assert.equal(await page.locator("form").count(), 0);
  await page.context().close();
});

test("nothing on the pages was against their policy", () => assert.deepEqual(complaints, []));
