// Messages, in both directions.
import type { Session } from "../session";
import { find, insert, note, parseGeo, sameAuthor, typing, type Conversation, type Message, type Place } from "../model";
import { NS } from "../xmpp/ns";
import { attr, one, x } from "../xmpp/xml";
import { bare, newID, resource } from "../xmpp/jid";
import { parse, type Parsed } from "../xmpp/parse";
import { settings } from "../settings";
import { notify } from "../notify";
import { archived } from "./archive";
import { markRead, visible } from "./displayed";
import { invited, roomMessage } from "./rooms";
import { pubsubEvent } from "./pep";

/** How a message came. */
export interface Source {
  /** From the archive of that entity, with that id there. */
  archive?: string;
  id?: string;
  time?: number;
  /** It is news: said since the last session, not a page of older history. */
  news: boolean;
  carbon?: boolean;
  /** It waited on the server for the first device that comes. */
  waited?: boolean;
}

/** Takes a message stanza as it came from the stream. */
export function message(s: Session, el: Element): void {
  if (archived(s, el)) return;
  for (const kind of ["received", "sent"]) {
    const carbon = one(el, kind, NS.carbons);
    if (!carbon) continue;
    // Only one's own server makes copies (XEP-0280 §11).
    const from = attr(el, "from");
    const inner = one(one(carbon, "forwarded", NS.forward), "message");
    if (inner && (from === s.me || from === "")) receive(s, inner, { news: true, carbon: true });
    return;
  }
  if (one(el, "event", NS.event)) {
    pubsubEvent(s, el);
    return;
  }
  receive(s, el, { news: true });
}

export function receive(s: Session, el: Element, source: Source): void {
  const p = parse(el, source.time);
  if (p.error) return failed(s, p);
  if (p.type === "groupchat") return roomMessage(s, p, source);
  if (invited(s, p, source)) return;
  if (p.type === "headline" && bare(p.from) !== s.me) return;

  const mine = bare(p.from) === s.me || p.from === "";
  const other = mine ? p.to : p.from;
  if (!other || (bare(other) === s.me && !p.body)) return;
  const key = s.conversations.get(bare(other))?.kind === "room" ? other : bare(other);
  if (!key.includes("@") && !p.body) return;
  const archive = source.id ?? p.ids.get(s.me);
  if (archive && !source.archive) s.newest = archive;

  if (p.receiptFor) {
    const c = s.conversations.get(key);
    const m = c && find(c, p.receiptFor);
    if (c && m?.mine && !mine) {
      if (m.status !== "read") m.status = "delivered";
      s.changed(c);
    }
    return;
  }
  const known = s.conversations.get(key);
  if (p.displayedFor && !p.body) {
    if (known && !mine) read(s, known, p.displayedFor);
    return;
  }
  if (p.state && known && !mine && !source.archive && !p.delayed) {
    typing(known, key, p.state === "composing");
  }
  if (p.receiptWanted && p.body && !mine && !source.archive && !source.carbon && p.id && settings.value.receipts) {
    if (!s.guest && s.contacts.get(key)?.subscription.match(/both|from/)) acknowledge(s, p);
  }
  const c = p.body || p.data || p.retracts || p.reactsTo ? s.conversation(key) : known;
  if (!c) return;
  if (apply(s, c, p, mine ? s.me : key, mine)) return;
  if (!p.body && !p.data) return;
  add(s, c, build(p, mine ? s.me : key, mine, archive), { ...source, waited: p.delayed && !source.archive && !source.carbon });
}

// The other side has read everything up to that message (XEP-0333 §4).
function read(s: Session, c: Conversation, id: string): void {
  const last = find(c, id);
  if (!last?.mine) return;
  for (const m of c.messages) {
    if (m.mine && (m.status === "sent" || m.status === "delivered")) m.status = "read";
    if (m === last) break;
  }
  s.changed(c);
}

/** A message as it is shown. */
export function build(p: Parsed, from: string, mine: boolean, archive?: string): Message {
  const body = p.body ?? "";
  return {
    id: p.id,
    archive,
    from,
    occupant: p.occupant,
    mine,
    body,
    time: p.time,
    status: "sent",
    file: p.url && p.url === body.trim() ? p.url : undefined,
    geo: parseGeo(body),
    data: p.data,
    markable: p.markable,
    plain: p.unstyled,
  };
}

/** Adds a message to its conversation, and tells the user when it is news. */
export function add(s: Session, c: Conversation, m: Message, source: Source): void {
  c.typing.delete(m.from);
  const isNew = insert(c, m);
  if (m.mine) {
    s.outbox = s.outbox.filter((o) => o.id !== m.id || o.conversation !== c);
  } else if (!isNew && source.waited && !s.displayed.has(c.jid) && !visible(s, c)) {
    c.unread++; // the archive has it already; that it waited says that nobody has read it
    if (c.kind === "chat") c.mentions++;
  } else if (isNew && source.news) {
    const nick = c.room?.nick;
    const named = c.kind === "chat" || (!!nick && mentions(m.body, nick));
    if (visible(s, c)) markRead(s, c);
    else {
      c.unread++;
      if (named) c.mentions++;
      if (named && !source.archive) notify(s, c, m);
    }
  }
  s.changed(c);
}

const escapeRegExp = (t: string): string => t.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const mentions = (body: string, nick: string): boolean =>
  new RegExp(`(^|[^\\p{L}\\p{N}_-])${escapeRegExp(nick)}($|[^\\p{L}\\p{N}_-])`, "iu").test(body);

/**
 * Applies what only changes an earlier message: retraction, correction, reactions.
 * Returns whether it was that.
 */
export function apply(s: Session, c: Conversation, p: Parsed, from: string, mine: boolean): boolean {
  if (mine) s.outbox = s.outbox.filter((o) => o.id !== p.id || o.conversation !== c || !changes(p));
  if (p.retracts) {
    const m = find(c, p.retracts);
    // A moderator's word comes from the room itself (XEP-0425 §4).
    const byRoom = !!p.moderated && c.kind === "room" && bare(p.from) === c.jid && !resource(p.from);
    if (m && (byRoom || (!p.moderated && (sameAuthor(m, from, p.occupant) || (m.mine && mine))))) {
      m.retracted = true;
      m.moderator = byRoom ? resource(p.moderated!.by) : undefined;
      m.body = "";
      m.file = m.geo = m.data = undefined;
      s.changed(c);
    }
    return true;
  }
  if (p.reactsTo) {
    const m = find(c, p.reactsTo);
    if (m) {
      m.reactions ??= new Map();
      for (const [emoji, who] of m.reactions) {
        who.delete(from);
        if (!who.size) m.reactions.delete(emoji);
      }
      // XEP-0444 §4.2: each once; and no more than a person would give.
      for (const r of [...new Set(p.reactions)].slice(0, 8)) {
        if (!r || r.length > 24 || m.reactions.size >= 40) continue;
        if (!m.reactions.has(r)) m.reactions.set(r, new Set());
        m.reactions.get(r)!.add(from);
      }
      s.changed(c);
    }
    return true;
  }
  if (p.corrects && p.body !== undefined) {
    const m = find(c, p.corrects);
    if (m && !m.retracted && (sameAuthor(m, from, p.occupant) || (m.mine && mine))) {
      m.body = p.body;
      m.edited = true;
      m.geo = parseGeo(p.body);
      m.file = undefined;
      s.changed(c);
      return true;
    }
  }
  return false;
}

const changes = (p: Parsed): boolean => !!(p.retracts || p.reactsTo || p.corrects);

function failed(s: Session, p: Parsed): void {
  for (const key of [p.from, bare(p.from)]) {
    const c = s.conversations.get(key);
    if (!c) continue;
    const m = p.id ? find(c, p.id) : undefined;
    s.outbox = s.outbox.filter((o) => o.id !== p.id);
    if (m?.mine) {
      m.status = "failed";
      m.error = p.error;
      s.changed(c);
    } else if (p.subject !== undefined && c.kind === "room") {
      note(c, { kind: "text", text: "error:" + p.error! });
    }
    return;
  }
}

function acknowledge(s: Session, p: Parsed): void {
  s.link.send(
    x(
      "message",
      { to: p.from, type: p.type === "normal" ? undefined : p.type },
      x("received", { xmlns: NS.receipts, id: p.id }),
      x("store", { xmlns: NS.hints }),
    ),
  );
}

// ---- sending ----

interface Extra {
  file?: string;
  geo?: Place;
}

/** Sends text, shown at once. */
export function sendText(s: Session, c: Conversation, body: string, extra: Extra = {}): void {
  const id = newID();
  const m: Message = {
    id,
    from: c.kind === "room" ? c.room!.nick : s.me,
    mine: true,
    body,
    time: Math.max(Date.now(), c.messages.at(-1)?.time ?? 0),
    status: "queued",
    file: extra.file,
    geo: extra.geo ?? parseGeo(body),
  };
  insert(c, m);
  const geo = extra.geo;
  enqueue(
    s,
    c,
    id,
    x("body", {}, body),
    extra.file && x("x", { xmlns: NS.oob }, x("url", {}, extra.file)),
    geo &&
      x(
        "geoloc",
        { xmlns: NS.geoloc },
        x("lat", {}, String(geo.lat)),
        x("lon", {}, String(geo.lon)),
        geo.accuracy !== undefined && x("accuracy", {}, String(geo.accuracy)),
      ),
  );
}

/** Sends application data (XEP-0432): an event's name, and JSON. */
export function sendData(s: Session, c: Conversation, event: string, json: string): void {
  const id = newID();
  insert(c, {
    id,
    from: c.kind === "room" ? c.room!.nick : s.me,
    mine: true,
    body: "",
    time: Math.max(Date.now(), c.messages.at(-1)?.time ?? 0),
    status: "queued",
    data: { event, json },
  });
  enqueue(
    s,
    c,
    id,
    x("payload", { xmlns: NS.payload, datatype: event }, x("json", { xmlns: NS.json }, json)),
    x("store", { xmlns: NS.hints }),
  );
}

/** Replaces what the user said (XEP-0308). */
export function correct(s: Session, c: Conversation, m: Message, body: string): void {
  m.body = body;
  m.edited = true;
  m.geo = parseGeo(body);
  enqueue(s, c, newID(), x("body", {}, body), x("replace", { xmlns: NS.correct, id: m.id }));
}

/** Takes back what the user said (XEP-0424). */
export function retract(s: Session, c: Conversation, m: Message): void {
  const id = (c.kind === "room" && m.archive) || m.id;
  m.retracted = true;
  m.body = "";
  m.file = m.geo = m.data = undefined;
  enqueue(
    s,
    c,
    newID(),
    x("retract", { xmlns: NS.retract, id }),
    x("fallback", { xmlns: NS.fallback, for: NS.retract }),
    x("body", {}, "This person has taken back a message."),
    x("store", { xmlns: NS.hints }),
  );
}

/** Adds or takes away a reaction (XEP-0444). */
export function react(s: Session, c: Conversation, m: Message, emoji: string): void {
  const me = c.kind === "room" ? c.room!.nick : s.me;
  const mine = [...(m.reactions ?? [])].filter(([, who]) => who.has(me)).map(([e]) => e);
  const next = mine.includes(emoji) ? mine.filter((e) => e !== emoji) : [...mine, emoji];
  m.reactions ??= new Map();
  for (const [e, who] of m.reactions) {
    who.delete(me);
    if (!who.size) m.reactions.delete(e);
  }
  for (const e of next) m.reactions.set(e, (m.reactions.get(e) ?? new Set()).add(me));
  const id = (c.kind === "room" && m.archive) || m.id;
  enqueue(
    s,
    c,
    newID(),
    x("reactions", { xmlns: NS.reactions, id }, ...next.map((e) => x("reaction", {}, e))),
    x("store", { xmlns: NS.hints }),
  );
}

function enqueue(s: Session, c: Conversation, id: string, ...kids: Parameters<typeof x>[2][]): void {
  const room = c.kind === "room";
  const says = kids.some((k) => k instanceof Element && (k.nodeName === "body" || k.nodeName === "payload"));
  const stanza = x(
    "message",
    { to: c.jid, type: room ? "groupchat" : "chat", id },
    ...kids,
    x("origin-id", { xmlns: NS.sid, id }),
    !room && x("active", { xmlns: NS.states }),
    !room && says && x("request", { xmlns: NS.receipts }),
    !room && says && x("markable", { xmlns: NS.markers }),
  );
  remember(s, id);
  s.outbox.push({ id, conversation: c, stanza, sent: 0 });
  s.changed(c);
  flush(s, c);
}

const sentKey = "natter.sent";

// Which messages were this tab's own: a guest has no other way to tell after a reload.
function remember(s: Session, id: string): void {
  s.sent.add(id);
  if (!s.guest) return;
  try {
    sessionStorage.setItem(sentKey, JSON.stringify([...s.sent].slice(-200)));
  } catch {
    /* then not */
  }
}

export function recall(s: Session): void {
  try {
    for (const id of JSON.parse(sessionStorage.getItem(sentKey) ?? "[]") as string[]) s.sent.add(id);
  } catch {
    /* then not */
  }
}

/** The room is caught up: what waits for it is sent, and nothing twice. */
export function release(s: Session, c: Conversation): void {
  s.ready.add(c.jid);
  flush(s, c);
}

/** The account's archive is caught up: what waits in chats is sent. */
export function releaseChats(s: Session): void {
  s.chatsReady = true;
  for (const c of s.conversations.values()) if (c.kind === "chat") flush(s, c);
}

export function flush(s: Session, c: Conversation): void {
  if (!s.link.online || !(c.kind === "room" ? s.ready.has(c.jid) : s.chatsReady)) return;
  for (const o of s.outbox) {
    if (o.conversation !== c || o.sent === s.epoch) continue;
    o.sent = s.epoch;
    s.link.send(o.stanza);
  }
}

/** The server has the message; a room says so itself, by sending it to everyone. */
export function acked(s: Session, id: string): void {
  const o = s.outbox.find((q) => q.id === id);
  if (!o) return;
  const hasBody = o.stanza.querySelector("body, payload");
  if (o.conversation.kind === "room" && hasBody) return;
  s.outbox = s.outbox.filter((q) => q !== o);
  const m = find(o.conversation, id);
  if (m?.mine && m.status === "queued") m.status = "sent";
  s.changed(o.conversation);
}

/** Sends a failed message again, as a new one. */
export function again(s: Session, c: Conversation, m: Message): void {
  c.messages = c.messages.filter((o) => o !== m);
  if (m.data) sendData(s, c, m.data.event, m.data.json);
  else sendText(s, c, m.body, { file: m.file, geo: m.geo });
}

/** Tells the other side up to where the user has read (XEP-0333), once. */
export function sendDisplayed(s: Session, c: Conversation): void {
  if (!settings.value.markers || !s.link.online || c.kind === "room" || s.guest) return;
  if (!s.contacts.get(bare(c.jid))?.subscription.match(/both|from/)) return;
  const last = [...c.messages].reverse().find((m) => !m.mine && m.markable && !m.notice);
  const was = c.told;
  c.told = last?.id ?? was ?? "";
  // What was read in an earlier session has been told then.
  if (!last?.id || last.id === was || (was === undefined && !c.unread)) return;
  s.link.send(
    x(
      "message",
      { to: c.jid, type: "chat" },
      x("displayed", { xmlns: NS.markers, id: last.id }),
      x("store", { xmlns: NS.hints }),
    ),
  );
}

/** Tells the other side that the user is typing, or no longer (XEP-0085). */
export function sendState(s: Session, c: Conversation, state: "composing" | "paused" | "active"): void {
  if (!settings.value.typing || !s.link.online) return;
  if (c.kind === "room") {
    if (c.room!.state !== "in" || c.room!.occupants.size > 30) return;
  } else if (!s.contacts.get(bare(c.jid))?.subscription.match(/both|from/)) return;
  s.link.send(
    x(
      "message",
      { to: c.jid, type: c.kind === "room" ? "groupchat" : "chat" },
      x(state, { xmlns: NS.states }),
      x("no-store", { xmlns: NS.hints }),
    ),
  );
}
