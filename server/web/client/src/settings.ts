// What the user has chosen on this device (localStorage); nothing secret is among it.
import { effect, signal } from "@preact/signals";

export interface Settings {
  theme: "auto" | "light" | "dark";
  notify: boolean;
  /** Images of other sites are loaded at once, which tells those sites one's address. */
  images: boolean;
  /** Contacts see that one is typing, and that a message has arrived. */
  typing: boolean;
  receipts: boolean;
  /** Contacts see up to where one has read. */
  markers: boolean;
  /** Lines for those who come and go in rooms. */
  comings: boolean;
}

const key = "natter.settings";
const defaults: Settings = { theme: "auto", notify: false, images: false, typing: true, receipts: true, markers: true, comings: true };

function load(): Settings {
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(key) ?? "{}") as Partial<Settings>) };
  } catch {
    return { ...defaults };
  }
}

export const settings = signal<Settings>(load());

export function change(part: Partial<Settings>): void {
  settings.value = { ...settings.value, ...part };
  try {
    localStorage.setItem(key, JSON.stringify(settings.value));
  } catch {
    /* private mode: it lasts as long as the page */
  }
}

effect(() => {
  const theme = settings.value.theme;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
});
