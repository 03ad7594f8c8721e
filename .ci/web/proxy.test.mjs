// natter behind nginx, HAProxy and Caddy, with the configurations of docs/proxy.md.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import http2 from "node:http2";
import path from "node:path";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { block, caddy, certificate, families, freePorts, haproxy, nginx, nginxSite, put, running, scratch } from "./proxies.mjs";
import { complaints, heard, launch, login, say as tell, Server } from "./world.mjs";
import { BOSHClient, Inbox, Site, TCPClient, WSClient } from "./xmpp.mjs";

const domain = "example.org";
const name = "chat.example.org";
const natter = process.env.NATTER;
/** A picture of one pixel. */
const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
const certs = scratch("cert");
const site = certificate(certs, name);
const [c2s, c2sTLS, http, ...ports] = await freePorts(24);
const port = () => ports.pop();
let own; // what natter's own certificate is signed with

const server = new Server({
  port: http,
  config:
    put(block("/etc/natter/natter.toml"), [["127.0.0.1:5280", `127.0.0.1:${http}`]]) +
    put(block("/etc/natter/natter.toml, for XMPP over TCP"), [["127.0.0.1:5222", `127.0.0.1:${c2s}`], ["127.0.0.1:5223", `127.0.0.1:${c2sTLS}`]]) +
    'register = true\nguests = "on"\nturn = "off"\n',
  flags: [],
});

// Where each proxy listens: for browsers, for XMPP with and without TLS.
const webs = { nginx: port(), "nginx behind its shared port": port(), HAProxy: port(), Caddy: port() };
const shared = { nginx: webs["nginx behind its shared port"], HAProxy: webs.HAProxy };
const byName = { nginx: port(), HAProxy: port() };
const start = { nginx: port(), HAProxy: port() };
const direct = { nginx: port(), HAProxy: port() };
const ended = port(); // TLS for XMPP ends at HAProxy here

const towards = (text) => put(text, [["127.0.0.1:5222", `127.0.0.1:${c2s}`], ["127.0.0.1:5223", `127.0.0.1:${c2sTLS}`]]);
const here = (text, ports) => {
  for (const [from, to] of ports) text = put(text, [[`198.51.100.7:${from}`, `127.0.0.1:${to}`], [`[2001:db8::7]:${from}`, `[::1]:${to}`]]);
  return families(text);
};

async function startNginx() {
  await nginx(nginxSite(site, port(), webs.nginx, http), here(towards(block("/etc/nginx/natter-stream.conf")), [
    [5222, start.nginx], [5223, direct.nginx], [443, port()],
  ]), [webs.nginx, start.nginx, direct.nginx]);
}

// The same with the shared port: the site's lines as the page says, in the place of its own.
async function startSharedNginx() {
  const inner = port();
  const lines = put(block("/etc/nginx/sites-available/natter, behind the shared port"), [["127.0.0.1:8443", `127.0.0.1:${inner}`]]);
  const own = nginxSite(site, port(), 443, http).replace(/^ *listen \[?[^;]*443 .*\n/gm, "").replace(/^ *ssl_certificate /m, lines + "$&");
  await nginx(own, here(put(towards(block("/etc/nginx/natter-stream.conf")), [["127.0.0.1:8443", `127.0.0.1:${inner}`]]), [
    [5222, port()], [5223, port()], [443, shared.nginx],
  ]), [shared.nginx, inner]);
  const named = block("/etc/nginx/natter-stream.conf").replace(/^ *map .*alpn[\s\S]*?^ *}\n/m, block("/etc/nginx/natter-stream.conf, by name"));
  await nginx("", here(put(towards(named), [["127.0.0.1:8443", `127.0.0.1:${inner}`]]), [
    [5222, port()], [5223, port()], [443, byName.nginx],
  ]), [byName.nginx]);
}

async function startHAProxy() {
  const text = towards(put(block("/etc/haproxy/haproxy.cfg"), [
    ["/etc/haproxy/chat.example.org.pem", site.pem], ["127.0.0.1:5280", `127.0.0.1:${http}`], ["abns@natter-site", `abns@natter-${process.pid}`],
  ]));
  const extra = put(block("/etc/haproxy/haproxy.cfg, with TLS for XMPP"), [
    ["/etc/haproxy/example.org.pem", certificate(certs, domain).pem], ["127.0.0.1:5222", `127.0.0.1:${c2s}`], ["frontend port5223", "frontend port5223-ended"],
  ]);
  const named = /^frontend port443[\s\S]*?\n\n/m.exec(text)[0].replace(/^ *use_backend .*\n/m, block("/etc/haproxy/haproxy.cfg, by name"));
  await haproxy(
    here(text, [[443, shared.HAProxy], [5222, start.HAProxy], [5223, direct.HAProxy]]) + here(extra, [[5223, ended]]) +
      here(put(named, [["frontend port443", "frontend port443-by-name"]]), [[443, byName.HAProxy]]),
    [shared.HAProxy, start.HAProxy, direct.HAProxy, ended, byName.HAProxy]);
}

async function startCaddy() {
  const text = put(block("/etc/caddy/Caddyfile"), [["127.0.0.1:5280", `127.0.0.1:${http}`], [`${name} {\n`, `${name} {\n\ttls ${site.crt} ${site.key}\n`]]);
  await caddy(`{\n\tadmin off\n\thttp_port ${port()}\n\thttps_port ${webs.Caddy}\n}\n` + text, [webs.Caddy]);
}

before(async () => {
  await server.start();
  own = readFileSync(path.join(server.data, "cert", "ca.pem"), "utf8");
  server.user("juliet", "romeo", "nurse");
  await Promise.all([startNginx(), startSharedNginx(), startHAProxy(), startCaddy()]);
});

after(async () => {
  await Promise.all([...running].map((c) => c.end()));
  await server.end();
  rmSync(certs, { recursive: true, force: true });
});

/** Where natter says that a client is. */
const whereIs = ({ jid }) => {
  const [account, resource] = jid.split("/");
  const info = JSON.parse(execFileSync(natter, ["user", "info", account, "--json", "--data", server.data], { encoding: "utf8" }));
  return info.sessions.find((s) => s.resource === resource).remote.replace(/:\d+$/, "");
};

const basic = { Authorization: "Basic " + Buffer.from(`romeo@${domain}:secret`).toString("base64") };
const say = (at, room, body) => at.fetch(`/api/rooms/${room}/messages`, { method: "POST", headers: { ...basic, "Content-Type": "text/plain" }, body });

/** A session of HTTP/2. */
const h2 = async (at) => {
  const session = http2.connect(`https://${name}`, { ca: site.ca, createConnection: () => tls.connect({ port: at, host: "127.0.0.1", servername: name, ca: site.ca, ALPNProtocols: ["h2"] }) });
  await Promise.race([once(session, "remoteSettings"), once(session, "error").then(([e]) => Promise.reject(e))]);
  return session;
};

for (const [proxy, at] of Object.entries(webs)) {
  const web = new Site(name, at, site.ca);
  const room = proxy.replaceAll(" ", "-").toLowerCase();

  test(`${proxy}: WebSocket and BOSH log in, talk, and are who they are`, { timeout: 60000 }, async () => {
    const juliet = await WSClient.connect(web.as("127.0.0.3"), { domain });
    const offered = await juliet.features();
    assert.match(offered, />PLAIN</);
    assert.match(offered, />SCRAM-SHA-256</);
    assert.doesNotMatch(offered, /-PLUS|channel-binding/); // TLS is the proxy's
    await juliet.login("juliet");
    assert.equal(whereIs(juliet), "127.0.0.3");
    const romeo = await BOSHClient.connect(web.as("127.0.0.4"), { domain });
    await romeo.features();
    await romeo.login("romeo");
    assert.equal(whereIs(romeo), "127.0.0.4");

    // A held request is answered when there is something, and not before.
    romeo.hold();
    let answered = false;
    romeo.sending.then(() => (answered = true));
    await juliet.ping();
    assert.equal(answered, false);
    const held = romeo.expect(/<body>wherefore<\/body>/);
    juliet.send(`<message xmlns="jabber:client" to="${romeo.jid}" type="chat"><body>wherefore</body></message>`);
    await held;
    romeo.send(`<message xmlns="jabber:client" to="${juliet.jid}" type="chat"><body>${"o".repeat(70000)}</body></message>`);
    await juliet.expect(/<body>o{70000}<\/body>/);
    romeo.send("", 'type="terminate"');
    await romeo.sending;
    juliet.close();
  });

  test(`${proxy}: what a client says of its address is not believed`, { timeout: 60000 }, async () => {
    const lies = {
      "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Real-IP": "203.0.113.9", "X-Forwarded-Host": "evil.example",
      Forwarded: "for=203.0.113.9;proto=https",
    };
    for (const said of [lies, ...Object.entries(lies).map(([k, v]) => ({ [k]: v }))]) {
      const nurse = await WSClient.connect(web.as("127.0.0.5"), { domain, headers: said });
      await nurse.features();
      await nurse.login("nurse");
      assert.equal(whereIs(nurse), "127.0.0.5", JSON.stringify(said));
      nurse.send(`<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>`);
      await nurse.expect(/<close/);
      nurse.close();
    }
    assert.equal((await web.fetch("/metrics")).status, 403);
  });

  test(`${proxy}: events arrive one by one, and polls are held`, { timeout: 60000 }, async () => {
    const juliet = await WSClient.connect(web, { domain });
    await juliet.features();
    await juliet.login("juliet");
    await juliet.makeRoom(`${room}@conference.${domain}`);

    const events = await web.fetch(`/api/rooms/${room}/events`, { headers: basic });
    assert.equal(events.status, 200);
    assert.match(events.headers["content-type"], /^text\/event-stream/);
    const inbox = new Inbox();
    events.stream.on("data", (b) => inbox.take(b));
    events.stream.on("close", () => inbox.end("closed"));
    let last;
    for (let i = 1; i <= 3; i++) { // each is there before the next is said, with the stream open
      const posted = await say(web, room, `event ${i}`);
      assert.equal(posted.status, 201);
      last = (await posted.json()).id;
      await inbox.expect(new RegExp(`"body":"event ${i}"`));
      await juliet.expect(new RegExp(`<body>event ${i}</body>`));
      assert.equal(inbox.over, undefined);
    }
    let answered = false;
    const polled = web.fetch(`/api/rooms/${room}/messages?wait=30&after=${last}`, { headers: basic }).finally(() => (answered = true));
    await juliet.ping();
    assert.equal(answered, false);
    juliet.send(`<message xmlns="jabber:client" to="${room}@conference.${domain}" type="groupchat"><body>by hand</body></message>`);
    const { messages } = await (await polled).json();
    assert.deepEqual(messages.map((m) => m.body), ["by hand"]);
    await inbox.expect(/"body":"by hand"/);
    events.stream.destroy();

    // Over HTTP/2 as well, of which browsers make all their requests.
    const session = await h2(at);
    const stream = session.request({ ":path": `/api/rooms/${room}/events`, ...basic });
    const also = new Inbox();
    stream.on("data", (b) => also.take(b));
    assert.equal((await once(stream, "response"))[0][":status"], 200);
    for (const text of ["one", "two"]) {
      assert.equal((await say(web, room, text)).status, 201);
      await also.expect(new RegExp(`"body":"${text}"`));
    }
    session.destroy();
    juliet.close();
  });

  test(`${proxy}: files go up and down`, { timeout: 60000 }, async () => {
    const juliet = await WSClient.connect(web, { domain });
    await juliet.features();
    await juliet.login("juliet");
    const file = randomBytes(8 << 20);
    juliet.send(`<iq xmlns="jabber:client" type="get" id="slot" to="upload.${domain}"><request xmlns="urn:xmpp:http:upload:0" filename="x.bin" size="${file.length}" content-type="application/octet-stream"/></iq>`);
    const [, put, inner] = await juliet.expect(/<put url=['"]([^'"]*)['"]>?([\s\S]*?)<get/);
    const url = new URL(put);
    assert.equal(url.origin, `https://${name}`);
    const auth = /<header name=['"]Authorization['"]>([^<]*)/.exec(inner)?.[1];
    const sent = await web.fetch(url.pathname, { method: "PUT", headers: { "Content-Length": file.length, "Content-Type": "application/octet-stream", ...(auth && { Authorization: auth }) }, body: file });
    assert.equal(sent.status, 201, await sent.text());
    const hash = (b) => createHash("sha256").update(b).digest("hex");
    const got = await web.fetch(url.pathname);
    assert.equal(hash(await got.bytes()), hash(file));
    assert.ok(got.headers.etag);
    const part = await web.fetch(url.pathname, { headers: { Range: "bytes=5000000-5000099", "If-Range": got.headers.etag } });
    assert.equal(part.status, 206);
    assert.deepEqual(await part.bytes(), file.subarray(5000000, 5000100));
    assert.equal((await web.fetch(url.pathname, { headers: { "If-None-Match": got.headers.etag } })).status, 304);
    juliet.close();
  });

  test(`${proxy}: the page and where to connect are as natter says`, { timeout: 60000 }, async () => {
    const page = await web.fetch("/");
    assert.equal(page.status, 200);
    assert.match(page.headers["content-security-policy"], /script-src 'self'/);
    assert.match(page.headers["content-security-policy"], /connect-src 'self' https:\/\/chat\.example\.org;/);
    const meta = await (await web.fetch("/.well-known/host-meta.json")).json();
    assert.deepEqual(meta.links.map((l) => l.href), [`wss://${name}/xmpp-websocket`, `https://${name}/http-bind`]);
    // A page of the site may connect, another one's may not.
    (await WSClient.connect(web, { domain, headers: { Origin: `https://${name}` } })).close();
    await assert.rejects(WSClient.connect(web, { domain, headers: { Origin: "https://evil.example" } }), /answered 403/);
  });
}

// A browser itself, over HTTP/2 where it likes: the page's policy, a file, two ways to talk.
for (const proxy of ["nginx", "HAProxy", "Caddy"]) {
  const at = webs[proxy];
  test(`${proxy}: the web chat in Chromium`, { timeout: 60000 }, async () => {
    const browser = await launch("--ignore-certificate-errors", `--host-resolver-rules=MAP ${name}:443 127.0.0.1:${at}`);
    try {
      const page = await login(browser, `https://${name}`, "juliet");
      const romeo = await WSClient.connect(new Site(name, at, site.ca), { domain });
      await romeo.features();
      await romeo.login("romeo");
      romeo.send(`<message xmlns="jabber:client" to="juliet@${domain}" type="chat"><body>by ${proxy}</body></message>`);
      await page.locator(`.entry[href^="#/romeo%40"]`).click();
      await heard(page, `by ${proxy}`);
      await tell(page, "so do I");
      await romeo.expect(/<body>so do I<\/body>/);
      await page.locator("#file").setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: dot });
      await romeo.expect(/<body>https:\/\/chat\.example\.org\/upload\/[^<]*dot\.png<\/body>/);
      await page.waitForFunction(() => [...document.querySelectorAll(".picture img")].some((i) => i.complete && i.naturalWidth === 1));
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByText("Connected by WebSocket").waitFor();
      assert.deepEqual(complaints, []);
      romeo.close();
    } finally {
      await browser.close();
    }
  });
}

test("HAProxy: a WebSocket within HTTP/2 (RFC 8441)", { timeout: 60000 }, async () => {
  const session = await h2(webs.HAProxy);
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
  const c = new WSClient();
  c.domain = domain;
  c.socket = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/xmpp-websocket", "sec-websocket-version": "13", "sec-websocket-protocol": "xmpp" }, { endStream: false });
  c.socket.on("data", (b) => c.read(b));
  const [headers] = await once(c.socket, "response");
  assert.equal(headers[":status"], 200);
  assert.equal(headers["sec-websocket-protocol"], "xmpp");
  c.open();
  await c.features();
  await c.login("nurse");
  assert.equal(whereIs(c), "127.0.0.1");
  session.destroy();
});

test("nobody but the proxy is believed", { timeout: 60000 }, async () => {
  // By HTTP: the claim of https makes no login possible.
  const lies = { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https" };
  const naked = new Site(name, http);
  const { default: plain } = await import("node:http");
  naked.request = (path, { headers, method } = {}) =>
    plain.request({ host: "127.0.0.1", port: http, localAddress: "127.0.0.3", path, method, headers: { Host: "localhost", ...headers } });
  const liar = await WSClient.connect(naked, { domain, headers: lies });
  assert.doesNotMatch(await liar.features(), /<mechanisms/);
  liar.close();

  // By the PROXY protocol: it is not XMPP.
  const header = "PROXY TCP4 203.0.113.9 198.51.100.7 40000 5222\r\n";
  const stranger = await TCPClient.connect({ port: c2s, from: "127.0.0.3", domain, header });
  await stranger.expect(/<not-well-formed/);
  // From the proxy's address it is mandatory.
  const silent = await TCPClient.connect({ port: c2s, from: "127.0.0.2", domain });
  assert.equal(await silent.inbox.rest(), "");
  // Through the proxy it is not XMPP either: the proxy's own header stands before it.
  for (const at of Object.values(start)) {
    const c = await TCPClient.connect({ port: at, from: "127.0.0.3", domain, header });
    await c.expect(/<not-well-formed/);
  }
});

for (const proxy of ["nginx", "HAProxy"]) {
  test(`${proxy}: XMPP over TCP, with TLS and channel binding from end to end`, { timeout: 60000 }, async () => {
    const begun = await TCPClient.connect({ port: start[proxy], from: "127.0.0.6", domain, ca: own });
    assert.match(await begun.features(), /<starttls[^>]*><required\/>/);
    await begun.starttls();
    assert.match(await begun.features(), /SCRAM-SHA-256-PLUS/);
    await begun.login("juliet");
    assert.equal(whereIs(begun), "127.0.0.6");
    const romeo = await TCPClient.connect({ port: direct[proxy], from: "127.0.0.7", domain, direct: true, ca: own });
    assert.match(await romeo.features(), /SCRAM-SHA-256-PLUS/);
    await romeo.login("romeo");
    assert.equal(whereIs(romeo), "127.0.0.7");
    // Port 443: the handshake says that it is XMPP.
    const nurse = await TCPClient.connect({ port: shared[proxy], from: "127.0.0.8", domain, direct: true, ca: own });
    assert.equal(nurse.socket.alpnProtocol, "xmpp-client");
    assert.match(await nurse.features(), /SCRAM-SHA-256-PLUS/);
    await nurse.login("nurse");
    assert.equal(whereIs(nurse), "127.0.0.8");
    nurse.send(`<message to="${romeo.jid}" type="chat"><body>over 443</body></message>`);
    await romeo.expect(/<body>over 443<\/body>/);
    // … or the name, where the handshake does not.
    const tybalt = await TCPClient.connect({ port: byName[proxy], domain, direct: true, ca: own, alpn: [] });
    assert.match(await tybalt.features(), /SCRAM-SHA-256-PLUS/);
    tybalt.close();
    assert.equal((await new Site(name, byName[proxy], site.ca).fetch("/")).status, 200);
    for (const c of [begun, romeo, nurse]) {
      c.send("</stream:stream>");
      await c.expect(/<\/stream:stream>/);
      c.close();
    }
  });
}

test("HAProxy: TLS for XMPP that ends there is told, and nothing can be bound to it", { timeout: 60000 }, async () => {
  const c = await TCPClient.connect({ port: ended, from: "127.0.0.9", domain, direct: true, ca: readFileSync(path.join(certs, `${domain}.crt`), "utf8") });
  const offered = await c.features();
  assert.match(offered, />PLAIN</);
  assert.doesNotMatch(offered, /starttls|-PLUS|channel-binding/);
  await c.login("juliet");
  assert.equal(whereIs(c), "127.0.0.9");
  c.close();
});

// Scripts of testdata/scripts through nginx: of core, rooms, archive and files.
const scripts = fileURLToPath(new URL("../../testdata/scripts/", import.meta.url));
const some = ["carbons-received", "roster-push", "offline", "muc-talk", "muc-archive", "mam-query", "ping-account", "upload"].map((s) => path.join(scripts, s + ".scs")).filter(existsSync);
for (const transport of ["ws", "bosh"]) {
  test(`nginx: scripts pass over ${transport}`, { timeout: 60000 }, async () => {
    assert.equal(some.length, 8, `only ${some}`);
    const { stdout } = await promisify(execFile)(natter, ["test", "--transport", transport, "--host", `localhost:${webs.nginx}`, "--domain", domain, "--ca", site.crt, "--insecure", "--register", "--fresh", ...some]);
    assert.match(stdout, new RegExp(`${some.length} passed|^ok`, "m"), stdout);
  });
}

test("health checks and the rest left no complaint about PROXY headers, but for the one", () => {
  const complaints = server.log.filter((l) => l.includes("PROXY header"));
  assert.equal(complaints.length, 1, complaints.join("\n"));
  assert.match(complaints[0], /proxy=127\.0\.0\.2:\d+ err="no PROXY header/);
});
