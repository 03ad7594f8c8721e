// Pictures of people: by PEP (XEP-0084), or by vCard where a presence says so (XEP-0153).
import type { Session } from "../session";
import { NS } from "../xmpp/ns";
import { attr, one, text, x } from "../xmpp/xml";
import { publish, readItems } from "./pep";

/** Only what a browser draws without running anything. */
const types = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const limit = 512 * 1024; // characters of base64

const hashes = new Map<string, string>(); // by address: what is shown or on its way
const byHash = new Map<string, string>(); // data: URLs
let busy = Promise.resolve(); // one at a time: they are not urgent

function show(s: Session, who: string, url: string | undefined): void {
  if (url) s.avatars.set(who, url);
  else s.avatars.delete(who);
  s.avatarRev.value++;
}

function fetchOnce(s: Session, who: string, hash: string, get: () => Promise<string | undefined>): void {
  if (hashes.get(who) === hash) return;
  hashes.set(who, hash);
  const have = byHash.get(hash);
  if (have) return show(s, who, have);
  busy = busy
    .then(get)
    .then((url) => {
      if (!url) return;
      byHash.set(hash, url);
      if (byHash.size > 500) byHash.delete(byHash.keys().next().value!);
      if (hashes.get(who) === hash) show(s, who, url);
    })
    .catch(() => {
      hashes.delete(who);
    });
}

function dataURL(type: string, base64: string | undefined): string | undefined {
  const data = (base64 ?? "").replace(/\s+/g, "");
  if (!types.has(type) || !data || data.length > limit || !/^[A-Za-z0-9+/]+=*$/.test(data)) return undefined;
  return `data:${type};base64,${data}`;
}

/** The metadata node's item: an empty one takes the picture away. */
export function avatarMetadata(s: Session, who: string, item?: Element): void {
  const meta = one(item, "metadata", NS.avatarMeta);
  if (!meta) return;
  const best = one(meta, "info");
  if (!best) {
    hashes.delete(who);
    return show(s, who, undefined);
  }
  const id = attr(best, "id");
  const type = attr(best, "type");
  fetchOnce(s, who, id, async () => {
    const items = await readItems(s, NS.avatarData, who === s.me ? undefined : who, id);
    return dataURL(type, text(one(items, "item"), "data", NS.avatarData));
  });
}

/** A presence that names the hash of a vCard's photo. */
export function photoSeen(s: Session, who: string, hash: string): void {
  if (hashes.has(who) && !who.includes("/") && hashes.get(who) !== hash && s.avatars.has(who)) {
    // PEP has told already; both are usually the same picture.
    if (s.features.has("urn:xmpp:pep-vcard-conversion:0")) return;
  }
  fetchOnce(s, who, hash, async () => {
    const iq = await s.link.iq("get", who, x("vCard", { xmlns: NS.vcard }));
    const photo = one(one(iq, "vCard", NS.vcard), "PHOTO");
    return dataURL(text(photo, "TYPE") ?? "image/png", text(photo, "BINVAL"));
  });
}

/** Somebody has left, who may never be back. */
export function forgetPicture(s: Session, who: string): void {
  hashes.delete(who);
  s.avatars.delete(who);
}

export async function loadOwn(s: Session): Promise<void> {
  const items = await readItems(s, NS.avatarMeta).catch(() => undefined);
  avatarMetadata(s, s.me, one(items, "item"));
}

/** Makes the file the user's picture: a square of 192 pixels. */
export async function setAvatar(s: Session, file: Blob): Promise<void> {
  const bitmap = await createImageBitmap(file);
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 192;
  canvas
    .getContext("2d")!
    .drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 192, 192);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("no picture");
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const id = [...new Uint8Array(await crypto.subtle.digest("SHA-1", bytes))]
    .map((b) => b.toString(16).padStart(2, "0"))
    .join("");
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  await publish(s, NS.avatarData, id, x("data", { xmlns: NS.avatarData }, btoa(binary)));
  await publish(
    s,
    NS.avatarMeta,
    id,
    x(
      "metadata",
      { xmlns: NS.avatarMeta },
      x("info", { id, type: "image/png", bytes: bytes.length, width: 192, height: 192 }),
    ),
  );
  hashes.set(s.me, id);
  show(s, s.me, "data:image/png;base64," + btoa(binary));
}
