// From login to a page that shows everything: what is asked, in which order, and where
// each stanza goes.
import { Session } from "../session";
import type { Login } from "../xmpp/link";
import { NS } from "../xmpp/ns";
import { attr, one, x } from "../xmpp/xml";
import { bare } from "../xmpp/jid";
import { page } from "../page";
import { badge } from "../notify";
import { announce, loadRoster, presence, push } from "./contacts";
import { describe, survey } from "./disco";
import { catchUp, lastWords } from "./archive";
import { acked, flush, message, recall, releaseChats } from "./messages";
import { guestNick, join } from "./rooms";
import { loadBookmarks } from "./bookmarks";
import { loadMarkers, markRead, publishMarkers, recount, visible } from "./displayed";
import { loadOwn } from "./avatars";

/** Starts a session: of an account, or of a guest in one room. */
export function start(login: Login): Session {
  const s = new Session(login, page.rooms);
  if (s.guest) recall(s);
  s.link.onAcked = (id) => acked(s, id);
  s.link.onStanza = (el) => {
    switch (el.localName) {
      case "message":
        return message(s, el);
      case "presence":
        return presence(s, el);
      case "iq":
        return request(s, el);
    }
  };
  s.link.onOnline = (resumed) => {
    if (resumed) {
      // The server still has all of it; only what was written meanwhile is to be sent.
      for (const c of s.conversations.values()) flush(s, c);
      return;
    }
    s.epoch++;
    s.ready.clear();
    s.chatsReady = false;
    s.presences.clear();
    for (const c of s.conversations.values()) {
      if (c.room) {
        c.room.occupants.clear();
        if (c.room.state !== "error") c.room.state = "out";
      }
    }
    s.me = bare(s.link.jid);
    (s.guest ? beGuest(s) : beUser(s)).catch((e) => console.error("login", e));
  };
  const seen = () => {
    const c = s.conversations.get(s.active.value);
    if (c && visible(s, c)) markRead(s, c);
    badge(s);
  };
  addEventListener("focus", seen);
  document.addEventListener("visibilitychange", () => {
    seen();
    if (s.link.online && one(s.link.features, "csi", NS.csi)) {
      s.link.send(x(document.hidden ? "inactive" : "active", { xmlns: NS.csi }));
    }
  });
  // Leaving the page ends the session: it comes anew with the next one. A page kept for
  // "back" goes on.
  addEventListener("pagehide", (e) => {
    if (e.persisted) return;
    publishMarkers(s);
    s.link.close();
  });
  s.link.start();
  return s;
}

async function beGuest(s: Session): Promise<void> {
  const jid = page.room.includes("@") ? page.room : `${page.room}@${page.rooms}`;
  const c = s.conversation(jid, "room");
  c.room!.nick ||= guestNick(s, c);
  s.active.value = jid;
  s.loaded.value = true;
  await join(s, c);
}

async function beUser(s: Session): Promise<void> {
  await Promise.all([survey(s), loadRoster(s)]);
  if (s.features.has(NS.carbons) || s.accountFeatures.has(NS.carbons)) {
    s.link.iq("set", undefined, x("enable", { xmlns: NS.carbons })).catch(() => {});
  }
  // The archive before presence: what waits for the account is in it as well, and comes
  // in order.
  await loadMarkers(s);
  await catchUp(s).catch(() => {});
  for (const c of s.conversations.values()) recount(s, c);
  await announce(s);
  releaseChats(s);
  s.loaded.value = true;
  s.listRev.value++;
  await loadBookmarks(s);
  for (const c of s.conversations.values()) {
    if (c.room && c.room.state === "out" && s.epoch > 1) void join(s, c);
  }
  await loadOwn(s);
  await lastWords(s);
}

function request(s: Session, el: Element): void {
  const type = attr(el, "type");
  if (type !== "get" && type !== "set") return;
  const from = attr(el, "from");
  const id = attr(el, "id");
  const result = (payload?: Element) => s.link.send(x("iq", { type: "result", id, to: from || undefined }, payload));
  const kid = el.firstElementChild;
  const name = `${type} ${kid?.namespaceURI ?? ""}`;
  const own = from === "" || bare(from) === s.me || from === s.domain;
  switch (name) {
    case "set " + NS.roster: // only from one's own account (RFC 6121 §2.1.6)
      if (!own) break;
      push(s, kid!);
      return result();
    case "get " + NS.info:
      return result(describe(kid!));
    case "get " + NS.ping:
      return result();
    case "set " + NS.blocking:
      if (!own) break;
      return result();
  }
  s.link.send(
    x(
      "iq",
      { type: "error", id, to: from || undefined },
      x("error", { type: "cancel" }, x("service-unavailable", { xmlns: NS.stanzas })),
    ),
  );
}
