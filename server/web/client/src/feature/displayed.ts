// What has been read, here and on the user's other devices (XEP-0490).
import type { Session } from "../session";
import type { Conversation } from "../model";
import { NS } from "../xmpp/ns";
import { all, attr, one, x } from "../xmpp/xml";
import { badge } from "../notify";
import { sendDisplayed } from "./messages";
import { publish, readItems } from "./pep";

/** Whether the user is looking at the conversation. */
export const visible = (s: Session, c: Conversation): boolean =>
  s.active.value === c.jid && document.visibilityState === "visible" && document.hasFocus();

/** Markers that are told in a moment, all that is read until then at once. */
const pending = new Map<Conversation, number>();

/** The user has seen all of the conversation. */
export function markRead(s: Session, c: Conversation): void {
  sendDisplayed(s, c);
  if (c.unread || c.mentions) {
    c.unread = c.mentions = 0;
    s.changed(c);
  }
  badge(s);
  if (s.guest || !s.link.online) return;
  let id: string | undefined;
  for (let i = c.messages.length - 1; i >= 0 && !id; i--) id = c.messages[i]!.archive;
  if (!id || s.displayed.get(c.jid) === id || pending.has(c)) return;
  pending.set(c, window.setTimeout(() => publishMarker(s, c), 700));
}

function publishMarker(s: Session, c: Conversation): void {
  clearTimeout(pending.get(c));
  pending.delete(c);
  const last = [...c.messages].reverse().find((m) => m.archive)?.archive;
  if (!last || s.displayed.get(c.jid) === last) return;
  s.displayed.set(c.jid, last);
  const by = c.kind === "room" ? c.jid : s.me;
  const marker = x("displayed", { xmlns: NS.displayed }, x("stanza-id", { xmlns: NS.sid, id: last, by }));
  publish(s, NS.displayed, c.jid, marker).catch(() => {});
}

/** The page is about to go: what was read is told now. */
export function publishMarkers(s: Session): void {
  for (const c of [...pending.keys()]) publishMarker(s, c);
}

/** Takes a marker, of a node's item or an event. */
export function markerItem(s: Session, item: Element): void {
  const sid = one(one(item, "displayed", NS.displayed), "stanza-id", NS.sid);
  const jid = attr(item, "id");
  if (!sid || !jid) return;
  s.displayed.set(jid, attr(sid, "id"));
  const c = s.conversations.get(jid);
  if (c) recount(s, c);
}

/** Counts anew what follows the marker, as far as it is here. */
export function recount(s: Session, c: Conversation): void {
  const id = s.displayed.get(c.jid);
  if (!id) return;
  const at = c.messages.findIndex((m) => m.archive === id);
  if (at < 0) return;
  const rest = c.messages.slice(at + 1);
  // What the user said there is read as well, whatever the marker says.
  const own = rest.map((m) => m.mine).lastIndexOf(true);
  c.unread = rest.slice(own + 1).filter((m) => !m.notice && !m.mine).length;
  c.mentions = c.kind === "chat" ? c.unread : Math.min(c.mentions, c.unread);
  s.changed(c);
  badge(s);
}

export async function loadMarkers(s: Session): Promise<void> {
  const items = await readItems(s, NS.displayed).catch(() => null);
  for (const item of all(items, "item")) markerItem(s, item);
}
