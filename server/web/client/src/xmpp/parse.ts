// A message stanza, taken apart.
import { NS } from "./ns";
import { all, attr, one, text } from "./xml";

export interface Parsed {
  el: Element;
  type: string;
  from: string;
  to: string;
  id: string;
  body?: string;
  subject?: string;
  time: number;
  delayed: boolean;
  /** stanza-ids by who gave them. */
  ids: Map<string, string>;
  occupant?: string;
  state?: string;
  receiptWanted: boolean;
  receiptFor?: string;
  /** XEP-0333: it is asked to be told when it was read; or this tells so of another. */
  markable: boolean;
  /** Its sender wants no styling seen in it (XEP-0393 §7). */
  unstyled: boolean;
  displayedFor?: string;
  /** Application data (XEP-0432), or bare JSON (XEP-0335) as the event "json". */
  data?: { event: string; json: string };
  corrects?: string;
  retracts?: string;
  moderated?: { by: string; reason: string };
  reactsTo?: string;
  reactions: string[];
  url?: string;
  error?: string;
}

/** Returns the application data of a message, undefined when it holds none that is JSON. */
function dataOf(el: Element): { event: string; json: string } | undefined {
  const payload = one(el, "payload", NS.payload);
  const event = payload ? attr(payload, "datatype") : "json";
  const json = text(payload ?? el, "json", NS.json);
  if (!event || json === undefined) return undefined;
  try {
    JSON.parse(json);
    return { event, json };
  } catch {
    return undefined;
  }
}

const states = new Set(["active", "composing", "paused", "inactive", "gone"]);

/** Takes a message apart; time is what the archive says, when it does. */
export function parse(el: Element, time?: number): Parsed {
  const delay = one(el, "delay", NS.delay);
  const stamp = time ?? (delay ? Date.parse(attr(delay, "stamp")) : NaN);
  const ids = new Map<string, string>();
  for (const sid of all(el, "stanza-id", NS.sid)) ids.set(attr(sid, "by"), attr(sid, "id"));
  const retract = one(el, "retract", NS.retract);
  const moderated = one(retract, "moderated", NS.moderate);
  const reactions = one(el, "reactions", NS.reactions);
  const oob = one(el, "x", NS.oob);
  const err = attr(el, "type") === "error" ? one(el, "error") : undefined;
  return {
    el,
    type: attr(el, "type") || "normal",
    from: attr(el, "from"),
    to: attr(el, "to"),
    id: attr(el, "id") || attr(one(el, "origin-id", NS.sid), "id"),
    body: text(el, "body"),
    subject: text(el, "subject"),
    time: Number.isFinite(stamp) ? Math.min(stamp, Date.now()) : Date.now(),
    delayed: !!delay || time !== undefined,
    ids,
    occupant: attr(one(el, "occupant-id", NS.occupant), "id") || undefined,
    state: [...el.children].find((c) => c.namespaceURI === NS.states && states.has(c.localName))?.localName,
    receiptWanted: !!one(el, "request", NS.receipts),
    receiptFor: attr(one(el, "received", NS.receipts), "id") || undefined,
    markable: !!one(el, "markable", NS.markers),
    unstyled: !!one(el, "unstyled", NS.styling),
    displayedFor: attr(one(el, "displayed", NS.markers), "id") || undefined,
    data: dataOf(el),
    corrects: attr(one(el, "replace", NS.correct), "id") || undefined,
    retracts: attr(retract, "id") || undefined,
    moderated: moderated ? { by: attr(moderated, "by"), reason: text(retract, "reason") ?? "" } : undefined,
    reactsTo: attr(reactions, "id") || undefined,
    reactions: all(reactions, "reaction").map((r) => r.textContent ?? ""),
    url: text(oob, "url"),
    error: err ? ([...err.children].find((c) => c.namespaceURI === NS.stanzas)?.localName ?? "undefined-condition") : undefined,
  };
}
