// The rooms that the account keeps (XEP-0402).
import type { Session } from "../session";
import type { Conversation } from "../model";
import { NS } from "../xmpp/ns";
import { all, attr, one, text, x } from "../xmpp/xml";
import { local } from "../xmpp/jid";
import { publish, readItems, retractItem } from "./pep";
import { join, leave } from "./rooms";

/** Keeps the room, or no longer. */
export async function bookmark(s: Session, c: Conversation, keep: boolean): Promise<void> {
  const r = c.room!;
  r.bookmarked = keep;
  s.changed(c);
  try {
    if (!keep) return await retractItem(s, NS.bookmarks, c.jid);
    await publish(
      s,
      NS.bookmarks,
      c.jid,
      x(
        "conference",
        { xmlns: NS.bookmarks, autojoin: "true", name: r.name || undefined },
        x("nick", {}, r.nick),
        r.password !== undefined && x("password", {}, r.password),
      ),
    );
  } catch {
    r.bookmarked = false; // the server keeps none: the room lasts as long as the page
    s.changed(c);
  }
}

export function bookmarkItem(s: Session, item: Element, atLogin: boolean): void {
  const conf = one(item, "conference", NS.bookmarks);
  const jid = attr(item, "id");
  if (!conf || !jid.includes("@")) return;
  const auto = ["true", "1"].includes(attr(conf, "autojoin"));
  const c = s.conversation(jid, "room", text(conf, "nick") || local(s.me));
  const r = c.room!;
  r.bookmarked = true;
  r.name ||= attr(conf, "name");
  r.password ??= text(conf, "password");
  if (auto && r.state === "out") void join(s, c);
  else if (!auto && !atLogin && r.state === "in") leave(s, c);
  s.changed(c);
}

/** Another device has left the room. */
export function bookmarkGone(s: Session, jid: string): void {
  const c = s.conversations.get(jid);
  if (!c?.room?.bookmarked) return;
  c.room.bookmarked = false;
  leave(s, c);
  s.conversations.delete(jid);
  s.listRev.value++;
}

export async function loadBookmarks(s: Session): Promise<void> {
  const items = await readItems(s, NS.bookmarks).catch(() => undefined);
  for (const item of all(items, "item").slice(0, 200)) bookmarkItem(s, item, true);
}
