// The connection to the server: WebSocket (RFC 7395), or BOSH (XEP-0124) where that
// does not get through; stream management (XEP-0198); and again by itself when it
// breaks.
import { Strophe } from "strophe.js";
import { signal } from "@preact/signals";
import { NS } from "./ns";
import { attr, one, text, x } from "./xml";
import { newID } from "./jid";

/** SCRAM keys as Strophe makes and takes them: what is kept instead of a password. */
export interface Keys {
  name: string;
  salt: string;
  iter: number;
  ck: string;
  sk: string;
}

type Connection = InstanceType<typeof Strophe.Connection>;

export interface Login {
  /** Bare JID of the account, or the domain of the guests. */
  jid: string;
  /** Password or keys; none for guests (SASL ANONYMOUS). */
  secret?: string | Keys;
}

/**
 * What the user is told of the connection.
 * connecting: the first time; online; lost: it was there and is tried again at retryAt;
 * refused: it makes no sense to try again, for the reason; closed: the user has left.
 */
export interface LinkState {
  phase: "connecting" | "online" | "lost" | "refused" | "closed";
  transport: "websocket" | "bosh";
  reason?: string;
  retryAt?: number;
}

/** The answer to a request was an error. */
export class StanzaError extends Error {
  constructor(
    readonly condition: string,
    readonly type: string,
    readonly detail: string,
  ) {
    super(detail || condition);
  }
  static from(stanza: Element): StanzaError {
    const e = one(stanza, "error");
    const cond = e && [...e.children].find((c) => c.namespaceURI === NS.stanzas && c.localName !== "text");
    return new StanzaError(cond?.localName ?? "undefined-condition", attr(e, "type"), text(e, "text") ?? "");
  }
}

type Answer = { resolve: (iq: Element) => void; reject: (e: Error) => void; to: string; timer: number };

const openWithin = 6000; // ms until a WebSocket that says nothing is taken as blocked
const answerWithin = 30000; // ms for an IQ
const blockedKey = "natter.websocket-blocked";

/** Why the server ended the stream, when trying again would only repeat it. */
const final = new Set(["conflict", "policy-violation", "not-authorized", "host-unknown"]);

export class Link {
  readonly state = signal<LinkState>({ phase: "connecting", transport: "websocket" });
  jid = "";
  /** SCRAM keys of the login, once it has succeeded. */
  keys?: Keys;
  /** Elements of the stream's features after login. */
  features: Element | null = null;

  onStanza: (el: Element) => void = () => {};
  onOnline: (resumed: boolean) => void = () => {};
  /** The server has taken over the message with that id. */
  onAcked: (id: string) => void = () => {};

  private conn?: Connection;
  private storage = new Strophe.MemoryStorageBackend();
  private answers = new Map<string, Answer>();
  private unacked = new Set<string>();
  private attempt = 0;
  private retry = 0;
  private watchdog = 0;
  private bosh = sessionStorage.getItem(blockedKey) === "1";
  private wasOnline = false;
  private streamError = "";
  private opened = false;
  private generation = 0;

  constructor(private login: Login) {
    addEventListener("online", this.now);
    addEventListener("offline", this.offline);
    document.addEventListener("visibilitychange", this.visible);
  }

  get anonymous(): boolean {
    return !this.login.secret;
  }
  get online(): boolean {
    return this.state.value.phase === "online";
  }

  start(): void {
    this.connect();
  }

  /** Tries again at once. */
  now = (): void => {
    if (this.state.value.phase !== "lost") return;
    this.attempt = 0;
    clearTimeout(this.retry);
    this.connect();
  };

  private offline = (): void => {
    if (this.online) this.probe(4000);
  };

  private visible = (): void => {
    if (document.hidden) return;
    if (this.online) this.probe(8000); // it may have died while the machine slept
    else this.now();
  };

  /** The account has another password now, for when the session has to begin anew. */
  newPassword(password: string): void {
    this.keys = undefined;
    this.login = { ...this.login, secret: password };
  }

  /** Ends the session for good, as far as the network lets it. */
  close(): void {
    removeEventListener("online", this.now);
    removeEventListener("offline", this.offline);
    document.removeEventListener("visibilitychange", this.visible);
    clearTimeout(this.retry);
    clearTimeout(this.watchdog);
    this.set({ phase: "closed" });
    if (this.conn?.connected) {
      this.conn.disconnect("");
      this.conn.flush();
    }
  }

  /** Sends a stanza; one with an id that is a message is reported by onAcked. */
  send(el: Element): void {
    if (!this.conn || !this.online) return;
    el.setAttribute("xmlns", NS.client); // each frame stands for itself (RFC 7395 §3.3.3)
    if (el.nodeName === "message" && el.hasAttribute("id")) {
      this.unacked.add(attr(el, "id"));
      this.conn.send(el);
      if (!this.conn.sm?.isTracking()) this.confirmByPing(attr(el, "id"));
    } else {
      this.conn.send(el);
    }
  }

  /** Asks and returns the result; rejects with a StanzaError, or when it takes too long. */
  iq(type: "get" | "set", to: string | undefined, payload: Element, wait = answerWithin): Promise<Element> {
    const id = newID();
    return new Promise((resolve, reject) => {
      if (!this.online) return reject(new StanzaError("not-connected", "wait", ""));
      const timer = window.setTimeout(() => {
        this.answers.delete(id);
        reject(new StanzaError("remote-server-timeout", "wait", ""));
      }, wait);
      this.answers.set(id, { resolve, reject, to: to ?? "", timer });
      this.send(x("iq", { type, id, to }, payload));
    });
  }

  // Without acknowledgements (BOSH) the answer to a request that was sent after a
  // message says that the server has handled the message: it keeps their order.
  private confirmByPing(id: string): void {
    const done = () => {
      if (this.unacked.delete(id)) this.onAcked(id);
    };
    this.iq("get", undefined, x("ping", { xmlns: NS.ping })).then(done, (e: StanzaError) => {
      if (e.condition !== "not-connected" && e.condition !== "remote-server-timeout") done();
    });
  }

  /** Asks whether the other side is there, and gives the connection up if it isn't. */
  private probe(within: number): void {
    const g = this.generation;
    this.iq("get", undefined, x("ping", { xmlns: NS.ping }), within).catch((e: StanzaError) => {
      if (e.condition === "remote-server-timeout" && g === this.generation) this.broken();
    });
  }

  private set(s: Partial<LinkState>): void {
    this.state.value = {
      phase: this.state.value.phase,
      transport: this.bosh ? "bosh" : "websocket",
      ...s,
    };
  }

  private connect(): void {
    const g = ++this.generation;
    this.streamError = "";
    this.opened = false;
    this.drop();
    const here = location.origin;
    const service = this.bosh ? here + "/http-bind" : here.replace(/^http/, "ws") + "/xmpp-websocket";
    const conn = new Strophe.Connection(service, {
      enableStreamManagement: true,
      streamManagement: { storage: this.storage, maxUnacked: 1 },
      mechanisms: this.anonymous
        ? [Strophe.SASLAnonymous]
        : [Strophe.SASLSHA512, Strophe.SASLSHA256, Strophe.SASLSHA1], // the password itself is never sent
    });
    this.conn = conn;
    conn.maxRetries = 3;
    if (conn.sm) {
      // What a dead session had not confirmed is sent again by whoever knows what is
      // in the archive already, not blindly.
      conn.sm.onFailed = () => ((conn.sm as unknown as { _pendingResend: unknown[] })._pendingResend = []);
    }
    conn.xmlInput = () => {
      if (!this.opened) {
        this.opened = true;
        clearTimeout(this.watchdog);
        this.watchdog = window.setTimeout(() => g === this.generation && this.broken(), 20000);
      }
    };
    const handle = (el: Element): boolean => {
      try {
        this.receive(el);
      } catch (e) {
        console.error("stanza not understood", e);
      }
      return true;
    };
    clearTimeout(this.watchdog);
    this.watchdog = window.setTimeout(() => g === this.generation && this.broken(), openWithin);
    conn.connect(
      this.login.jid,
      (this.login.secret ?? "") as string,
      (status, condition, elem) => {
        if (g !== this.generation) return;
        switch (status) {
          case Strophe.Status.CONNECTED:
            conn.addHandler(handle, null!, null!, null!, null!, null!);
            return this.ready(conn);
          case Strophe.Status.AUTHFAIL:
            clearTimeout(this.watchdog);
            this.streamError = authReason(elem) ?? condition ?? "not-authorized";
            return this.refuse();
          case Strophe.Status.ERROR:
          case Strophe.Status.CONNFAIL:
            this.streamError ||= condition ?? "";
            return;
          case Strophe.Status.DISCONNECTED:
            return this.broken();
        }
      },
      50,
      1,
      undefined,
      undefined,
      3000,
    );
  }

  private drop(): void {
    const old = this.conn;
    if (!old) return;
    this.conn = undefined;
    // Not a clean close: the server keeps what can be resumed.
    old.connect_callback = null;
    try {
      (old as unknown as { _doDisconnect(): void })._doDisconnect();
    } catch {
      /* it was not connected */
    }
  }

  private ready(conn: Connection): void {
    clearTimeout(this.watchdog);
    const resumed = conn.hasResumed();
    if (!resumed) {
      this.unacked.clear();
      this.fail("not-connected");
      // BOSH has no counters: a session from before must not be resumed after this one.
      if (this.bosh) this.storage.clear("strophe-sm:" + this.login.jid.toLowerCase());
    }
    this.jid = conn.jid;
    this.features = conn.features;
    this.keys = (conn.scram_keys as unknown as Keys | null) ?? this.keys;
    if (this.keys && this.login.secret) this.login = { ...this.login, secret: this.keys };
    this.attempt = 0;
    this.wasOnline = true;
    this.set({ phase: "online", reason: undefined, retryAt: undefined });
    if (this.bosh) sessionStorage.setItem(blockedKey, "1");
    else sessionStorage.removeItem(blockedKey);
    if (resumed) this.acked();
    this.onOnline(resumed);
  }

  private refuse(): void {
    if (this.anonymous && ["host-unknown", "no-auth-mech", "not-authorized"].includes(this.streamError)) {
      this.streamError = "no_guests";
    }
    this.set({ phase: "refused", reason: this.streamError });
    this.generation++;
    this.drop();
  }

  private broken(): void {
    this.generation++;
    clearTimeout(this.watchdog);
    this.drop();
    if (this.state.value.phase === "closed" || this.state.value.phase === "refused") return;
    if (final.has(this.streamError)) {
      if (this.streamError === "conflict") this.streamError = "replaced";
      return this.refuse();
    }
    if (this.streamError === "no-auth-mech") return this.refuse();
    const blocked = !this.opened && !this.bosh;
    this.bosh = false; // the network may be another one now: the WebSocket first
    if (this.wasOnline) this.set({ phase: "lost", reason: this.streamError || this.state.value.reason });
    if (blocked) void this.wayRound(this.generation);
    else this.later();
  }

  // A WebSocket that never said a word: either the server is gone, or something on the
  // way lets none through. If it still answers over HTTP, long polling goes, at once.
  private async wayRound(g: number): Promise<void> {
    let there = false;
    try {
      const r = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      there = r.status !== 502 && r.status !== 504; // what a proxy says when there is nobody behind it
    } catch {
      /* gone */
    }
    if (g !== this.generation || this.state.value.phase === "closed") return;
    if (!there) return this.later();
    this.bosh = true;
    this.connect();
  }

  private later(): void {
    const base = Math.min(30000, 500 * 2 ** this.attempt++);
    const delay = base / 2 + (Math.random() * base) / 2;
    this.set({ phase: "lost", reason: this.streamError || this.state.value.reason, retryAt: Date.now() + delay });
    this.retry = window.setTimeout(() => this.connect(), delay);
  }

  private fail(condition: string): void {
    const waiting = [...this.answers.values()];
    this.answers.clear();
    for (const a of waiting) {
      clearTimeout(a.timer);
      a.reject(new StanzaError(condition, "wait", ""));
    }
  }

  private receive(el: Element): void {
    if (el.namespaceURI === NS.sm) {
      this.acked();
      return;
    }
    if (el.localName === "iq") {
      const type = attr(el, "type");
      if (type === "result" || type === "error") {
        const id = attr(el, "id");
        const a = this.answers.get(id);
        if (!a || !this.answeredBy(a.to, attr(el, "from"))) return;
        this.answers.delete(id);
        clearTimeout(a.timer);
        if (type === "result") a.resolve(el);
        else a.reject(StanzaError.from(el));
        return;
      }
    }
    this.onStanza(el);
  }

  // Only who was asked may answer (RFC 6120 §8.1.2.1: no to is one's own account).
  private answeredBy(to: string, from: string): boolean {
    if (to) return from === to;
    const own = this.jid.split("/")[0]!;
    return from === "" || from === own || from === this.jid || from === own.split("@").pop();
  }

  // Strophe counts; what is no longer in its queue is acknowledged (XEP-0198 §4).
  private acked(): void {
    const sm = this.conn?.sm;
    if (!sm || !this.unacked.size) return;
    const left = new Set(sm.state.unacked.map((u: { stanza: string }) => /\sid="([^"]*)"/.exec(u.stanza)?.[1]));
    for (const id of [...this.unacked]) {
      if (!left.has(id)) {
        this.unacked.delete(id);
        this.onAcked(id);
      }
    }
  }
}

/** The condition of a SASL or bind failure. */
function authReason(elem?: Element | null): string | undefined {
  if (!elem) return undefined;
  const first = [...elem.children].find((c) => c.localName !== "text");
  if (first?.localName === "error") return StanzaError.from(elem).condition;
  return first?.localName;
}
