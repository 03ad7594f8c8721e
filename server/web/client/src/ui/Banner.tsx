// How the connection is, when that is worth a word.
import { useEffect, useState } from "preact/hooks";
import { reason, t } from "../i18n";
import type { Session } from "../session";

export function Banner({ s, onLogin }: { s: Session; onLogin: () => void }) {
  const state = s.link.state.value;
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (state.phase !== "lost") return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [state]);

  const left = state.retryAt ? Math.ceil((state.retryAt - now) / 1000) : 0;
  return (
    <>
      {/* What changes by the second is not for the screen reader. */}
      <div role="status" class="sr">
        {state.phase === "lost" && t("lost")} {state.phase === "refused" && reason(state.reason)}
        {state.phase === "online" && s.epoch > 1 && t("back")}
      </div>
      {state.phase === "connecting" && <div class="banner">{t("connecting")}</div>}
      {state.phase === "lost" && (
        <div class="banner banner-warn" id="gone">
          <span>
            <strong>{t(state.reason === "system-shutdown" ? "lost_shutdown" : "lost")}</strong> {t("lost_more")}{" "}
            <span class="muted" aria-hidden="true">
              {left > 0 ? t("retry_in", { n: left }) : t("retrying")}
            </span>
          </span>
          <button onClick={s.link.now}>{t("retry_now")}</button>
        </div>
      )}
      {state.phase === "refused" && (
        <div class="banner banner-warn">
          <span>
            <strong>{t("refused_title")}.</strong> {reason(state.reason)}
          </span>
          <button onClick={onLogin}>{t(s.guest ? "reload" : "log_in_again")}</button>
        </div>
      )}
    </>
  );
}

export function Toast({ s }: { s: Session }) {
  return (
    <div class="toast-place" role="status">
      {s.toast.value && <div class="toast">{s.toast.value}</div>}
    </div>
  );
}
