// The way in: with an account, or as a guest into a public room.
import { useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { page } from "../page";
import { plausible } from "../xmpp/jid";
import type { Login } from "../xmpp/link";
import { Logo, ThemeButton } from "./Logo";

interface Props {
  busy: boolean;
  problem: string;
  onLogin: (login: Login, stay: boolean) => void;
}

export function LoginForm({ busy, problem, onLogin }: Props) {
  const [error, setError] = useState("");
  const [roomError, setRoomError] = useState("");
  const jid = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const stay = useRef<HTMLInputElement>(null);
  const room = useRef<HTMLInputElement>(null);

  const submit = (e: Event) => {
    e.preventDefault();
    let address = jid.current!.value.trim().toLowerCase();
    if (address && !address.includes("@")) address += "@" + page.domain;
    if (!plausible(address)) {
      setError(t("need_address", { domain: page.domain }));
      return jid.current!.focus();
    }
    if (!password.current!.value) {
      setError(t("need_password"));
      return password.current!.focus();
    }
    setError("");
    const secret = password.current!.value;
    password.current!.value = "";
    onLogin({ jid: address, secret }, stay.current!.checked);
  };

  const enter = (e: Event) => {
    e.preventDefault();
    const name = room.current!.value.trim();
    if (!name) {
      setRoomError(t("need_room"));
      return room.current!.focus();
    }
    location.assign("/room/" + encodeURIComponent(name));
  };

  const said = error || problem;
  return (
    <div class="login">
      <main class="login-card">
        <div class="login-top">
          <Logo />
          <ThemeButton />
        </div>
        <h1>{t("login_title")}</h1>
        <p class="muted">{t("login_intro", { domain: page.domain })}</p>
        {!crypto.subtle && (
          <p class="alert" role="alert">
            {t("insecure")}
          </p>
        )}
        <form onSubmit={submit} noValidate>
          <label for="jid">{t("address")}</label>
          <input
            id="jid"
            ref={jid}
            type="text"
            inputMode="email"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            placeholder={t("address_hint", { domain: page.domain })}
            autofocus
            aria-invalid={!!error}
            aria-describedby="login-said"
          />
          <label for="password">{t("password")}</label>
          <input id="password" ref={password} type="password" autocomplete="current-password" aria-describedby="login-said" />
          <label class="check">
            <input ref={stay} type="checkbox" />
            <span>
              {t("stay")}
              <small class="muted">{t("stay_hint")}</small>
            </span>
          </label>
          <div id="login-said" role="alert">
            {said && <p class="alert">{said}</p>}
          </div>
          <button class="primary wide" disabled={busy}>
            {busy ? t("logging_in") : t("login")}
          </button>
        </form>
        {page.guests && (
          <>
            <hr />
            <form onSubmit={enter} noValidate>
              <label for="room">{t("guest_title")}</label>
              <div class="row">
                <input
                  id="room"
                  ref={room}
                  type="text"
                  autocapitalize="none"
                  spellcheck={false}
                  placeholder={t("room_name")}
                  aria-describedby="room-said"
                />
                <button>{t("enter")}</button>
              </div>
              <div id="room-said" role="alert">
                {roomError && <p class="alert">{roomError}</p>}
              </div>
            </form>
          </>
        )}
      </main>
    </div>
  );
}
