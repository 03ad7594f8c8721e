// A server, a proxy before it that can play the bad network, and browsers.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import tls from "node:tls";
import { chromium } from "playwright-core";

const natter = process.env.NATTER;
const shots = process.env.SHOTS ?? path.join(tmpdir(), "natter-web-shots");

/**
 * The built binary with data on disk, on ports of its own choosing; at a port of ours
 * where something else has to know it, with more settings.
 */
export class Server {
  data = mkdtempSync(path.join(tmpdir(), "natter-web-"));
  port = 0;
  log = [];

  constructor({ config = "", flags, port = 0 } = {}) {
    this.config = config;
    this.fixed = port;
    this.flags = flags ?? ["--dev", "--c2s", "127.0.0.1:0", "--c2s-tls", "off", "--http", `127.0.0.1:${port}`, "--https", "off"];
  }

  async start() {
    const config = path.join(this.data, "natter.toml");
    writeFileSync(config, 'bytestreams = "off"\nguest_rooms = "off"\n' + this.config);
    this.process = spawn(natter, ["serve", "--config", config, "--no-limits", "--data", this.data, ...this.flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.ended = new Promise((done) => this.process.once("exit", done));
    const log = this.log;
    const ready = new Promise((resolve, reject) => {
      const read = (line) => {
        log.push(line);
        if (log.length > 2000) log.shift();
        const m = /in a browser, at http:\/\/localhost:(\d+)/.exec(line);
        if (m) this.port = Number(m[1]);
        const c = /clients, STARTTLS\s+(\S+)/.exec(line);
        if (c) this.c2s = c[1];
        if (line.trim() === "ready") resolve();
      };
      createInterface({ input: this.process.stdout }).on("line", read);
      createInterface({ input: this.process.stderr }).on("line", read);
      this.process.once("exit", (code) => reject(new Error(`natter ended with ${code}:\n${log.slice(-200).join("\n")}`)));
    });
    this.port = this.fixed;
    await ready;
  }

  async stop(signal = "SIGTERM") {
    this.process.kill(signal);
    await this.ended;
  }

  user(...names) {
    execFileSync(natter, ["user", "add", ...names, "--data", this.data], { env: { ...process.env, NATTER_PASSWORD: "secret" } });
  }

  /** Sends XML as it is, as an account that has no window; resolves when the server has it. */
  async raw(name, ...xml) {
    const p = spawn(natter, ["raw", "--as", name + "@localhost/raw", "--server", this.c2s, "--insecure", "--wait", "200ms"], {
      env: { ...process.env, NATTER_PASSWORD: "secret" },
      stdio: ["pipe", "ignore", "inherit"],
    });
    p.stdin.end(xml.join("\n"));
    const code = await new Promise((done) => p.once("exit", done));
    if (code) throw new Error(`natter raw ended with ${code}`);
  }

  /** Posts JSON to the API as an account, or as a guest. */
  async post(path, body, name) {
    const headers = { "Content-Type": "application/json" };
    if (name) headers.Authorization = "Basic " + btoa(name + ":secret");
    const r = await fetch(`http://localhost:${this.port}/api/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!r.ok) throw new Error(await r.text());
    return r.json();
  }

  async end() {
    await this.stop("SIGKILL");
    rmSync(this.data, { recursive: true, force: true });
  }
}

/**
 * Passes everything on to the server, except what it is told not to; or to what stands
 * before it: { port, tls }, with the options for TLS.
 */
export class Network {
  websockets = true;
  /** Set to a promise, files that go up wait for it. */
  uploads = undefined;
  sockets = new Set();

  constructor(server) {
    this.server = server;
    const ask = (options, answer) => (server.tls ? https.request({ ...options, ...server.tls }, answer) : http.request(options, answer));
    this.http = http.createServer((req, res) => {
      const out = ask(
        { host: "127.0.0.1", port: server.port, method: req.method, path: req.url, headers: req.headers },
        (got) => {
          res.writeHead(got.statusCode, got.headers);
          got.pipe(res);
        },
      );
      out.on("error", () => {
        if (!res.headersSent) res.writeHead(502);
        res.end();
      });
      res.on("close", () => out.destroy());
      if (req.method === "PUT" && this.uploads) this.uploads.then(() => req.pipe(out));
      else req.pipe(out);
    });
    this.http.on("connection", (s) => {
      this.sockets.add(s);
      s.on("close", () => this.sockets.delete(s));
    });
    this.http.on("upgrade", (req, socket, head) => {
      socket.on("error", () => {});
      if (!this.websockets) return socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      const to = { port: server.port, host: "127.0.0.1", ...server.tls };
      const out = (server.tls ? tls : net).connect(to, () => {
        const raw = req.rawHeaders.reduce((t, v, i) => t + v + (i % 2 ? "\r\n" : ": "), `${req.method} ${req.url} HTTP/1.1\r\n`);
        out.write(raw + "\r\n");
        out.write(head);
        socket.pipe(out).pipe(socket);
      });
      out.on("error", () => socket.destroy());
      socket.on("close", () => out.destroy());
      out.on("close", () => socket.destroy());
    });
  }

  listen() {
    return new Promise((done) =>
      this.http.listen(0, "127.0.0.1", () => {
        this.url = `http://localhost:${this.http.address().port}`;
        done();
      }),
    );
  }

  /** Cuts every connection there is, without a word. */
  cut() {
    for (const s of this.sockets) s.destroy();
  }

  close() {
    this.http.close();
    this.cut();
  }
}

export const launch = (...args) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--headless=new", ...args],
  });

/** What the pages have complained about: violations of the policy, exceptions, and requests to anywhere else. */
export const complaints = [];

/** A window of its own, as another person's. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(Number(process.env.PATIENCE ?? 20000));
  const page = await context.newPage();
  page.on("pageerror", (e) => complaints.push(String(e.stack ?? e)));
  page.on("console", (m) => {
    if (/Content Security Policy|not understood|login /.test(m.text())) complaints.push(m.text());
  });
  page.on("request", (r) => {
    const at = new URL(r.url());
    if (!["data:", "blob:"].includes(at.protocol) && at.origin !== new URL(url).origin) complaints.push("asked elsewhere: " + r.url());
  });
  await page.goto(url);
  return page;
}

export async function login(browser, url, name, options = {}) {
  const page = await open(browser, url + "/", options);
  await page.locator("#jid").fill(name);
  await page.locator("#password").fill("secret");
  if (options.stay) await page.locator('input[type="checkbox"]').check();
  await page.locator("button.primary").click(); // whatever the language
  await page.locator(".sidebar").waitFor();
  return page;
}

/** What the server offers to a browser at one of its domains: the features before login. */
export const offers = (page, domain) =>
  page.evaluate(
    (to) =>
      new Promise((done) => {
        const ws = new WebSocket(location.origin.replace("http", "ws") + "/xmpp-websocket", "xmpp");
        let got = "";
        ws.onopen = () => ws.send(`<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${to}" version="1.0"/>`);
        ws.onmessage = (m) => {
          got += m.data;
          if (/features|error|<close/.test(m.data)) done(got);
        };
        ws.onclose = () => done(got);
      }),
    domain,
  );

const field = (page) => page.locator("#message");

export async function say(page, text) {
  await field(page).fill(text);
  await field(page).press("Enter");
}

/** Waits for a message with exactly that text. */
export const message = (page, text) => page.locator(".message", { has: page.getByText(text, { exact: true }) });
export const heard = (page, text) => message(page, text).last().waitFor();
export const notice = (page, text) => page.locator(".notice", { hasText: text }).first().waitFor();

export async function picture(page, name) {
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: path.join(shots, name + ".png") });
}

/** Waits until the value is what is wanted: the page's own events say when to look. */
export const becomes = (page, selector, want) =>
  page.waitForFunction(([sel, w]) => document.querySelector(sel)?.textContent?.trim() === w, [selector, want]);
