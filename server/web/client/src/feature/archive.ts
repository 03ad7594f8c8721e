// History: the account's archive and those of rooms (XEP-0313).
import type { Session } from "../session";
import type { Conversation } from "../model";
import { NS } from "../xmpp/ns";
import { attr, form, one, text, x } from "../xmpp/xml";
import { bare, newID } from "../xmpp/jid";
import { StanzaError } from "../xmpp/link";
import { receive } from "./messages";

interface Page {
  complete: boolean;
  first: string;
  last: string;
  count: number;
}

/** Queries that are under way: whose archive, and whose messages it is asked for. */
const queries = new Map<string, { by: string; live: boolean; got: number }>();

/**
 * Takes a message of an archive's answer; false when the message is none. Only the
 * archive that was asked may answer (XEP-0313 §9.1).
 */
export function archived(s: Session, el: Element): boolean {
  const result = one(el, "result", NS.mam);
  if (!result) return false;
  const q = queries.get(attr(result, "queryid"));
  const from = attr(el, "from");
  if (!q || !(from === q.by || (from === "" && q.by === s.me))) return true;
  const forwarded = one(result, "forwarded", NS.forward);
  const message = one(forwarded, "message");
  if (!message) return true;
  q.got++;
  const time = Date.parse(attr(one(forwarded, "delay", NS.delay), "stamp"));
  receive(s, message, { archive: q.by, id: attr(result, "id"), time: Number.isFinite(time) ? time : undefined, news: q.live });
  return true;
}

async function query(
  s: Session,
  by: string,
  fields: Record<string, string | undefined>,
  page: { before?: string; after?: string; max: number },
  live: boolean,
): Promise<Page> {
  const queryid = newID();
  const q = { by, live, got: 0 };
  queries.set(queryid, q);
  try {
    const set = x(
      "set",
      { xmlns: NS.rsm },
      x("max", {}, String(page.max)),
      page.before !== undefined && x("before", {}, page.before),
      page.after !== undefined && x("after", {}, page.after),
    );
    const iq = await s.link.iq(
      "set",
      by === s.me ? undefined : by,
      x("query", { xmlns: NS.mam, queryid }, form(NS.mam, fields), set),
    );
    const fin = one(iq, "fin", NS.mam);
    const rsm = one(fin, "set", NS.rsm);
    return {
      complete: attr(fin, "complete") === "true",
      first: text(rsm, "first") ?? "",
      last: text(rsm, "last") ?? "",
      count: q.got,
    };
  } finally {
    queries.delete(queryid);
  }
}

export const hasArchive = (s: Session): boolean => s.accountFeatures.has(NS.mam) || s.features.has(NS.mam);

/** Brings what was said since the last session, or at first the latest. */
export async function catchUp(s: Session): Promise<void> {
  if (!hasArchive(s)) return;
  if (s.newest === undefined) {
    // A page may end early, where messages are large.
    for (let before = "", left = 200, i = 0; left > 0 && i < 8; i++) {
      const p = await query(s, s.me, {}, { before, max: left }, false);
      s.newest ??= p.last || undefined;
      if (p.complete || !p.count) break;
      before = p.first;
      left -= p.count;
    }
    return;
  }
  await follow(s, s.me, s.newest, (last) => (s.newest = last));
}

/** Brings what was said last with contacts that nothing is known of yet. */
export async function lastWords(s: Session): Promise<void> {
  if (!hasArchive(s)) return;
  for (const jid of [...s.contacts.keys()].filter((j) => !s.conversations.get(j)?.messages.length).slice(0, 50)) {
    await query(s, s.me, { with: jid }, { before: "", max: 1 }, false).catch(() => {});
  }
}

// Goes on page by page after an id, until there is no more.
async function follow(s: Session, by: string, after: string, seen: (id: string) => void): Promise<void> {
  for (let i = 0; i < 50; i++) {
    let p: Page;
    try {
      p = await query(s, by, {}, { after, max: 100 }, true);
    } catch (e) {
      // The archive no longer has that message: take the latest there are.
      if (!(e instanceof StanzaError) || e.condition !== "item-not-found") throw e;
      p = await query(s, by, {}, { before: "", max: 100 }, true);
      if (p.last) seen(p.last);
      return;
    }
    if (p.last) {
      after = p.last;
      seen(p.last);
    }
    if (p.complete || !p.count) return;
  }
}

/** Brings what was said in a room since it was last left, or at first the latest. */
export async function catchUpRoom(s: Session, c: Conversation): Promise<void> {
  if (!c.room?.archive) return;
  if (c.newest) {
    await follow(s, c.jid, c.newest, (last) => (c.newest = last));
  } else {
    const p = await query(s, c.jid, {}, { before: "", max: 50 }, false);
    if (p.last) c.newest = p.last;
    c.complete = p.complete;
    c.opened = true;
  }
  s.changed(c);
}

/** Brings the page before the oldest message of the conversation that is here. */
export async function older(s: Session, c: Conversation): Promise<void> {
  if (c.loading || c.complete || !s.link.online) return;
  const room = c.kind === "room";
  if (room ? !c.room?.archive : !hasArchive(s)) {
    c.complete = true;
    s.changed(c);
    return;
  }
  c.loading = true;
  s.changed(c);
  try {
    const first = c.messages.find((m) => m.archive)?.archive ?? "";
    const by = room ? c.jid : s.me;
    const p = await query(s, by, room ? {} : { with: c.jid.includes("/") ? c.jid : bare(c.jid) }, { before: first, max: 50 }, false);
    c.complete = p.complete || !p.count;
    c.opened = true;
  } catch {
    c.opened = true; // and may be asked again
  } finally {
    c.loading = false;
    s.changed(c);
  }
}
