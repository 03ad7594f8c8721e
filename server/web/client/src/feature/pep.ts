// Personal eventing (XEP-0163): what the account publishes and is told of.
import type { Session } from "../session";
import { NS } from "../xmpp/ns";
import { all, attr, form, one, x } from "../xmpp/xml";
import { bare } from "../xmpp/jid";
import { avatarMetadata } from "./avatars";
import { bookmarkItem, bookmarkGone } from "./bookmarks";
import { markerItem } from "./displayed";

/** Nodes that hold one private item for each of something (XEP-0223). */
const priv = {
  "pubsub#persist_items": "true",
  "pubsub#max_items": "max",
  "pubsub#send_last_published_item": "never",
  "pubsub#access_model": "whitelist",
};
const options: Record<string, Record<string, string>> = {
  [NS.bookmarks]: priv,
  [NS.displayed]: priv,
  [NS.avatarData]: { "pubsub#access_model": "presence", "pubsub#persist_items": "true" },
  [NS.avatarMeta]: { "pubsub#access_model": "presence", "pubsub#persist_items": "true" },
};

export async function publish(s: Session, node: string, id: string, payload: Element): Promise<void> {
  const want = options[node];
  await s.link.iq(
    "set",
    undefined,
    x(
      "pubsub",
      { xmlns: NS.pubsub },
      x("publish", { node }, x("item", { id }, payload)),
      want && x("publish-options", {}, form(NS.options, want)),
    ),
  );
}

export async function retractItem(s: Session, node: string, id: string): Promise<void> {
  await s.link.iq(
    "set",
    undefined,
    x("pubsub", { xmlns: NS.pubsub }, x("retract", { node, notify: "true" }, x("item", { id }))),
  );
}

/** Returns the <items/> of a node, the user's own or somebody's. */
export async function readItems(s: Session, node: string, of?: string, id?: string): Promise<Element | undefined> {
  const iq = await s.link.iq(
    "get",
    of,
    x("pubsub", { xmlns: NS.pubsub }, x("items", { node }, id !== undefined && x("item", { id }))),
  );
  return one(one(iq, "pubsub", NS.pubsub), "items");
}

/** An event; of the private nodes only those of one's own account count. */
export function pubsubEvent(s: Session, el: Element): void {
  const from = bare(attr(el, "from") || s.me);
  const items = one(one(el, "event", NS.event), "items");
  const node = attr(items, "node");
  const own = from === s.me;
  if (node === NS.avatarMeta) return avatarMetadata(s, from, one(items, "item"));
  if (!own) return;
  if (node === NS.bookmarks) {
    for (const i of all(items, "item")) bookmarkItem(s, i, false);
    for (const i of all(items, "retract")) bookmarkGone(s, attr(i, "id"));
  } else if (node === NS.displayed) {
    for (const i of all(items, "item")) markerItem(s, i);
  }
}
