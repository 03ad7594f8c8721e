// What the server says about itself in the page it serves.

export interface Page {
  /** The host whose accounts log in here. */
  domain: string;
  /** Where guests log in (SASL ANONYMOUS); "" when the server takes none. */
  guests: string;
  /** The server makes accounts for whoever asks (XEP-0077). */
  register: boolean;
  /** Where rooms named without a domain are. */
  rooms: string;
  /** The room of a public room page, "" on the account's page. */
  room: string;
}

const say = (name: string): string =>
  document.querySelector<HTMLMetaElement>(`meta[name="natter-${name}"]`)?.content ?? "";

function roomInPath(): string {
  const m = /^\/room\/([^/]+)\/?$/.exec(location.pathname);
  if (!m) return "";
  try {
    return decodeURIComponent(m[1]!).trim().toLowerCase();
  } catch {
    return "";
  }
}

export const page: Page = {
  domain: say("domain") || location.hostname,
  guests: say("guests"),
  register: say("register") === "yes",
  rooms: say("rooms") || "conference." + location.hostname,
  room: roomInPath(),
};
