// Logs in with xmpp.js: with the password, with the token it is given then, and into the
// session of before when the connection breaks. One line of JSON for each on standard output.
//
// node xmppjs.mjs MODULES SERVICE DOMAIN USER, with the password in PASSWORD and the authority
// to trust in NODE_EXTRA_CA_CERTS.
import { pathToFileURL } from "node:url";

const [modules, service, domain, username] = process.argv.slice(2);
const { client, xml } = await import(pathToFileURL(modules + "/@xmpp/client/index.js"));

let token;
const id = crypto.randomUUID();

function make(password) {
  const c = client({
    service, domain, username, password, resource: "check",
    userAgent: xml("user-agent", { id }, xml("software", {}, "xmpp.js")),
  });
  c.fast.saveToken = async (t) => { token = t; };
  c.fast.fetchToken = async () => token;
  c.fast.deleteToken = async () => { token = undefined; };
  c.on("error", (e) => console.error(String(e)));
  c.on("send", (el) => { if (el.name === "authenticate") c.mechanism = el.attrs.mechanism; });
  c.on("element", (el) => { if (el.name === "success") c.answer = el; });
  return c;
}

async function report(what, c) {
  await c.iqCaller.get(xml("ping", { xmlns: "urn:xmpp:ping" }), domain, 10_000);
  const has = (name) => c.answer?.getChildElements().some((e) => e.name === name);
  console.log(JSON.stringify({
    what, mechanism: c.mechanism, ns: c.answer?.attrs.xmlns, address: String(c.jid),
    bound: has("bound"), resumed: has("resumed"), managed: c.streamManagement.enabled, token: Boolean(token),
  }));
}

let c = make(process.env.PASSWORD);
await c.start();
await report("password", c);
c.reconnect.stop();
await c.stop();

c = make("not needed any more");
await c.start();
await report("token", c);

const back = new Promise((done) => c.streamManagement.once("resumed", done));
(c.socket.socket ?? c.socket).destroy(); // as when the network goes
await back;
await report("resumed", c);
c.reconnect.stop();
await c.stop();
