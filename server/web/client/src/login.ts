// What is kept of a login, if the user wants it: keys derived from the password, good
// for this server only, for as long as the tab is open.
import type { Keys } from "./xmpp/link";

interface Kept {
  jid: string;
  keys: Keys;
}

const key = "natter.login";

export function keep(k: Kept): void {
  try {
    sessionStorage.setItem(key, JSON.stringify(k));
  } catch {
    /* then a reload asks again */
  }
}

export function forget(): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    /* nothing was kept */
  }
}

export function recallLogin(): Kept | undefined {
  try {
    const k = JSON.parse(sessionStorage.getItem(key) ?? "null") as Kept | null;
    return k?.jid && k.keys?.ck ? k : undefined;
  } catch {
    return undefined;
  }
}
