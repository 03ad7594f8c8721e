// What is on the page: the login, the account, or a room with a guest in it.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { start } from "../feature/start";
import { reason, t } from "../i18n";
import { forget, keep, recallLogin } from "../login";
import { page } from "../page";
import type { Session } from "../session";
import type { Login } from "../xmpp/link";
import { title } from "../notify";
import { Account } from "./Account";
import { LoginForm } from "./Login";
import { RoomPage } from "./RoomPage";

const session = signal<Session | undefined>(undefined);
/** Why the last login did not work. */
const problem = signal("");
const busy = signal(false);

function begin(login: Login, stay: boolean): void {
  problem.value = "";
  busy.value = true;
  const s = start(login);
  let entered = false;
  const stop = s.link.state.subscribe((state) => {
    if (state.phase === "online") {
      if (!entered) {
        entered = true;
        busy.value = false;
        session.value = s;
      }
      if (stay && s.link.keys) keep({ jid: login.jid, keys: s.link.keys });
    } else if (state.phase === "refused" && !entered) {
      forget();
      busy.value = false;
      problem.value = reason(state.reason);
      queueMicrotask(() => stop());
    } else if (state.phase === "lost" && !entered) {
      problem.value = t("lost") + " " + t("retrying");
    }
  });
}

function logOut(): void {
  session.value?.link.close();
  forget();
  location.assign("/");
}

export function App() {
  useEffect(() => {
    if (page.room) {
      session.value = start({ jid: page.guests || "guests." + page.domain });
      return;
    }
    title("");
    const kept = recallLogin();
    if (kept) begin({ jid: kept.jid, secret: kept.keys }, true);
  }, []);
  const s = session.value;
  if (page.room) return s ? <RoomPage s={s} /> : null;
  if (!s) return <LoginForm busy={busy.value} problem={problem.value} onLogin={begin} />;
  return <Account s={s} onLogOut={logOut} />;
}
