// What the page shows: conversations and their messages. Plain values; a conversation
// tells its components of a change by its revision.
import { signal, type Signal } from "@preact/signals";

/** queued: not sent yet; sent: the server has it; delivered, read: by the other side. */
export type Status = "queued" | "sent" | "delivered" | "read" | "failed";

export interface Message {
  /** The id its sender gave it: what corrections and receipts name. */
  id: string;
  /** Its id in the archive, once known (XEP-0359): what in rooms reactions and retractions name. */
  archive?: string;
  /** Bare JID in a chat, nick in a room. */
  from: string;
  /** XEP-0421, in rooms that have it. */
  occupant?: string;
  mine: boolean;
  body: string;
  time: number;
  status: Status;
  error?: string;
  edited?: boolean;
  retracted?: boolean;
  /** Who it was that retracted it, when a moderator. */
  moderator?: string;
  /** By emoji: who (bare JID or nick). */
  reactions?: Map<string, Set<string>>;
  /** A file at a URL, the whole of the message (XEP-0066). */
  file?: string;
  geo?: Place;
  /** Application data: an event's name, and its JSON. */
  data?: { event: string; json: string };
  /** Its sender wants to know when it has been read (XEP-0333). */
  markable?: boolean;
  /** To be shown without styling. */
  plain?: boolean;
  /** A line of the page's own: somebody came, left, is called something else. */
  notice?: Notice;
}

export interface Place {
  lat: number;
  lon: number;
  accuracy?: number;
}

export type Notice =
  | { kind: "joined" | "left" | "kicked" | "banned"; nick: string; reason?: string }
  | { kind: "renamed"; nick: string; to: string; mine: boolean }
  | { kind: "topic"; nick: string; topic: string }
  | { kind: "text"; text: string };

export interface Occupant {
  nick: string;
  role: string;
  affiliation: string;
  jid?: string;
  show: string;
  photo?: string;
}

export interface Conversation {
  jid: string;
  kind: "chat" | "room";
  messages: Message[];
  unread: number;
  /** Of the unread ones, those that name the user; in a chat all. */
  mentions: number;
  /** When something was last said, 0 for never. */
  last: number;
  /** All of the archive that is older is here. */
  complete: boolean;
  loading: boolean;
  /** A first page was asked for since the session began. */
  opened: boolean;
  draft: string;
  /** Who is typing (nicks; in a chat the JID), until when. */
  typing: Map<string, number>;
  /** Newest archive id, to go on from after a gap. */
  newest?: string;
  /** The last message whose sender was told that it was read. */
  told?: string;
  room?: Room;
  /** Counts up with each change. */
  rev: Signal<number>;
}

export interface Room {
  name: string;
  topic: string;
  nick: string;
  /** out: not in it; joining; in; error: see the condition. */
  state: "out" | "joining" | "in" | "error";
  error?: string;
  occupants: Map<string, Occupant>;
  /** It keeps an archive of its own. */
  archive: boolean;
  bookmarked: boolean;
  password?: string;
}

export interface Contact {
  jid: string;
  name: string;
  subscription: string;
  asked: boolean;
  groups: string[];
}

export interface Presence {
  show: string; // "" is available, "offline"
  status: string;
}

const kept = 2000; // messages of a conversation that the page holds

export const newConversation = (jid: string, kind: "chat" | "room", nick = ""): Conversation => ({
  jid,
  kind,
  messages: [],
  unread: 0,
  mentions: 0,
  last: 0,
  complete: false,
  loading: false,
  opened: false,
  draft: "",
  typing: new Map(),
  rev: signal(0),
  room:
    kind === "room"
      ? { name: "", topic: "", nick, state: "out", occupants: new Map(), archive: false, bookmarked: false }
      : undefined,
});

export const touch = (c: Conversation): void => {
  c.rev.value++;
};

/** Where a message of that time belongs: after those of the same time. */
function place(list: Message[], time: number): number {
  let i = list.length;
  while (i > 0 && list[i - 1]!.time > time) i--;
  return i;
}

/**
 * Adds a message, once: one that is there already, by the archive's id or as the user's
 * own by its sender's id, learns what it lacked. Returns whether it is new.
 */
export function insert(c: Conversation, m: Message): boolean {
  const old = c.messages.find(
    (o) =>
      (m.archive && o.archive === m.archive) ||
      (m.id && o.id === m.id && o.from === m.from && o.mine === m.mine && !o.notice && (!o.archive || !m.archive)),
  );
  if (old) {
    old.archive ??= m.archive;
    if (old.mine && old.status === "queued" && m.archive) old.status = "sent";
    return false;
  }
  c.messages.splice(place(c.messages, m.time), 0, m);
  if (c.messages.length > kept) {
    c.messages.splice(0, c.messages.length - kept);
    c.complete = false;
  }
  if (!m.notice && m.time > c.last) c.last = m.time;
  return true;
}

const typingFor = 30000; // ms that the word of typing holds without another

/** Somebody is typing, or no longer. */
export function typing(c: Conversation, who: string, on: boolean): void {
  if (on) {
    c.typing.set(who, Date.now() + typingFor);
    setTimeout(() => touch(c), typingFor + 500);
  } else c.typing.delete(who);
  touch(c);
}

/** Adds a notice of the page's own, now. */
export function note(c: Conversation, notice: Notice): void {
  const tail = c.messages[c.messages.length - 1];
  const time = Math.max(Date.now(), tail?.time ?? 0);
  // Coming and going at once, over and over, is one line, not a page of them.
  if (
    tail?.notice?.kind === "left" &&
    notice.kind === "joined" &&
    tail.notice.nick === notice.nick &&
    time - tail.time < 20000
  ) {
    c.messages.pop();
  } else {
    c.messages.push({ id: "", from: "", mine: false, body: "", time, status: "sent", notice });
  }
  touch(c);
}

/** Finds what a correction, retraction, reaction or receipt names. */
export function find(c: Conversation, id: string): Message | undefined {
  for (let i = c.messages.length - 1; i >= 0; i--) {
    const m = c.messages[i]!;
    if (!m.notice && (m.id === id || m.archive === id)) return m;
  }
  return undefined;
}

/** Whether both are said by the same one: what may change a message. */
export const sameAuthor = (m: Message, from: string, occupant?: string): boolean =>
  m.from === from && (!m.occupant || !occupant || m.occupant === occupant);

/** A geo: URI (RFC 5870) as a place, undefined when it is none. */
export function parseGeo(text: string): Place | undefined {
  const m = /^geo:(-?\d{1,2}(?:\.\d+)?),(-?\d{1,3}(?:\.\d+)?)(?:,-?[\d.]+)?((?:;[^\s;]+)*)$/i.exec(text.trim());
  if (!m) return undefined;
  const lat = Number(m[1]);
  const lon = Number(m[2]);
  if (Math.abs(lat) > 90 || Math.abs(lon) > 180) return undefined;
  const u = /;u=([\d.]+)/.exec(m[3] ?? "");
  return { lat, lon, accuracy: u ? Number(u[1]) : undefined };
}
