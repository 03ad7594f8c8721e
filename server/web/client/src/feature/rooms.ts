// Rooms (XEP-0045): entering, who is there, what is said.
import type { Session } from "../session";
import { note, typing, type Conversation, type Occupant } from "../model";
import { NS } from "../xmpp/ns";
import { all, attr, form, one, text, x } from "../xmpp/xml";
import { bare, local, newID, resource } from "../xmpp/jid";
import { StanzaError } from "../xmpp/link";
import type { Parsed } from "../xmpp/parse";
import { settings } from "../settings";
import { info } from "./disco";
import { catchUpRoom } from "./archive";
import { add, apply, build, release, type Source } from "./messages";
import { forgetPicture, photoSeen } from "./avatars";
import { bookmark } from "./bookmarks";

/** How often a nick that is taken, perhaps by one's own lost session, is tried. */
const patience = 3;
const tries = new Map<string, number>();

/** Enters a room, and closes the gap in what is known of it. */
export async function join(s: Session, c: Conversation): Promise<void> {
  const r = c.room!;
  if (r.state === "joining") return;
  s.ready.delete(c.jid);
  r.state = "joining";
  r.error = undefined;
  r.occupants.clear();
  s.changed(c);
  try {
    const i = await info(s, c.jid);
    r.archive = i.features.has(NS.mam);
    r.name = i.identities.find((d) => d.category === "conference")?.name ?? "";
  } catch (e) {
    if (e instanceof StanzaError && e.condition === "not-connected") {
      r.state = "out";
      return;
    }
    r.archive = false; // it isn't there yet, or will not say
  }
  enter(s, c);
}

function enter(s: Session, c: Conversation): void {
  const r = c.room!;
  // Where there is an archive, that tells what was said; else the room does.
  const since = c.last && c.messages.length ? new Date(c.last).toISOString() : undefined;
  const history = r.archive
    ? x("history", { maxstanzas: 0 })
    : x("history", since ? { since } : { maxstanzas: 50 });
  s.link.send(
    x(
      "presence",
      { to: `${c.jid}/${r.nick}`, id: newID() },
      x("x", { xmlns: NS.muc }, history, r.password !== undefined && x("password", {}, r.password)),
    ),
  );
}

/** Leaves the room. */
export function leave(s: Session, c: Conversation): void {
  const r = c.room!;
  if (r.state === "in" || r.state === "joining") {
    s.link.send(x("presence", { to: `${c.jid}/${r.nick}`, type: "unavailable" }));
  }
  r.state = "out";
  r.occupants.clear();
  s.ready.delete(c.jid);
  s.changed(c);
}

/** Asks for another nick; the room tells everyone. */
export function rename(s: Session, c: Conversation, nick: string): void {
  s.link.send(x("presence", { to: `${c.jid}/${nick}`, id: "nick-" + newID() }));
}

/** Whether the user may put others out of the room and remove what they say. */
export function moderates(c: Conversation): boolean {
  return c.room?.state === "in" && c.room.occupants.get(c.room.nick)?.role === "moderator";
}

/** Puts somebody out of the room (XEP-0045 §8.2), or for good (§9.1). */
export async function putOut(s: Session, c: Conversation, o: Occupant, ban: boolean): Promise<void> {
  const item = ban && o.jid ? { jid: bare(o.jid), affiliation: "outcast" } : { nick: o.nick, role: "none" };
  await s.link.iq("set", c.jid, x("query", { xmlns: NS.mucAdmin }, x("item", item)));
}

/** Removes what somebody said, for everybody (XEP-0425). */
export async function remove(s: Session, c: Conversation, id: string): Promise<void> {
  await s.link.iq("set", c.jid, x("moderate", { xmlns: NS.moderate, id }, x("retract", { xmlns: NS.retract })));
}

export function setTopic(s: Session, c: Conversation, topic: string): void {
  s.link.send(x("message", { to: c.jid, type: "groupchat", id: newID() }, x("subject", {}, topic)));
}

/** Invites somebody, through the room (XEP-0045 §7.8.2). */
export function invite(s: Session, c: Conversation, jid: string): void {
  s.link.send(x("message", { to: c.jid }, x("x", { xmlns: NS.mucUser }, x("invite", { to: jid }))));
}

/** Presence from a room's occupant; false when it is from somewhere else. */
export function roomPresence(s: Session, el: Element): boolean {
  const from = attr(el, "from");
  const c = s.conversations.get(bare(from));
  if (!c?.room) return false;
  const r = c.room;
  const nick = resource(from);
  const type = attr(el, "type");
  const user = one(el, "x", NS.mucUser);
  const item = one(user, "item");
  const codes = new Set(all(user, "status").map((st) => attr(st, "code")));
  if (type === "error") {
    refused(s, c, StanzaError.from(el), nick, attr(el, "id"));
    return true;
  }
  if (!nick) return true;
  const self = codes.has("110") || (nick === r.nick && r.state === "in");
  if (type === "unavailable") {
    const renamed = codes.has("303") ? attr(item, "nick") : "";
    const gone = r.occupants.get(nick);
    r.occupants.delete(nick);
    c.typing.delete(nick);
    forgetPicture(s, from);
    if (renamed) {
      // Its presence under the new nick follows; it is not news that it is there.
      if (gone) r.occupants.set(renamed, { ...gone, nick: renamed });
      if (self) {
        r.nick = renamed;
        rememberNick(s, c);
      }
      note(c, { kind: "renamed", nick, to: renamed, mine: self });
    } else if (self) {
      put(s, c, codes, text(item, "reason"));
    } else if (r.state === "in") {
      const kind = codes.has("301") ? "banned" : codes.has("307") ? "kicked" : "left";
      if (settings.value.comings || kind !== "left") note(c, { kind, nick, reason: text(item, "reason") });
    }
    s.changed(c);
    return true;
  }
  if (type) return true;
  const isNew = !r.occupants.has(nick);
  const o: Occupant = {
    nick,
    role: attr(item, "role") || "participant",
    affiliation: attr(item, "affiliation") || "none",
    jid: attr(item, "jid") || undefined,
    show: text(el, "show") ?? "",
    photo: text(one(el, "x", NS.vcardUpdate), "photo") || undefined,
  };
  r.occupants.set(nick, o);
  if (o.photo) photoSeen(s, from, o.photo);
  if (self && r.state !== "in") {
    r.nick = nick; // the room may have given another one (code 210)
    if (codes.has("201")) {
      // A new room is locked until its owner has chosen (XEP-0045 §10.1): it stays when
      // everybody has left, and is else as the server makes them.
      setRoom(s, c, { "muc#roomconfig_persistentroom": ["1"] })
        .catch(() => s.link.iq("set", c.jid, x("query", { xmlns: NS.mucOwner }, x("x", { xmlns: NS.data, type: "submit" }))))
        .catch(() => {});
    }
    void entered(s, c);
  } else if (isNew && r.state === "in" && settings.value.comings) {
    note(c, { kind: "joined", nick });
  }
  s.changed(c);
  return true;
}

async function entered(s: Session, c: Conversation): Promise<void> {
  const r = c.room!;
  r.state = "in";
  tries.delete(c.jid);
  rememberNick(s, c);
  s.changed(c);
  for (let i = 0; i < 3; i++) {
    try {
      await catchUpRoom(s, c);
      break;
    } catch (e) {
      if (e instanceof StanzaError && e.condition === "not-connected") return;
      if (e instanceof StanzaError && e.type !== "wait") break;
    }
  }
  if (r.state === "in") release(s, c);
}

// Out of the room against one's will.
function put(s: Session, c: Conversation, codes: Set<string>, reason?: string): void {
  const r = c.room!;
  if (r.state !== "in") return;
  r.occupants.clear();
  s.ready.delete(c.jid);
  r.state = "error";
  r.error = codes.has("301")
    ? "banned"
    : codes.has("307")
      ? "kicked"
      : codes.has("332")
        ? "shutdown"
        : codes.has("321") || codes.has("322")
          ? "registration-required"
          : "left";
  if (reason) note(c, { kind: "text", text: reason });
  if (r.error === "shutdown") window.setTimeout(() => s.link.online && void join(s, c), 5000);
}

function refused(s: Session, c: Conversation, e: StanzaError, nick: string, id: string): void {
  const r = c.room!;
  if (r.state === "in") {
    // The room no longer knows us (XEP-0045 §7.13, XEP-0410): enter again.
    if (e.condition === "not-acceptable" && !id.startsWith("nick-")) {
      r.state = "out";
      void join(s, c);
    } else if (nick !== r.nick || id.startsWith("nick-")) note(c, { kind: "text", text: "nick:" + e.condition });
    return;
  }
  if (e.condition === "conflict") {
    const n = (tries.get(c.jid) ?? 0) + 1;
    tries.set(c.jid, n);
    // After a break it may be one's own ghost that has the nick, for a moment yet.
    if (s.epoch > 1 && n <= patience) {
      window.setTimeout(() => r.state === "joining" && s.link.online && enter(s, c), 1000 * n);
      return;
    }
    if (n < 30) {
      const m = /^(.*?)[-_]?(\d+)$/.exec(r.nick);
      r.nick = s.guest && m ? `${m[1]}-${Number(m[2]) + 1 + Math.floor(Math.random() * n * 3)}` : r.nick + "_";
      enter(s, c);
      return;
    }
  }
  r.state = "error";
  r.error = e.condition;
  if (e.detail && r.error === "undefined-condition") r.error = e.detail;
  s.changed(c);
}

/** A message of a room. */
export function roomMessage(s: Session, p: Parsed, source: Source): void {
  const jid = bare(p.from);
  const c = s.conversations.get(jid);
  if (!c?.room) return;
  const r = c.room;
  const nick = resource(p.from);
  if (p.subject !== undefined && p.body === undefined) {
    if (source.archive) return;
    const before = r.topic;
    r.topic = p.subject;
    if (nick && !p.delayed && before !== p.subject) note(c, { kind: "topic", nick, topic: p.subject });
    s.changed(c);
    return;
  }
  const archive = source.archive === jid ? source.id : p.ids.get(jid);
  if (archive && !source.archive && r.state === "in" && s.ready.has(jid)) c.newest = archive;
  const self = nick === r.nick;
  const mine = s.sent.has(p.id) || (!s.guest && self);
  if (p.state && !p.body && !self && !p.delayed) {
    typing(c, nick, p.state === "composing" && r.occupants.has(nick));
    return;
  }
  if (apply(s, c, p, nick, mine)) return;
  if ((p.body === undefined && !p.data) || (!nick && !p.body)) return;
  const m = build(p, nick, mine, archive);
  if (!nick) {
    if (!source.archive) note(c, { kind: "text", text: p.body ?? "" });
    return;
  }
  add(s, c, m, p.delayed && !source.archive ? { ...source, news: c.opened && source.news } : source);
}

/** An invitation, of the room or of somebody (XEP-0045 §7.8.2, XEP-0249). */
export function invited(s: Session, p: Parsed, source: Source): boolean {
  const user = one(p.el, "x", NS.mucUser);
  const mediated = one(user, "invite");
  const direct = one(p.el, "x", NS.invite);
  if (!mediated && !direct) return false;
  const jid = mediated ? bare(p.from) : bare(attr(direct, "jid"));
  const from = mediated ? attr(mediated, "from") : p.from;
  const by = bare(from) === jid ? from : bare(from); // a room that hides addresses names its occupant
  if (!jid.includes("@") || source.archive || s.guest || s.blocked.has(by)) return true;
  if (s.conversations.get(jid)?.room?.state === "in") return true;
  if (s.invitations.size >= 100) return true;
  s.invitations.set(jid, { by, password: text(user, "password") ?? (attr(direct, "password") || undefined) });
  s.listRev.value++;
  return true;
}

/** Opens a room of that name or address, entering it if need be. */
export function openRoom(s: Session, jid: string, nick: string, password?: string): Conversation {
  const c = s.conversation(jid, "room", nick);
  if (password !== undefined) c.room!.password = password;
  if (c.room!.state !== "in") void join(s, c);
  if (!s.guest && !c.room!.bookmarked) void bookmark(s, c, true);
  return c;
}

const nickKey = (c: Conversation): string => "natter.nick." + c.jid;

function rememberNick(s: Session, c: Conversation): void {
  if (!s.guest) return;
  try {
    sessionStorage.setItem(nickKey(c), c.room!.nick);
  } catch {
    /* then not */
  }
}

/** The nick a guest begins with: the one it had, or the number it has been given. */
export function guestNick(s: Session, c: Conversation): string {
  let kept: string | null = null;
  try {
    kept = sessionStorage.getItem(nickKey(c));
  } catch {
    /* then not */
  }
  if (kept) return kept;
  return /^guest-\d+/.exec(local(s.link.jid))?.[0] ?? "guest-1"; // or the next that is free
}

/** What an owner may set, as the room's form says (XEP-0045 §10.2). */
export async function roomForm(s: Session, c: Conversation): Promise<Element | undefined> {
  const iq = await s.link.iq("get", c.jid, x("query", { xmlns: NS.mucOwner }));
  return one(one(iq, "query", NS.mucOwner), "x", NS.data);
}

export async function setRoom(s: Session, c: Conversation, fields: Record<string, string[]>): Promise<void> {
  await s.link.iq(
    "set",
    c.jid,
    x("query", { xmlns: NS.mucOwner }, form("http://jabber.org/protocol/muc#roomconfig", fields)),
  );
}
