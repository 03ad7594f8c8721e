// Dialogs: modal, closed with Escape, and the focus goes back where it was.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { addContact, announce, changePassword } from "../feature/contacts";
import { setAvatar } from "../feature/avatars";
import { openRoom } from "../feature/rooms";
import { reason, t } from "../i18n";
import { permit } from "../notify";
import type { Session } from "../session";
import { change, settings, type Settings } from "../settings";
import { local, plausible } from "../xmpp/jid";
import { StanzaError } from "../xmpp/link";
import { Avatar } from "./Avatar";
import { Icon } from "./icons";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const back = document.activeElement as HTMLElement | null;
    const el = ref.current!;
    el.showModal();
    (el.querySelector<HTMLElement>("[autofocus], input:not([hidden])") ?? el).focus();
    return () => {
      if (el.open) el.close();
      back?.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
      onClick={(e) => e.target === ref.current && onClose()}
      onSubmit={(e) => e.stopPropagation()}
    >
      <div class="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <span class="grow" />
          <button type="button" class="icon-button" onClick={onClose} aria-label={t("close")}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface AskProps {
  title: string;
  label: string;
  value: string;
  button: string;
  onDone: (value: string) => void;
  onClose: () => void;
  check?: (value: string) => string;
}

/** Asks for one line. */
export function Ask({ title, label, value, button, onDone, onClose, check }: AskProps) {
  const [error, setError] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          const v = field.current!.value.trim();
          const wrong = check?.(v) ?? "";
          if (wrong) return setError(wrong);
          onDone(v);
          onClose();
        }}
      >
        <label for={id}>{label}</label>
        <input id={id} ref={field} type="text" defaultValue={value} autofocus autocomplete="off" />
        <div role="alert">{error && <p class="alert">{error}</p>}</div>
        <div class="row end">
          <button type="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button class="primary">{button}</button>
        </div>
      </form>
    </Dialog>
  );
}

/** Asks whether it is meant. */
export function Confirm({ text, button, onDone, onClose }: { text: string; button: string; onDone: () => void; onClose: () => void }) {
  return (
    <Dialog title={text} onClose={onClose}>
      <div class="row end">
        <button type="button" onClick={onClose}>
          {t("cancel")}
        </button>
        <button
          type="button"
          class="primary"
          autofocus
          onClick={() => {
            onClose();
            onDone();
          }}
        >
          {button}
        </button>
      </div>
    </Dialog>
  );
}

/** Adds a contact or enters a room. */
export function NewDialog({ s, onClose, onOpen }: { s: Session; onClose: () => void; onOpen: (jid: string) => void }) {
  const [error, setError] = useState("");
  const [roomError, setRoomError] = useState("");
  const ids = [useId(), useId(), useId(), useId()];

  const add = async (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    let jid = String(f.get("jid") ?? "").trim().toLowerCase().replace(/^xmpp:/, "");
    if (jid && !jid.includes("@")) jid += "@" + s.domain;
    if (!plausible(jid)) return setError(t("bad_address", { domain: s.domain }));
    try {
      await addContact(s, jid, String(f.get("name") ?? "").trim());
      s.conversation(jid);
      onClose();
      onOpen(jid);
    } catch (err) {
      setError(reason(err instanceof StanzaError ? err.condition : "undefined-condition"));
    }
  };

  const enter = (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    let jid = String(f.get("room") ?? "").trim().toLowerCase().replace(/^xmpp:/, "").replace(/\?join$/, "");
    if (jid && !jid.includes("@")) jid = jid.replace(/\s+/g, "-") + "@" + s.rooms;
    if (!plausible(jid)) return setRoomError(t("bad_address", { domain: s.rooms }));
    openRoom(s, jid, String(f.get("nick") ?? "").trim() || local(s.me));
    onClose();
    onOpen(jid);
  };

  return (
    <Dialog title={t("add")} onClose={onClose}>
      <form onSubmit={(e) => void add(e)} noValidate>
        <h3>{t("add_contact")}</h3>
        <label for={ids[0]!}>{t("their_address")}</label>
        <input id={ids[0]!} name="jid" type="text" inputMode="email" autofocus autocapitalize="none" spellcheck={false} placeholder={t("address_hint", { domain: s.domain })} autocomplete="off" />
        <label for={ids[1]!}>{t("their_name")}</label>
        <input id={ids[1]!} name="name" type="text" autocomplete="off" />
        <p class="muted small">{t("add_contact_hint")}</p>
        <div role="alert">{error && <p class="alert">{error}</p>}</div>
        <div class="row end">
          <button class="primary">{t("add_contact")}</button>
        </div>
      </form>
      <hr />
      <form onSubmit={enter} noValidate>
        <h3>{t("join_room")}</h3>
        <label for={ids[2]!}>{t("room_address")}</label>
        <input id={ids[2]!} name="room" type="text" autocapitalize="none" spellcheck={false} autocomplete="off" />
        <label for={ids[3]!}>{t("nick")}</label>
        <input id={ids[3]!} name="nick" type="text" defaultValue={local(s.me)} autocomplete="off" />
        <p class="muted small">{t("join_room_hint")}</p>
        <div role="alert">{roomError && <p class="alert">{roomError}</p>}</div>
        <div class="row end">
          <button class="primary">{t("enter")}</button>
        </div>
      </form>
    </Dialog>
  );
}

/** Changes the account's password (XEP-0077 §3.3). */
function PasswordForm({ s, onDone }: { s: Session; onDone: () => void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const ids = [useId(), useId()];
  const submit = async (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const password = String(f.get("password") ?? "");
    if (password.length < 8) return setError(t("short_password"));
    if (password !== f.get("again")) return setError(t("passwords_differ"));
    setBusy(true);
    try {
      await changePassword(s, password);
      s.say(t("password_changed"));
      onDone();
    } catch (err) {
      setError(t("password_failed", { reason: reason(err instanceof StanzaError ? err.condition : undefined) }));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="inset" onSubmit={(e) => void submit(e)} noValidate>
      <input type="text" hidden autocomplete="username" value={s.me} readOnly />
      <label for={ids[0]!}>{t("new_password")}</label>
      <input id={ids[0]!} name="password" type="password" autocomplete="new-password" />
      <label for={ids[1]!}>{t("again")}</label>
      <input id={ids[1]!} name="again" type="password" autocomplete="new-password" />
      <div role="alert">{error && <p class="alert">{error}</p>}</div>
      <div class="row end">
        <button type="button" onClick={onDone}>
          {t("cancel")}
        </button>
        <button class="primary" disabled={busy}>
          {t("change_password")}
        </button>
      </div>
    </form>
  );
}

const shows = ["", "chat", "away", "xa", "dnd"] as const;

export function SettingsDialog({ s, onClose, onLogOut }: { s: Session; onClose: () => void; onLogOut: () => void }) {
  const v = settings.value;
  const [said, setSaid] = useState("");
  const [password, setPassword] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const state = s.link.state.value;

  const check = (key: keyof Settings, text: string, on?: (want: boolean) => Promise<boolean>) => (
    <label class="check">
      <input
        type="checkbox"
        checked={v[key] as boolean}
        onChange={async (e) => {
          const want = e.currentTarget.checked;
          change({ [key]: on ? await on(want) : want });
        }}
      />
      <span>{text}</span>
    </label>
  );

  return (
    <Dialog title={t("settings")} onClose={onClose}>
      <div class="row profile">
        <Avatar s={s} jid={s.me} name={local(s.me)} size={64} />
        <div class="grow">
          <strong>{s.me}</strong>
          <div>
            <button type="button" class="small" onClick={() => file.current!.click()}>
              {t("choose_picture")}
            </button>{" "}
            <button type="button" class="small" aria-expanded={password} onClick={() => setPassword(!password)}>
              {t("change_password")}
            </button>
            <input
              ref={file}
              type="file"
              accept="image/*"
              hidden
              onChange={(e) => {
                const f = e.currentTarget.files?.[0];
                if (f) setAvatar(s, f).catch(() => setSaid(t("picture_failed")));
              }}
            />
          </div>
        </div>
      </div>
      {password && <PasswordForm s={s} onDone={() => setPassword(false)} />}
      <label for="show">{t("status")}</label>
      <div class="row">
        <select id="show" value={s.show} onChange={(e) => void announce(s, e.currentTarget.value)}>
          {shows.map((show) => (
            <option key={show} value={show}>
              {t(`p_${show}`)}
            </option>
          ))}
        </select>
        <input
          type="text"
          class="grow"
          aria-label={t("status_text")}
          placeholder={t("status_text")}
          defaultValue={s.status}
          onChange={(e) => void announce(s, s.show, e.currentTarget.value.trim())}
        />
      </div>
      <label for="theme">{t("theme")}</label>
      <select id="theme" value={v.theme} onChange={(e) => change({ theme: e.currentTarget.value as Settings["theme"] })}>
        <option value="auto">{t("theme_auto")}</option>
        <option value="light">{t("theme_light")}</option>
        <option value="dark">{t("theme_dark")}</option>
      </select>
      <div class="checks">
        {check("notify", t("notifications"), async (want) => {
          const ok = want && (await permit());
          if (want && !ok) setSaid(t("notifications_denied"));
          return ok;
        })}
        {check("typing", t("send_typing"))}
        {check("receipts", t("send_receipts"))}
        {check("markers", t("send_markers"))}
        {check("comings", t("show_comings"))}
        {check("images", t("load_images"))}
      </div>
      <div role="alert">{said && <p class="alert">{said}</p>}</div>
      <div class="row end">
        <span class="muted small grow">{t(state.transport === "bosh" ? "polling" : "socket")}</span>
        <button type="button" onClick={onLogOut}>
          <Icon name="exit" size={18} /> {t("log_out")}
        </button>
      </div>
    </Dialog>
  );
}
