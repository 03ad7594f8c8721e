// Making an account before there is one to log in to (XEP-0077), by three requests of
// BOSH (XEP-0124): it gets through wherever the page does, and needs no stream kept.
import { NS } from "./ns";
import { all, attr, one, x } from "./xml";
import { newID } from "./jid";
import { StanzaError } from "./link";

const bind = "http://jabber.org/protocol/httpbind";
const patience = 15000; // ms for one request

class Requests {
  private rid = Math.floor(Math.random() * 1e9) + 1;
  private sid = "";

  async ask(attrs: Record<string, string>, payload?: Element): Promise<Element> {
    const body = x("body", { xmlns: bind, rid: String(this.rid++), sid: this.sid || undefined, ...attrs }, payload);
    const r = await fetch("/http-bind", {
      method: "POST",
      headers: { "Content-Type": "text/xml; charset=utf-8" },
      body: new XMLSerializer().serializeToString(body),
      signal: AbortSignal.timeout(patience),
    });
    const answer = new DOMParser().parseFromString(await r.text(), "text/xml").documentElement;
    if (answer.namespaceURI !== bind) throw new StanzaError("remote-server-timeout", "wait", "");
    this.sid ||= attr(answer, "sid");
    if (attr(answer, "type") === "terminate") throw new StanzaError(attr(answer, "condition") || "undefined-condition", "cancel", "");
    return answer;
  }

  /** Ends the session; nobody waits for that. */
  end(): void {
    this.ask({ type: "terminate" }).catch(() => {});
  }
}

/** Makes an account. Rejects with a StanzaError whose condition says why it was not made. */
export async function register(domain: string, username: string, password: string): Promise<void> {
  const r = new Requests();
  try {
    const first = await r.ask({
      "to": domain, "ver": "1.11", "wait": "5", "hold": "1", "xml:lang": "en",
      "xmlns:xmpp": "urn:xmpp:xbosh", "xmpp:version": "1.0",
    });
    let features = one(first, "features");
    if (!features) features = one(await r.ask({}), "features");
    if (!one(features, "register", "http://jabber.org/features/iq-register")) throw new StanzaError("no-register", "cancel", "");
    const id = newID();
    const iq = x(
      "iq",
      { xmlns: NS.client, type: "set", id, to: domain },
      x("query", { xmlns: NS.register }, x("username", {}, username), x("password", {}, password)),
    );
    let answer = await r.ask({}, iq);
    for (let i = 0; i < 3; i++) {
      const got = all(answer, "iq").find((el) => attr(el, "id") === id);
      if (got) {
        if (attr(got, "type") === "result") return;
        throw StanzaError.from(got);
      }
      answer = await r.ask({}); // it takes a moment to be made
    }
    throw new StanzaError("remote-server-timeout", "wait", "");
  } finally {
    r.end();
  }
}
