// The account: the list on the left, the open conversation on the right; on a phone one
// at a time. The address of the page says which, so that "back" works.
import { useEffect, useState } from "preact/hooks";
import type { Session } from "../session";
import { markRead, visible } from "../feature/displayed";
import { title } from "../notify";
import { t } from "../i18n";
import { Banner, Toast } from "./Banner";
import { ConversationView } from "./Conversation";
import { Sidebar } from "./Sidebar";
import { NewDialog, SettingsDialog } from "./Dialogs";

export const open = (jid: string): void => {
  location.hash = jid ? "#/" + encodeURIComponent(jid) : "";
};

function fromHash(): string {
  try {
    return location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2)) : "";
  } catch {
    return "";
  }
}

export function Account({ s, onLogOut }: { s: Session; onLogOut: () => void }) {
  const [dialog, setDialog] = useState<"" | "new" | "settings">("");
  void s.listRev.value;
  useEffect(() => {
    const follow = () => {
      s.active.value = fromHash();
      const c = s.conversations.get(s.active.value);
      if (c && visible(s, c)) markRead(s, c);
    };
    follow();
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [s]);
  const jid = s.active.value;
  const c = s.conversations.get(jid) ?? (s.contacts.has(jid) ? s.conversation(jid) : undefined);
  const name = c ? s.nameOf(c.jid) : "";
  useEffect(() => title(name), [name]);
  return (
    <div class={"account" + (c ? " has-open" : "")}>
      <Sidebar s={s} onNew={() => setDialog("new")} onSettings={() => setDialog("settings")} />
      <div class="account-main">
        <Banner s={s} onLogin={onLogOut} />
        {c ? (
          <ConversationView key={c.jid} s={s} c={c} onBack={() => open("")} />
        ) : (
          <main class="pane empty-pane">
            <div class="empty">
              <h2>{t("welcome")}</h2>
              <p>{t("welcome_hint")}</p>
              <button class="primary" onClick={() => setDialog("new")}>
                {t("add")}
              </button>
            </div>
          </main>
        )}
      </div>
      {dialog === "new" && <NewDialog s={s} onClose={() => setDialog("")} onOpen={open} />}
      {dialog === "settings" && <SettingsDialog s={s} onClose={() => setDialog("")} onLogOut={onLogOut} />}
      <Toast s={s} />
    </div>
  );
}
