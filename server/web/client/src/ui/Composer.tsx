// Where one writes.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { correct, sendData, sendState, sendText } from "../feature/messages";
import { rename, setTopic, leave } from "../feature/rooms";
import { TooLarge, upload } from "../feature/upload";
import { t } from "../i18n";
import { note, type Conversation, type Message } from "../model";
import type { Session } from "../session";
import { Confirm } from "./Dialogs";
import { emoji } from "./emoji";
import { Icon } from "./icons";
import { bytes } from "./util";

interface Props {
  s: Session;
  c: Conversation;
  editing?: Message;
  onEdit: (m: Message | undefined) => void;
  onNick: () => void;
}

interface Going {
  name: string;
  part: number;
  stop: AbortController;
}

const longest = 20000; // characters; the server takes 256 KiB a stanza

export function Composer({ s, c, editing, onEdit, onNick }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState("");
  const [emojiShown, setEmojiShown] = useState(false);
  const [going, setGoing] = useState<Going | undefined>();
  const [over, setOver] = useState(false);
  const [place, setPlace] = useState(false);
  const typing = useRef(0);
  const room = c.room;

  const grow = () => {
    const el = field.current!;
    el.style.height = "auto";
    el.style.height = Math.min(el.scrollHeight, 200) + "px";
  };

  useLayoutEffect(() => {
    field.current!.value = editing ? editing.body : c.draft;
    grow();
    if (matchMedia("(hover: hover)").matches || editing) field.current!.focus();
    setSaid("");
  }, [c, editing]);

  // The user is typing until a pause of some seconds (XEP-0085 §5.1).
  const stopTyping = (state: "paused" | "active") => {
    if (!typing.current) return;
    clearTimeout(typing.current);
    typing.current = 0;
    if (state === "paused") sendState(s, c, "paused");
  };
  useEffect(() => () => stopTyping("paused"), [c]);

  const input = () => {
    grow();
    if (said) setSaid("");
    if (editing) return;
    c.draft = field.current!.value;
    if (!c.draft || c.draft.startsWith("/")) return stopTyping("paused");
    if (!typing.current) sendState(s, c, "composing");
    clearTimeout(typing.current);
    typing.current = window.setTimeout(() => stopTyping("paused"), 4000);
  };

  const clear = () => {
    c.draft = "";
    field.current!.value = "";
    grow();
    field.current!.focus();
  };

  const submit = (e?: Event) => {
    e?.preventDefault();
    const body = field.current!.value.trim();
    if (!body) {
      setSaid(t("empty_message"));
      field.current!.focus();
      return;
    }
    if (body.length > longest) return setSaid(t("too_long", { n: body.length, max: longest }));
    stopTyping("active");
    if (editing) {
      if (body !== editing.body) correct(s, c, editing, body);
      onEdit(undefined);
      return;
    }
    if (body.startsWith("/") && !/^\s/.test(field.current!.value) && command(body)) return;
    sendText(s, c, body);
    clear();
    setEmojiShown(false);
  };

  // Returns whether it was a command, done or refused with a word.
  const command = (body: string): boolean => {
    const [name, ...rest] = body.split(/\s+/);
    const arg = body.slice(name!.length).trim();
    switch (name!.toLowerCase()) {
      case "/me":
        return false;
      case "/nick":
        if (!room) break;
        if (!rest.length) setSaid(t("nick_needed"));
        else {
          rename(s, c, arg);
          clear();
        }
        return true;
      case "/topic":
        if (!room) break;
        setTopic(s, c, arg);
        clear();
        return true;
      case "/leave":
        if (!room) break;
        clear();
        leave(s, c);
        if (s.guest) location.assign("/");
        else location.hash = "";
        return true;
      case "/event": {
        const json = arg.slice(rest[0]?.length ?? 0).trim() || "null";
        try {
          JSON.parse(json);
        } catch {
          setSaid(t("bad_event"));
          return true;
        }
        if (!rest[0]) setSaid(t("bad_event"));
        else {
          sendData(s, c, rest[0], json);
          clear();
        }
        return true;
      }
      case "/help":
        note(c, { kind: "text", text: t("commands") });
        clear();
        return true;
    }
    if (/^\/[a-z]+$/i.test(name!)) {
      setSaid(t("unknown_command", { command: name! }));
      return true;
    }
    return false;
  };

  const send = async (files: Iterable<File>) => {
    for (const f of files) {
      if (!s.upload) return setSaid(t("no_upload"));
      const stop = new AbortController();
      setGoing({ name: f.name, part: 0, stop });
      try {
        const url = await upload(s, f, (part) => setGoing({ name: f.name, part, stop }), stop.signal);
        sendText(s, c, url, { file: url });
      } catch (e) {
        if (e instanceof TooLarge) setSaid(t("upload_large", { name: f.name, max: bytes(e.max) }));
        else if (!stop.signal.aborted) setSaid(t("upload_failed", { name: f.name }));
      }
      setGoing(undefined);
    }
  };

  const keys = (e: KeyboardEvent) => {
    if (e.isComposing) return; // Enter chooses a character in an input method
    if (e.key === "Enter" && !e.shiftKey) submit(e);
    else if (e.key === "Escape" && editing) onEdit(undefined);
    else if (e.key === "ArrowUp" && !field.current!.value && !editing) {
      const mine = [...c.messages].reverse().find((m) => m.mine && !m.retracted && !m.file && !m.geo && !m.data && m.status !== "failed");
      if (mine) {
        e.preventDefault();
        onEdit(mine);
      }
    }
  };

  const insert = (text: string) => {
    const el = field.current!;
    el.setRangeText(text, el.selectionStart, el.selectionEnd, "end");
    input();
    el.focus();
  };

  const locate = () => {
    setPlace(false);
    if (!navigator.geolocation) return setSaid(t("no_place"));
    setSaid(t("locating"));
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const lat = Number(coords.latitude.toFixed(6));
        const lon = Number(coords.longitude.toFixed(6));
        const accuracy = Math.round(coords.accuracy);
        setSaid("");
        sendText(s, c, `geo:${lat},${lon};u=${accuracy}`, { geo: { lat, lon, accuracy } });
      },
      () => setSaid(t("no_place")),
      { timeout: 15000, enableHighAccuracy: true },
    );
  };

  const name = s.nameOf(c.jid);
  return (
    <form
      class={"composer" + (over ? " composer-over" : "")}
      onSubmit={submit}
      onDragOver={(e) => {
        if (!s.upload || !e.dataTransfer?.types.includes("Files")) return;
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        setOver(false);
        void send(e.dataTransfer?.files ?? []);
      }}
    >
      {editing && (
        <div class="composer-note">
          <Icon name="edit" size={16} /> {t("editing")}
          <span class="grow" />
          <button type="button" class="link" onClick={() => onEdit(undefined)}>
            {t("cancel")}
          </button>
        </div>
      )}
      {going && (
        <div class="composer-note">
          <span class="ellipsis">{t("uploading", { name: going.name })}</span>
          <progress value={going.part} max={1} aria-label={t("uploading", { name: going.name })} />
          <button type="button" class="link" onClick={() => going.stop.abort()}>
            {t("cancel")}
          </button>
        </div>
      )}
      <div id="said" role="alert">
        {said && <p class="composer-said">{said}</p>}
      </div>
      {emojiShown && (
        <div class="emoji" role="group" aria-label={t("emoji")} onKeyDown={(e) => e.key === "Escape" && setEmojiShown(false)}>
          {emoji.map((e) => (
            <button type="button" key={e} onClick={() => insert(e)}>
              {e}
            </button>
          ))}
        </div>
      )}
      <div class="composer-row">
        {s.upload && (
          <>
            <button type="button" class="icon-button" onClick={() => picker.current!.click()} aria-label={t("attach")} title={t("attach")}>
              <Icon name="clip" />
            </button>
            <input
              ref={picker}
              id="file"
              type="file"
              multiple
              hidden
              onChange={(e) => {
                const files = [...(e.currentTarget.files ?? [])];
                e.currentTarget.value = "";
                void send(files);
              }}
            />
          </>
        )}
        <button type="button" class="icon-button" onClick={() => setPlace(true)} aria-label={t("share_place")} title={t("share_place")}>
          <Icon name="pin" />
        </button>
        <div class="field">
          <textarea
            id="message"
            ref={field}
            rows={1}
            onInput={input}
            onKeyDown={keys}
            onPaste={(e) => {
              const files = e.clipboardData?.files;
              if (files?.length) {
                e.preventDefault();
                void send([...files]);
              }
            }}
            placeholder={over ? t("drop") : t("say", { name })}
            aria-label={t("say", { name })}
            aria-describedby="said"
            aria-invalid={!!said}
            enterkeyhint="send"
            autocomplete="off"
          />
          <button
            type="button"
            class="icon-button"
            onClick={() => setEmojiShown(!emojiShown)}
            aria-label={t("emoji")}
            aria-expanded={emojiShown}
            title={t("emoji")}
          >
            <Icon name="smile" />
          </button>
        </div>
        <button class="send" aria-label={t("send")} title={t("send")}>
          <Icon name="send" />
        </button>
      </div>
      {room && room.state === "in" && (
        <p class="composer-foot muted small">
          {t("room_in", { nick: room.nick })} ·{" "}
          <button type="button" class="link" onClick={onNick}>
            {t("change_name")}
          </button>
        </p>
      )}
      {place && (
        <Confirm text={t("confirm_place", { name })} button={t("share")} onClose={() => setPlace(false)} onDone={locate} />
      )}
    </form>
  );
}
