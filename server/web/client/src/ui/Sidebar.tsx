// The list: who asks, what was said last, who else there is.
import { useState } from "preact/hooks";
import { accept, block, decline } from "../feature/contacts";
import { openRoom } from "../feature/rooms";
import { t, when } from "../i18n";
import type { Conversation } from "../model";
import type { Session } from "../session";
import { local } from "../xmpp/jid";
import { open } from "./Account";
import { Avatar } from "./Avatar";
import { Icon } from "./icons";
import { Logo, ThemeButton } from "./Logo";

interface Props {
  s: Session;
  onNew: () => void;
  onSettings: () => void;
}

interface Row {
  jid: string;
  c?: Conversation;
}

function rows(s: Session): Row[] {
  const out: Row[] = [...s.conversations.values()].map((c) => ({ jid: c.jid, c }));
  for (const jid of s.contacts.keys()) if (!s.conversations.has(jid)) out.push({ jid });
  return out.sort((a, b) => (b.c?.last ?? 0) - (a.c?.last ?? 0) || s.nameOf(a.jid).localeCompare(s.nameOf(b.jid)));
}

export function Sidebar({ s, onNew, onSettings }: Props) {
  void s.listRev.value;
  void s.contactRev.value;
  const [wanted, setWanted] = useState("");
  const w = wanted.trim().toLowerCase();
  const list = rows(s).filter((r) => !w || r.jid.includes(w) || s.nameOf(r.jid).toLowerCase().includes(w));
  const online = s.link.state.value.phase === "online";
  return (
    <aside class="sidebar" aria-label={t("chats")}>
      <header class="side-top">
        <Logo />
        <span class="grow" />
        <ThemeButton />
        <button class="icon-button" onClick={onNew} aria-label={t("add")} title={t("add")}>
          <Icon name="plus" />
        </button>
      </header>
      <div class="search">
        <Icon name="search" size={18} />
        <input
          type="search"
          placeholder={t("search")}
          aria-label={t("search")}
          value={wanted}
          onInput={(e) => setWanted(e.currentTarget.value)}
        />
      </div>
      <nav class="list" aria-label={t("chats")}>
        <div aria-live="polite">
          {[...s.requests.keys()].map((jid) => (
            <div class="request" key={jid}>
              <Avatar s={s} jid={jid} name={s.nameOf(jid)} />
              <div class="grow">
                <strong>{t("wants", { name: s.nameOf(jid) })}</strong>
                <div class="muted small">{jid}</div>
                <div class="row">
                  <button class="primary small" onClick={() => void accept(s, jid)}>
                    {t("accept")}
                  </button>
                  <button class="small" onClick={() => decline(s, jid)}>
                    {t("decline")}
                  </button>
                  <button class="small quiet" onClick={() => void block(s, jid, true).catch(() => decline(s, jid))}>
                    {t("block")}
                  </button>
                </div>
              </div>
            </div>
          ))}
          {[...s.invitations].map(([jid, { by, password }]) => {
            const done = () => {
              s.invitations.delete(jid);
              s.listRev.value++;
            };
            return (
              <div class="request" key={jid}>
                <Avatar s={s} jid={jid} name={jid} room />
                <div class="grow">
                  <strong>{t("asked_into", { who: s.nameOf(by), room: s.nameOf(jid) })}</strong>
                  <div class="muted small">{jid}</div>
                  <div class="row">
                    <button
                      class="primary small"
                      onClick={() => {
                        done();
                        open(openRoom(s, jid, local(s.me), password).jid);
                      }}
                    >
                      {t("enter")}
                    </button>
                    <button class="small" onClick={done}>
                      {t("decline")}
                    </button>
                  </div>
                </div>
              </div>
            );
          })}
        </div>
        {list.map((r) => (
          <Entry key={r.jid} s={s} row={r} />
        ))}
        {!list.length && s.loaded.value && (
          <div class="empty">
            {w ? (
              <p>{t("nothing_found", { text: wanted.trim() })}</p>
            ) : (
              <>
                <h2>{t("no_chats")}</h2>
                <p>{t("no_chats_hint")}</p>
                <button class="primary" onClick={onNew}>
                  {t("add")}
                </button>
              </>
            )}
          </div>
        )}
        {!list.length && !s.loaded.value && <p class="muted center">{t("loading")}</p>}
      </nav>
      <footer class="side-foot">
        <button class="me" onClick={onSettings} aria-label={t("settings")}>
          <Avatar s={s} jid={s.me} name={local(s.me)} size={34} show={online ? s.show : "offline"} />
          <span class="grow me-name">
            <strong>{local(s.me)}</strong>
            <span class="muted small">{s.me}</span>
          </span>
          <Icon name="gear" />
        </button>
      </footer>
    </aside>
  );
}

function preview(s: Session, c?: Conversation): string {
  if (!c) return "";
  for (let i = c.messages.length - 1; i >= 0; i--) {
    const m = c.messages[i]!;
    if (m.notice) continue;
    const text = m.retracted ? (m.moderator ? t("retracted_by", { name: m.moderator }) : t("retracted")) : m.file ? t("file") : m.geo ? t("location") : m.body || (m.data?.event ?? "");
    const who = m.mine ? t("you") + ": " : c.kind === "room" ? m.from + ": " : "";
    return (who + text).slice(0, 120);
  }
  if (c.room) return c.room.topic;
  return s.presenceOf(c.jid).status;
}

function Entry({ s, row }: { s: Session; row: Row }) {
  const { jid, c } = row;
  void c?.rev.value;
  const room = c?.kind === "room";
  const name = s.nameOf(jid);
  const p = s.presenceOf(jid);
  const active = s.active.value === jid;
  const typing = [...(c?.typing ?? [])].some(([, until]) => until > Date.now());
  const contact = s.contacts.get(jid);
  const text = c?.draft && !active ? "✎ " + c.draft : preview(s, c) || (contact?.asked ? t("awaiting") : p.status);
  const unread = c?.unread ?? 0;
  return (
    <a
      class={"entry" + (active ? " entry-active" : "") + (unread ? " entry-unread" : "")}
      href={"#/" + encodeURIComponent(jid)}
      aria-current={active ? "page" : undefined}
    >
      <Avatar s={s} jid={jid} name={name} size={42} room={room} show={room || !contact ? undefined : p.show} />
      <span class="entry-text">
        <span class="entry-line">
          <span class="entry-name">{name}</span>
          {!!c?.last && <time class="muted small">{when(c.last)}</time>}
        </span>
        <span class="entry-line">
          <span class="entry-last">
            {typing ? <em class="accent">{t("typing_one", { name: room ? [...c!.typing.keys()][0]! : name })}</em> : text}
          </span>
          {unread > 0 && (
            <span class={"badge" + (room && !c!.mentions ? " badge-quiet" : "")} aria-label={t("unread_n", { n: unread })}>
              {unread > 99 ? "99+" : unread}
            </span>
          )}
        </span>
      </span>
    </a>
  );
}
