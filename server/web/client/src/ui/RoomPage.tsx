// The public page of a room: no account, no form, one is in.
import { useEffect } from "preact/hooks";
import { page } from "../page";
import type { Session } from "../session";
import { title } from "../notify";
import { t } from "../i18n";
import { Banner, Toast } from "./Banner";
import { ConversationView } from "./Conversation";
import { Logo, ThemeButton } from "./Logo";

export function RoomPage({ s }: { s: Session }) {
  void s.listRev.value;
  const c = s.conversations.get(s.active.value);
  const name = c ? s.nameOf(c.jid) : page.room.split("@")[0]!;
  useEffect(() => title("#" + name), [name]);
  return (
    <div class="public">
      <header class="public-top">
        <a class="plain" href="/" aria-label="natter">
          <Logo />
        </a>
        <span class="grow" />
        <a class="button quiet" href="/">
          {t("have_account")}
        </a>
        <ThemeButton />
      </header>
      <Banner s={s} onLogin={() => location.reload()} />
      {c ? <ConversationView s={s} c={c} /> : <main class="pane" aria-busy="true" />}
      <Toast s={s} />
    </div>
  );
}
