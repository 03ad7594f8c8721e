// Telling the user of what is new while the page is out of sight: the title's count
// and, if wanted, notifications of the system.
import type { Session } from "./session";
import type { Conversation, Message } from "./model";
import { settings } from "./settings";
import { t } from "./i18n";

const base = document.title || "natter";
let titled = base;

/** Names the page. */
export function title(name: string): void {
  titled = name ? name + " · natter" : "natter";
}

export function badge(s: Session): void {
  let n = 0;
  for (const c of s.conversations.values()) n += c.kind === "chat" || s.guest ? c.unread : c.mentions;
  document.title = (n ? `(${n > 99 ? "99+" : n}) ` : "") + titled;
}

export const canNotify = (): boolean => "Notification" in window && Notification.permission !== "denied";

/** Asks the browser for permission; must be called from a click. */
export async function permit(): Promise<boolean> {
  if (!("Notification" in window)) return false;
  return (await Notification.requestPermission()) === "granted";
}

export function notify(s: Session, c: Conversation, m: Message): void {
  badge(s);
  if (!settings.value.notify || !("Notification" in window) || Notification.permission !== "granted") return;
  const name = c.kind === "room" ? `${m.from} · ${s.nameOf(c.jid)}` : s.nameOf(c.jid);
  try {
    const n = new Notification(name, {
      body: m.file ? t("file") : m.geo ? t("location") : (m.body || (m.data?.event ?? "")).slice(0, 200),
      tag: c.jid,
      icon: s.avatars.get(c.jid),
    });
    n.onclick = () => {
      window.focus();
      if (s.guest) s.active.value = c.jid;
      else location.hash = "#/" + encodeURIComponent(c.jid);
      n.close();
    };
  } catch {
    /* some browsers only let service workers do it */
  }
}
