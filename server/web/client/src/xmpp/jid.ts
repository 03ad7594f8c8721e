// Addresses, as far as a client has to take them apart.

export const bare = (jid: string): string => {
  const i = jid.indexOf("/");
  return i < 0 ? jid : jid.slice(0, i);
};

export const resource = (jid: string): string => {
  const i = jid.indexOf("/");
  return i < 0 ? "" : jid.slice(i + 1);
};

export const local = (jid: string): string => {
  const b = bare(jid);
  const i = b.indexOf("@");
  return i < 0 ? "" : b.slice(0, i);
};

export const domain = (jid: string): string => {
  const b = bare(jid);
  return b.slice(b.indexOf("@") + 1);
};

/** Whether text could be the address of an account or room. */
export const plausible = (jid: string): boolean => /^[^\s@/"&'<>:]+@[^\s@/]+$/.test(jid);

/** A random id: 128 bits, also where the page is not a secure context. */
export function newID(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  return [...b].map((v) => v.toString(16).padStart(2, "0")).join("");
}
