// Small things that several components need.

/** A hue for a name, always the same one (in the spirit of XEP-0392). */
export function hue(name: string): number {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  return ((h ^ (h >>> 13)) >>> 0) % 360;
}

/** The first letters of a name, for a picture that is not there. */
export function initials(name: string): string {
  const words = name.replace(/[^\p{L}\p{N}\s._-]/gu, "").split(/[\s._-]+/).filter(Boolean);
  if (!words.length) return "?";
  const first = [...words[0]!][0]!;
  const last = words.length > 1 ? [...words[words.length - 1]!][0]! : "";
  return (first + last).toUpperCase();
}

const units = ["B", "kB", "MB", "GB"];
export function bytes(n: number): string {
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return `${n < 10 && i ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export const isImage = (url: string): boolean => /\.(png|jpe?g|gif|webp|avif)(\?|#|$)/i.test(url);

export type Piece = { text: string } | { url: string; text: string } | { geo: string };

/** Cuts text into words and links; only web, mail, xmpp and geo addresses become links. */
export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  const re = /(https?:\/\/[^\s<>"]+|mailto:[^\s<>"]+|xmpp:[^\s<>"]+|geo:-?\d[^\s<>"]*)/gi;
  let at = 0;
  for (const m of text.matchAll(re)) {
    let url = m[0];
    // A full stop or bracket after it belongs to the sentence.
    while (/[.,;:!?'"»”’，。；：！？）\]]$/.test(url) || (url.endsWith(")") && !url.includes("("))) url = url.slice(0, -1);
    if (m.index > at) out.push({ text: text.slice(at, m.index) });
    out.push({ url, text: url });
    at = m.index + url.length;
  }
  if (at < text.length) out.push({ text: text.slice(at) });
  return out;
}

/** Whether all of it is a few emoji, which are shown large. */
export const onlyEmoji = (text: string): boolean =>
  text.length <= 24 && /^(\p{Extended_Pictographic}|\p{Emoji_Component}|\s)+$/u.test(text) && /\p{Extended_Pictographic}/u.test(text);
