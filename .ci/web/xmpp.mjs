// Small XMPP clients that choose the address they come from: over TCP, WebSocket and
// BOSH. What they are sent is text, in which tests look for what they want.
import { randomBytes } from "node:crypto";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";

const patience = 20000;

/** What was received and not yet looked at, and whoever waits for more. */
class Inbox {
  text = "";
  waiting = [];

  take(b) {
    this.text += b;
    for (const look of this.waiting.splice(0)) look();
  }

  /** Reads up to the first match. An end is the match of an end. */
  async expect(pattern) {
    for (const end = Date.now() + patience; ; ) {
      const m = pattern.exec(this.text);
      if (m) {
        this.text = this.text.slice(m.index + m[0].length);
        return m;
      }
      if (this.over) throw new Error(`it ended (${this.over}) without ${pattern} after: ${this.text}`);
      await new Promise((done, fail) => {
        const t = setTimeout(() => fail(new Error(`no ${pattern} in: ${this.text}`)), end - Date.now());
        this.waiting.push(() => (clearTimeout(t), done()));
      });
    }
  }

  end(why) {
    this.over ??= String(why);
    for (const look of this.waiting.splice(0)) look();
  }

  /** Waits for the end and returns what was sent before it. */
  async rest() {
    while (!this.over) await new Promise((done) => this.waiting.push(done));
    return this.text;
  }
}

const features = /<stream:features[\s\S]*?(<\/stream:features>|\/>)/;
const plain = (user) => Buffer.from(`\0${user}\0secret`).toString("base64");
const saslNS = "urn:ietf:params:xml:ns:xmpp-sasl";
const bindIQ = `<iq xmlns="jabber:client" type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>`;

class Client {
  inbox = new Inbox();
  expect = (pattern) => this.inbox.expect(pattern);

  /** Logs in with PLAIN and binds, and is there. */
  async login(user) {
    this.send(`<auth xmlns="${saslNS}" mechanism="PLAIN">${plain(user)}</auth>`);
    await this.expect(/<success/);
    this.open();
    await this.expect(features);
    this.send(bindIQ);
    this.jid = (await this.expect(/<jid>([^<]*)<\/jid>/))[1];
    this.send(`<presence xmlns="jabber:client"/>`);
    await this.expect(/<presence/);
    return this;
  }

  /** Goes to the server and back. */
  async ping() {
    this.send(`<iq xmlns="jabber:client" type="get" id="ping"><ping xmlns="urn:xmpp:ping"/></iq>`);
    await this.expect(/<iq[^>]*id=.ping/);
  }

  /** Makes a room that is open to all, and is in it. */
  async makeRoom(room) {
    this.send(`<presence xmlns="jabber:client" to="${room}/${this.jid.split("@")[0]}"><x xmlns="http://jabber.org/protocol/muc"/></presence>`);
    await this.expect(/code=.110/);
    this.send(`<iq xmlns="jabber:client" type="set" id="room" to="${room}"><query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit"/></query></iq>`);
    await this.expect(/<iq[^>]*id=.room/);
  }
}

/** XMPP over TCP. header is sent before all else; direct begins with TLS. */
export class TCPClient extends Client {
  static async connect({ port, from = "127.0.0.1", domain, header, direct, ca, alpn }) {
    const c = new TCPClient();
    c.domain = domain;
    c.tls = { ca, servername: domain, ALPNProtocols: alpn ?? ["xmpp-client"] };
    c.socket = net.connect({ port, host: "127.0.0.1", localAddress: from });
    if (header) c.socket.write(header);
    c.listen();
    if (direct) await c.secure();
    c.open();
    return c;
  }

  listen() {
    this.socket.on("data", (b) => this.inbox.take(b));
    this.socket.on("end", () => this.inbox.end("closed"));
    this.socket.on("close", () => this.inbox.end("closed"));
    this.socket.on("error", (e) => this.inbox.end(e));
  }

  async secure() {
    this.socket.removeAllListeners("data");
    this.socket = tls.connect({ ...this.tls, socket: this.socket });
    this.listen();
    await new Promise((done, fail) => this.socket.once("secureConnect", done).once("error", fail));
    return this.socket.alpnProtocol;
  }

  async starttls() {
    this.send(`<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>`);
    await this.expect(/<proceed/);
    await this.secure();
    this.open();
  }

  open() {
    this.send(`<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="${this.domain}" version="1.0">`);
  }

  features = async () => (await this.expect(features))[0];
  send(s) {
    this.socket.write(s);
  }
  close() {
    this.socket.destroy();
  }
}

/** XMPP over WebSocket, with frames of our own making: fetch's have no address. */
export class WSClient extends Client {
  static async connect(site, { domain, headers = {} }) {
    const c = new WSClient();
    c.domain = domain;
    c.socket = await new Promise((done, fail) => {
      const req = site.request("/xmpp-websocket", {
        headers: {
          ...headers, Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Protocol": "xmpp", "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
        },
      });
      req.on("upgrade", (res, socket, head) => (c.read(head), done(socket)));
      req.on("response", (res) => fail(new Error(`a WebSocket is answered ${res.statusCode}`)));
      req.on("error", fail);
      req.end();
    });
    c.socket.on("data", (b) => c.read(b));
    c.socket.on("close", () => c.inbox.end("closed"));
    c.socket.on("error", (e) => c.inbox.end(e));
    c.open();
    return c;
  }

  partial = Buffer.alloc(0);
  read(b) {
    let data = Buffer.concat([this.partial, b]);
    while (data.length >= 2) {
      let n = data[1] & 127;
      let at = 2;
      if (n === 126) (n = data.length >= 4 ? data.readUInt16BE(2) : Infinity), (at = 4);
      else if (n === 127) (n = data.length >= 10 ? Number(data.readBigUInt64BE(2)) : Infinity), (at = 10);
      if (data.length < at + n) break;
      if ((data[0] & 15) === 1) this.inbox.take(data.subarray(at, at + n));
      data = data.subarray(at + n);
    }
    this.partial = data;
  }

  send(s) {
    const payload = Buffer.from(s);
    const n = payload.length;
    const head = n < 126 ? Buffer.from([0x81, 0x80 | n]) : Buffer.from([0x81, 0x80 | 126, n >> 8, n & 255]);
    const mask = randomBytes(4);
    this.socket.write(Buffer.concat([head, mask, payload.map((v, i) => v ^ mask[i & 3])]));
  }

  open() {
    this.send(`<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${this.domain}" version="1.0"/>`);
  }
  features = async () => (await this.expect(features))[0];
  close() {
    this.socket.destroy();
  }
}

/** XMPP over BOSH: one request is held while there is nothing to send. */
export class BOSHClient extends Client {
  rid = 1e6 + Math.floor(Math.random() * 1e6);
  static async connect(site, { domain, headers }) {
    const c = new BOSHClient();
    Object.assign(c, { site, domain, headers });
    const first = await c.ask(`to="${domain}" wait="60" hold="1" ver="1.6" xml:lang="en" xmpp:version="1.0"`, "");
    c.sid = / sid=['"]([^'"]*)/.exec(first)[1];
    c.inbox.take(first);
    return c;
  }

  async ask(attributes, inner) {
    const res = await this.site.fetch("/http-bind", {
      method: "POST",
      headers: { ...this.headers, "Content-Type": "text/xml; charset=utf-8" },
      body: `<body xmlns="http://jabber.org/protocol/httpbind" xmlns:xmpp="urn:xmpp:xbosh" rid="${this.rid++}" ${attributes}>${inner}</body>`,
    });
    if (res.status !== 200) throw new Error(`BOSH is answered ${res.status}`);
    return res.text();
  }

  send(inner, attributes = "") {
    this.sending = (async () => this.inbox.take(await this.ask(`sid="${this.sid}" ${attributes}`, inner)))().catch((e) => this.inbox.end(e));
  }
  open() {
    this.send("", `xmpp:restart="true" to="${this.domain}"`);
  }
  features = async () => (await this.expect(features))[0];
  /** Asks for what comes next. */
  hold() {
    this.send("");
  }
  close() {}
}

/** A web site at a port of this machine, under its own name, asked from an address. */
export class Site {
  constructor(name, port, ca) {
    Object.assign(this, { name, port, ca });
  }
  from = "127.0.0.1";

  as(from) {
    return Object.assign(new Site(this.name, this.port, this.ca), { from });
  }

  request(path, { headers = {}, method } = {}) {
    return https.request({
      host: "127.0.0.1", port: this.port, localAddress: this.from, path, method, agent: false,
      ca: this.ca, servername: this.name, ALPNProtocols: ["http/1.1"], headers: { Host: this.name, ...headers },
    });
  }

  /** Like fetch, without an end to the body unless it is asked for. */
  fetch(path, { method = "GET", headers, body } = {}) {
    return new Promise((done, fail) => {
      const req = this.request(path, { method, headers });
      req.setTimeout(patience, () => req.destroy(new Error(`no answer to ${method} ${path}`)));
      req.on("error", fail);
      req.on("response", (res) => {
        req.setTimeout(0);
        const bytes = async () => {
          const parts = [];
          for await (const part of res) parts.push(part);
          return Buffer.concat(parts);
        };
        done({ status: res.statusCode, headers: res.headers, stream: res, bytes, text: async () => (await bytes()).toString(), json: async () => JSON.parse(await bytes()) });
      });
      req.end(body);
    });
  }
}

export { Inbox };
