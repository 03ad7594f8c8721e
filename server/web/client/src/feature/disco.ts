// Service discovery (XEP-0030): what the server can do, and what this client can
// (with entity capabilities, XEP-0115).
import type { Session } from "../session";
import { NS } from "../xmpp/ns";
import { all, attr, one, x } from "../xmpp/xml";

export interface Info {
  features: Set<string>;
  identities: { category: string; type: string; name: string }[];
  form: Map<string, string[]>;
}

export async function info(s: Session, to: string, node?: string): Promise<Info> {
  const iq = await s.link.iq("get", to, x("query", { xmlns: NS.info, node }));
  const q = one(iq, "query", NS.info);
  const form = new Map<string, string[]>();
  for (const f of all(q, "x", NS.data)) {
    for (const field of all(f, "field")) {
      form.set(attr(field, "var"), all(field, "value").map((v) => v.textContent ?? ""));
    }
  }
  return {
    features: new Set(all(q, "feature").map((f) => attr(f, "var"))),
    identities: all(q, "identity").map((i) => ({
      category: attr(i, "category"),
      type: attr(i, "type"),
      name: attr(i, "name"),
    })),
    form,
  };
}

/** Learns what the server and the account offer, and where. */
export async function survey(s: Session): Promise<void> {
  const [server, account] = await Promise.all([info(s, s.domain), info(s, s.me).catch(() => null)]);
  s.features = server.features;
  s.accountFeatures = account?.features ?? new Set();
  const items = await s.link.iq("get", s.domain, x("query", { xmlns: NS.items })).catch(() => null);
  const jids = all(one(items, "query", NS.items), "item").map((i) => attr(i, "jid"));
  await Promise.all(
    jids.slice(0, 20).map(async (jid) => {
      const i = await info(s, jid).catch(() => null);
      if (!i) return;
      if (i.features.has(NS.upload)) {
        const max = Number(i.form.get("max-file-size")?.[0] ?? 0);
        s.upload = { jid, max: Number.isFinite(max) ? max : 0 };
      }
      if (i.features.has(NS.muc) && i.identities.some((d) => d.category === "conference" && d.type === "text")) {
        s.rooms = jid;
      }
    }),
  );
  if (server.features.has(NS.upload) && !s.upload) s.upload = { jid: s.domain, max: 0 };
}

/** What this client understands, sorted as XEP-0115 §5.1 wants it. */
const ours = [
  NS.avatarMeta + "+notify",
  NS.bookmarks + "+notify",
  NS.displayed + "+notify",
  NS.caps,
  NS.states,
  NS.correct,
  NS.markers,
  NS.payload,
  NS.info,
  NS.muc,
  NS.invite,
  NS.oob,
  NS.ping,
  NS.reactions,
  NS.receipts,
  NS.retract,
  NS.sid,
  NS.styling,
].sort();
const identity = { category: "client", type: "web", name: "natter" };
const home = "https://natter/web";
let ver = "";

/** The <c/> of this client's presence; undefined where the page cannot hash. */
export async function caps(): Promise<Element | undefined> {
  if (!crypto.subtle) return undefined;
  const text = `${identity.category}/${identity.type}//${identity.name}<` + ours.map((f) => f + "<").join("");
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text)));
  ver = btoa(String.fromCharCode(...sum));
  return x("c", { xmlns: NS.caps, hash: "sha-1", node: home, ver });
}

/** Answers disco#info about this client. */
export function describe(query: Element): Element {
  return x(
    "query",
    { xmlns: NS.info, node: query.getAttribute("node") },
    x("identity", identity),
    ...ours.map((f) => x("feature", { var: f })),
  );
}
