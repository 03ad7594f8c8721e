// The contact list, presence, and who may see it (RFC 6121).
import type { Session } from "../session";
import type { Contact } from "../model";
import { NS } from "../xmpp/ns";
import { all, attr, one, text, x } from "../xmpp/xml";
import { bare, local, resource } from "../xmpp/jid";
import { forget } from "../login";
import { caps } from "./disco";
import { photoSeen } from "./avatars";
import { roomPresence } from "./rooms";

function take(s: Session, item: Element): void {
  const jid = bare(attr(item, "jid"));
  if (!jid) return;
  if (attr(item, "subscription") === "remove") {
    s.contacts.delete(jid);
    s.presences.delete(jid);
    return;
  }
  const c: Contact = {
    jid,
    name: attr(item, "name"),
    subscription: attr(item, "subscription") || "none",
    asked: attr(item, "ask") === "subscribe",
    groups: all(item, "group").map((g) => g.textContent ?? ""),
  };
  s.contacts.set(jid, c);
  if (/both|from/.test(c.subscription)) s.requests.delete(jid);
}

export async function loadRoster(s: Session): Promise<void> {
  const iq = await s.link.iq("get", undefined, x("query", { xmlns: NS.roster }));
  s.contacts.clear();
  for (const item of all(one(iq, "query", NS.roster), "item")) take(s, item);
  s.contactRev.value++;
  const blocked = await s.link.iq("get", undefined, x("blocklist", { xmlns: NS.blocking })).catch(() => undefined);
  s.blocked.clear();
  for (const item of all(one(blocked, "blocklist", NS.blocking), "item")) s.blocked.add(attr(item, "jid"));
}

/** A roster push (RFC 6121 §2.1.6). */
export function push(s: Session, query: Element): void {
  for (const item of all(query, "item")) take(s, item);
  s.contactRev.value++;
}

/** Says that the user is there, in the words chosen. */
export async function announce(s: Session, show = s.show, status = s.status): Promise<void> {
  s.show = show;
  s.status = status;
  s.link.send(
    x(
      "presence",
      {},
      show && x("show", {}, show),
      status && x("status", {}, status),
      await caps(),
      s.photo !== undefined && x("x", { xmlns: NS.vcardUpdate }, x("photo", {}, s.photo)),
    ),
  );
  for (const c of s.conversations.values()) {
    if (c.room?.state === "in") {
      s.link.send(x("presence", { to: `${c.jid}/${c.room.nick}` }, show && x("show", {}, show)));
    }
  }
}

export function presence(s: Session, el: Element): void {
  if (roomPresence(s, el)) return;
  const from = attr(el, "from");
  const jid = bare(from);
  switch (attr(el, "type")) {
    case "subscribe":
      subscribe(s, jid, text(el, "status") ?? "");
      break;
    case "unsubscribe":
      s.requests.delete(jid);
      break;
    case "unavailable":
      s.presences.get(jid)?.delete(resource(from));
      s.conversations.get(jid)?.typing.clear();
      break;
    case "": {
      let of = s.presences.get(jid);
      if (!of) s.presences.set(jid, (of = new Map()));
      if (of.size < 100 || of.has(resource(from))) {
        of.set(resource(from), { show: text(el, "show") ?? "", status: text(el, "status") ?? "" });
      }
      const photo = text(one(el, "x", NS.vcardUpdate), "photo");
      if (photo) photoSeen(s, jid, photo);
      break;
    }
    default:
      return;
  }
  s.contactRev.value++;
}

function subscribe(s: Session, jid: string, said: string): void {
  const c = s.contacts.get(jid);
  if (s.blocked.has(jid) || /both|from/.test(c?.subscription ?? "")) return;
  // Whom the user has asked to add is let in when asking back.
  if (c && (c.asked || c.subscription === "to")) s.link.send(x("presence", { to: jid, type: "subscribed" }));
  else if (s.requests.size < 1000) s.requests.set(jid, said);
}

const item = (jid: string, name?: string) =>
  x("query", { xmlns: NS.roster }, x("item", { jid, name: name || undefined }));

/** Changes the account's password (XEP-0077 §3.3). */
export async function changePassword(s: Session, password: string): Promise<void> {
  await s.link.iq(
    "set",
    s.domain,
    x("query", { xmlns: NS.register }, x("username", {}, local(s.me)), x("password", {}, password)),
  );
  s.link.newPassword(password);
  forget(); // the keys that were kept are of the old one
}

/** Adds a contact and asks to see its presence. */
export async function addContact(s: Session, jid: string, name = ""): Promise<void> {
  await s.link.iq("set", undefined, item(jid, name));
  s.link.send(x("presence", { to: jid, type: "subscribe" }));
}

/** Lets somebody see one's presence, and asks for theirs. */
export async function accept(s: Session, jid: string): Promise<void> {
  s.link.send(x("presence", { to: jid, type: "subscribed" }));
  s.requests.delete(jid);
  if (!/both|to/.test(s.contacts.get(jid)?.subscription ?? "")) {
    if (!s.contacts.has(jid)) await s.link.iq("set", undefined, item(jid)).catch(() => {});
    s.link.send(x("presence", { to: jid, type: "subscribe" }));
  }
  s.contactRev.value++;
}

export function decline(s: Session, jid: string): void {
  s.link.send(x("presence", { to: jid, type: "unsubscribed" }));
  s.requests.delete(jid);
  s.contactRev.value++;
}

export const renameContact = (s: Session, jid: string, name: string): Promise<unknown> =>
  s.link.iq("set", undefined, item(jid, name));

export const removeContact = (s: Session, jid: string): Promise<unknown> =>
  s.link.iq(
    "set",
    undefined,
    x("query", { xmlns: NS.roster }, x("item", { jid, subscription: "remove" })),
  );

/** Blocks somebody, or no longer (XEP-0191). */
export async function block(s: Session, jid: string, on: boolean): Promise<void> {
  await s.link.iq("set", undefined, x(on ? "block" : "unblock", { xmlns: NS.blocking }, x("item", { jid })));
  if (on) s.blocked.add(jid);
  else s.blocked.delete(jid);
  s.requests.delete(jid);
  s.contactRev.value++;
}
