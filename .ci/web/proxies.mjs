// nginx, HAProxy and Caddy, with the configurations of docs/proxy.md: the text of its
// blocks, in which only ports, files and addresses are others.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Network, Server } from "./world.mjs";

const page = readFileSync(new URL("../../docs/proxy.md", import.meta.url), "utf8");

/** The block of the page that begins with this line, a comment. */
export function block(title) {
  for (const [, text] of page.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)) {
    if (text.startsWith(`# ${title}\n`)) return text;
  }
  throw new Error(`docs/proxy.md has no block "${title}"`);
}

/** Replaces what has to be there, everywhere. */
export function put(text, replacements) {
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new Error(`${from} is not in:\n${text}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Leaves out the lines for IPv6 where this machine has none. */
export function families(text) {
  if (existsSync("/proc/net/if_inet6") && readFileSync("/proc/net/if_inet6", "utf8").includes("00000000000000000000000000000001")) return text;
  return text.replace(/^.*(listen|bind) \[.*\n/gm, "");
}

/**
 * Ports of this machine that are free now: of those that are given to no outgoing
 * connection, which would take one before its server is there.
 */
export async function freePorts(n) {
  const ports = [];
  for (let tries = 0; ports.length < n && tries < 1000; tries++) {
    const port = 12000 + Math.floor(Math.random() * 20000);
    const s = net.createServer();
    const free = await new Promise((done) => s.once("error", () => done(false)).listen({ port, host: "127.0.0.1" }, () => done(true)));
    if (!free) continue;
    await new Promise((done) => s.close(done));
    if (!ports.includes(port)) ports.push(port);
  }
  return ports;
}

/** A certificate for names, made for the day: files, and both in one as HAProxy has it. */
export function certificate(dir, ...names) {
  const at = (ext) => path.join(dir, names[0] + ext);
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-subj", "/CN=" + names[0], "-addext", "subjectAltName=" + names.map((n) => "DNS:" + n).join(","),
    "-keyout", at(".key"), "-out", at(".crt")], { stdio: "pipe" });
  writeFileSync(at(".pem"), readFileSync(at(".crt"), "utf8") + readFileSync(at(".key"), "utf8"));
  return { crt: at(".crt"), key: at(".key"), pem: at(".pem"), ca: readFileSync(at(".crt"), "utf8") };
}

export const scratch = (name) => mkdtempSync(path.join(tmpdir(), `proxied-${name}-`));

/** All that was started and has not ended. */
export const running = new Set();

/** A proxy that runs in the foreground, as a child. */
class Child {
  said = "";

  constructor(dir, command, args, ports) {
    this.dir = dir;
    this.ports = ports;
    this.process = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir } });
    for (const out of [this.process.stdout, this.process.stderr]) out.on("data", (b) => (this.said = (this.said + b).slice(-20000)));
    running.add(this);
    this.ended = new Promise((done) => {
      this.process.once("exit", (code) => done((this.over = code ?? "a signal")));
      this.process.once("error", (e) => ((this.said += e), done((this.over = e.code))));
    });
  }

  /** Waits until it listens. */
  async listens() {
    for (const port of this.ports) {
      for (const end = Date.now() + 20000; ; ) {
        const open = await new Promise((done) => {
          const s = net.connect(port, "127.0.0.1", () => (s.destroy(), done(true)));
          s.on("error", () => done(false));
        });
        if (open) break;
        if (this.over !== undefined || Date.now() > end) throw new Error(`it does not listen on ${port} (${this.over}):\n${this.said}`);
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    return this;
  }

  async end() {
    this.process.kill("SIGTERM");
    await this.ended;
    running.delete(this);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** nginx with these files for http { } and besides it. */
export function nginx(site, stream, ports) {
  const dir = scratch("nginx");
  writeFileSync(path.join(dir, "site.conf"), site);
  writeFileSync(path.join(dir, "stream.conf"), stream);
  for (const kind of ["body", "proxy", "fastcgi", "uwsgi", "scgi"]) mkdirSync(path.join(dir, kind));
  const root = process.getuid() === 0 ? "user root;" : "";
  const module = "/usr/lib/nginx/modules/ngx_stream_module.so";
  writeFileSync(path.join(dir, "nginx.conf"), `
daemon off;
worker_processes 1;
pid ${dir}/pid;
error_log stderr warn;
${root}
${stream && existsSync(module) ? `load_module ${module};` : ""}
events { worker_connections 1024; }
http {
    # As Debian has it.
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    ssl_prefer_server_ciphers on;
    gzip on;
    access_log off;
    client_body_temp_path ${dir}/body;
    proxy_temp_path ${dir}/proxy;
    fastcgi_temp_path ${dir}/fastcgi;
    uwsgi_temp_path ${dir}/uwsgi;
    scgi_temp_path ${dir}/scgi;
    include ${dir}/site.conf;
}
include ${dir}/stream.conf;
`);
  return new Child(dir, "nginx", ["-p", dir, "-e", "stderr", "-c", path.join(dir, "nginx.conf")], ports).listens();
}

export function haproxy(config, ports) {
  const dir = scratch("haproxy");
  const file = path.join(dir, "haproxy.cfg");
  writeFileSync(file, config);
  return new Child(dir, "haproxy", ["-db", "-f", file], ports).listens();
}

export function caddy(config, ports) {
  const dir = scratch("caddy");
  const file = path.join(dir, "Caddyfile");
  writeFileSync(file, config);
  return new Child(dir, "caddy", ["run", "--adapter", "caddyfile", "--config", file], ports).listens();
}

/** The site of the page, listening here, in front of natter there. */
export const nginxSite = (cert, listen80, listen443, natter) =>
  families(put(block("/etc/nginx/sites-available/natter"), [
    ["listen 80;", `listen 127.0.0.1:${listen80};`],
    ["listen [::]:80;", `listen [::1]:${listen80};`],
    ["listen 443 ", `listen 127.0.0.1:${listen443} `],
    ["listen [::]:443 ", `listen [::1]:${listen443} `],
    ["/etc/letsencrypt/live/chat.example.org/fullchain.pem", cert.crt],
    ["/etc/letsencrypt/live/chat.example.org/privkey.pem", cert.key],
    ["127.0.0.1:5280", `127.0.0.1:${natter}`],
  ]));

/** A server behind a proxy, and the bad network before it, for browsers. */
export async function arrange(kind) {
  if (kind !== "nginx") throw new Error(`no proxy ${kind}`);
  const [http, port, port80] = await freePorts(3);
  const dir = scratch("cert");
  const cert = certificate(dir, "chat.example.org", "localhost");
  const network = new Network({ port, tls: { ca: cert.ca, servername: "localhost", ALPNProtocols: ["http/1.1"] } });
  await network.listen();
  const server = new Server({ port: http, config: `trusted_proxies = ["127.0.0.1"]\npublic_url = "${network.url}"\n` });
  const proxy = await nginx(nginxSite(cert, port80, port, http), "", [port]);
  rmSync(dir, { recursive: true, force: true }); // nginx has read it
  return { server, network, proxy };
}
