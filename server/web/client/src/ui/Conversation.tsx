// An open conversation: its head, what was said, who is there, and where one writes.
import { useEffect, useState } from "preact/hooks";
import { older } from "../feature/archive";
import { removeContact, block, renameContact } from "../feature/contacts";
import { invite, join, leave, openRoom, rename } from "../feature/rooms";
import { bookmark } from "../feature/bookmarks";
import { markRead, visible } from "../feature/displayed";
import { reason, t } from "../i18n";
import type { Conversation, Message } from "../model";
import type { Session } from "../session";
import { local, plausible } from "../xmpp/jid";
import { open } from "./Account";
import { Avatar } from "./Avatar";
import { Composer } from "./Composer";
import { Ask, Confirm } from "./Dialogs";
import { Icon } from "./icons";
import { Log } from "./Log";
import { Menu } from "./Menu";
import { Occupants } from "./Occupants";
import { RoomSettings } from "./RoomSettings";

interface Props {
  s: Session;
  c: Conversation;
  onBack?: () => void;
}

export function ConversationView({ s, c, onBack }: Props) {
  void c.rev.value;
  const [people, setPeople] = useState(matchMedia("(min-width: 1100px)").matches);
  const [dialog, setDialog] = useState<"" | "nick" | "invite" | "remove" | "rename" | "config">("");
  const [editing, setEditing] = useState<Message | undefined>();

  useEffect(() => {
    if (!c.opened && c.kind === "chat" && s.link.online) void older(s, c);
    if (visible(s, c)) markRead(s, c);
  }, [c, s.link.state.value.phase]);

  const room = c.room;
  const done = () => setDialog("");
  return (
    <main class="pane" aria-label={s.nameOf(c.jid)}>
      <Head s={s} c={c} onBack={onBack} people={people} onPeople={() => setPeople(!people)} onDialog={setDialog} />
      <div class="pane-body">
        <div class="talk">
          {room?.state === "error" ? (
            <Refused s={s} c={c} />
          ) : (
            <>
              <Log s={s} c={c} onEdit={setEditing} />
              <Composer s={s} c={c} editing={editing} onEdit={setEditing} onNick={() => setDialog("nick")} />
            </>
          )}
        </div>
        {room && people && room.state === "in" && <Occupants s={s} c={c} onClose={() => setPeople(false)} />}
      </div>
      {dialog === "nick" && room && (
        <Ask
          title={t("change_name")}
          label={t("your_name")}
          value={room.nick}
          button={t("change")}
          onClose={done}
          onDone={(nick) => {
            if (nick && nick !== room.nick) rename(s, c, nick);
          }}
        />
      )}
      {dialog === "invite" && (
        <Ask
          title={t("invite")}
          label={t("invite_address")}
          value=""
          button={t("invite")}
          onClose={done}
          check={(v) => (plausible(v) ? "" : t("bad_address", { domain: s.domain }))}
          onDone={(jid) => {
            invite(s, c, jid);
            s.say(t("invited", { who: jid }));
          }}
        />
      )}
      {dialog === "rename" && (
        <Ask
          title={t("rename")}
          label={t("their_name")}
          value={s.contacts.get(c.jid)?.name ?? ""}
          button={t("save")}
          onClose={done}
          onDone={(name) => void renameContact(s, c.jid, name)}
        />
      )}
      {dialog === "remove" && (
        <Confirm
          text={t("remove_sure", { name: s.nameOf(c.jid) })}
          button={t("remove")}
          onClose={done}
          onDone={() => void removeContact(s, c.jid)}
        />
      )}
      {dialog === "config" && <RoomSettings s={s} c={c} onClose={done} />}
    </main>
  );
}

interface HeadProps extends Props {
  people: boolean;
  onPeople: () => void;
  onDialog: (d: "nick" | "invite" | "remove" | "rename" | "config") => void;
}

function Head({ s, c, onBack, people, onPeople, onDialog }: HeadProps) {
  void s.contactRev.value;
  const room = c.room;
  const name = s.nameOf(c.jid);
  const p = s.presenceOf(c.jid);
  const contact = s.contacts.get(c.jid);
  const n = room?.occupants.size ?? 0;
  const me = room?.occupants.get(room.nick);
  const blocked = s.blocked.has(c.jid);
  return (
    <header class="head">
      {onBack && (
        <button class="icon-button phone-only" onClick={onBack} aria-label={t("back_to_list")}>
          <Icon name="back" />
        </button>
      )}
      <Avatar s={s} jid={c.jid} name={name} size={40} room={!!room} show={room || !contact ? undefined : p.show} />
      <div class="grow head-text">
        <h1>{name}</h1>
        <p class="muted small ellipsis" title={room?.topic}>
          {room
            ? room.state === "joining"
              ? t("joining")
              : room.topic || c.jid
            : blocked
              ? t("blocked")
              : p.status || (contact ? t(`p_${p.show}` as "p_") : c.jid)}
        </p>
      </div>
      {room && room.state === "in" && (
        <button
          class={"people-button" + (people ? " pressed" : "")}
          onClick={onPeople}
          aria-expanded={people}
          aria-controls="people"
          title={t("people")}
        >
          <Icon name="people" />
          <span id="count">{n === 1 ? t("people_1") : t("people_n", { n })}</span>
        </button>
      )}
      <Menu
        label={t("more")}
        items={[
          room && { text: t("change_name"), icon: "edit", run: () => onDialog("nick") },
          room && !s.guest && { text: t("invite"), icon: "plus", run: () => onDialog("invite") },
          room && {
            text: t("copy_link"),
            icon: "link",
            run: () => {
              const at = s.guest ? location.href : `${location.origin}/room/${encodeURIComponent(c.jid.endsWith("@" + s.rooms) ? local(c.jid) : c.jid)}`;
              void navigator.clipboard?.writeText(at).then(() => s.say(t("copied")));
            },
          },
          room && me?.affiliation === "owner" && { text: t("room_settings"), icon: "gear", run: () => onDialog("config") },
          room &&
            !s.guest && {
              text: t("leave"),
              icon: "exit",
              run: () => {
                leave(s, c);
                void bookmark(s, c, false);
                s.conversations.delete(c.jid);
                s.listRev.value++;
                open("");
              },
            },
          contact && { text: t("rename"), icon: "edit", run: () => onDialog("rename") },
          !room && !s.guest && {
            text: t(blocked ? "unblock" : "block"),
            icon: "close",
            run: () => void block(s, c.jid, !blocked).catch((e: Error) => s.say(e.message)),
          },
          contact && { text: t("remove"), icon: "trash", run: () => onDialog("remove") },
        ]}
      />
    </header>
  );
}

/** The room did not let one in, or no longer. */
function Refused({ s, c }: { s: Session; c: Conversation }) {
  const r = c.room!;
  const wants = r.error === "not-authorized";
  if (s.guest && ["not-allowed", "item-not-found", "registration-required"].includes(r.error ?? "")) {
    return (
      <div class="empty" role="alert">
        <h2>{t("no_room")}</h2>
        <p>{t("no_room_hint", { name: s.nameOf(c.jid) })}</p>
        <a class="button" href="/">
          {t("have_account")}
        </a>
      </div>
    );
  }
  return (
    <div class="empty" role="alert">
      <h2>{wants ? t("room_locked") : s.nameOf(c.jid)}</h2>
      {!wants && <p>{reason(r.error)}</p>}
      {wants && (
        <form
          class="row"
          onSubmit={(e) => {
            e.preventDefault();
            const v = new FormData(e.currentTarget).get("password");
            r.state = "out";
            openRoom(s, c.jid, r.nick, String(v ?? ""));
          }}
        >
          <input name="password" type="password" aria-label={t("password")} autofocus />
          <button class="primary">{t("enter")}</button>
        </form>
      )}
      {!wants && (
        <button
          class="primary"
          onClick={() => {
            r.state = "out";
            void join(s, c);
          }}
        >
          {t("enter_again")}
        </button>
      )}
    </div>
  );
}
