// The way in: with an account, or as a guest into a public room.
import { useEffect, useRef, useState } from "preact/hooks";
import { reason, t } from "../i18n";
import { page } from "../page";
import { plausible } from "../xmpp/jid";
import { StanzaError, type Login } from "../xmpp/link";
import { register } from "../xmpp/register";
import { Logo, ThemeButton } from "./Logo";

interface Props {
  busy: boolean;
  problem: string;
  onLogin: (login: Login, stay: boolean) => void;
}

/** The address that a link to here names, as that of an invitation does: #login/ADDRESS. */
function named(): string {
  try {
    return decodeURIComponent(/^#login\/([^/]{1,2000})$/.exec(location.hash)?.[1] ?? "");
  } catch {
    return "";
  }
}

export function LoginForm({ busy, problem, onLogin }: Props) {
  const [error, setError] = useState("");
  const [roomError, setRoomError] = useState("");
  const [making, setMaking] = useState(false); // an account, instead of logging in
  const [waiting, setWaiting] = useState(false);
  const jid = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const stay = useRef<HTMLInputElement>(null);
  const again = useRef<HTMLInputElement>(null);
  const room = useRef<HTMLInputElement>(null);
  const [known] = useState(named);

  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) (known && !making ? password : jid).current!.focus();
  }, [making]);

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
    onLogin({ jid: address, secret }, !!stay.current?.checked);
  };

  const create = async (e: Event) => {
    e.preventDefault();
    const wrong = (text: string, field: HTMLInputElement) => {
      setError(text);
      field.focus();
    };
    const [name = "", at = page.domain] = jid.current!.value.trim().toLowerCase().split("@");
    const secret = password.current!.value;
    if (at !== page.domain || !plausible(`${name}@${page.domain}`)) return wrong(t("e_bad-name"), jid.current!);
    if (secret.length < 8) return wrong(t("short_password"), password.current!);
    if (secret !== again.current!.value) return wrong(t("passwords_differ"), password.current!);
    setError("");
    setWaiting(true);
    try {
      await register(page.domain, name, secret);
      setMaking(false);
      onLogin({ jid: `${name}@${page.domain}`, secret }, false);
    } catch (err) {
      setError(refusal(err));
      jid.current!.focus();
    } finally {
      setWaiting(false);
    }
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
        <h1>{t(making ? "register_title" : "login_title")}</h1>
        <p class="muted">{t(making ? "register_intro" : "login_intro", { domain: page.domain })}</p>
        {!crypto.subtle && (
          <p class="alert" role="alert">
            {t("insecure")}
          </p>
        )}
        <form onSubmit={(e) => (making ? void create(e) : submit(e))} noValidate>
          <label for="jid">{t(making ? "name" : "address")}</label>
          <input
            id="jid"
            ref={jid}
            type="text"
            inputMode="email"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            placeholder={making ? undefined : t("address_hint", { domain: page.domain })}
            defaultValue={known}
            autofocus={!known}
            aria-invalid={!!error}
            aria-describedby="login-said"
          />
          <label for="password">{t("password")}</label>
          <input
            id="password"
            ref={password}
            type="password"
            autocomplete={making ? "new-password" : "current-password"}
            autofocus={!!known}
            aria-describedby="login-said"
          />
          {making ? (
            <>
              <label for="again">{t("again")}</label>
              <input id="again" ref={again} type="password" autocomplete="new-password" aria-describedby="login-said" />
            </>
          ) : (
            <label class="check">
              <input ref={stay} type="checkbox" />
              <span>
                {t("stay")}
                <small class="muted">{t("stay_hint")}</small>
              </span>
            </label>
          )}
          <div id="login-said" role="alert">
            {said && <p class="alert">{said}</p>}
          </div>
          <button class="primary wide" disabled={busy || waiting}>
            {waiting ? t("registering") : busy ? t("logging_in") : t(making ? "register" : "login")}
          </button>
          {page.register && (
            <p class="center small switch">
              {!making && <span class="muted">{t("register_new")} </span>}
              <button
                type="button"
                class="link"
                onClick={() => {
                  setError("");
                  setMaking(!making);
                }}
              >
                {t(making ? "register_have" : "register")}
              </button>
            </p>
          )}
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

// Why no account was made.
function refusal(err: unknown): string {
  if (!(err instanceof StanzaError)) return reason("remote-server-timeout");
  if (err.condition === "conflict") return t("e_taken");
  if (err.condition === "not-acceptable") return t(err.type === "wait" ? "e_register-wait" : "e_bad-name");
  if (err.condition === "service-unavailable") return t("e_no-register");
  return reason(err.condition);
}
