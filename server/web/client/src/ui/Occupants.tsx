// Who is in the room.
import { useState } from "preact/hooks";
import { moderates, putOut } from "../feature/rooms";
import { reason, t } from "../i18n";
import type { Conversation, Occupant } from "../model";
import type { Session } from "../session";
import { StanzaError } from "../xmpp/link";
import { Avatar } from "./Avatar";
import { Confirm } from "./Dialogs";
import { Icon } from "./icons";
import { Menu } from "./Menu";

const rank: Record<string, number> = { moderator: 0, participant: 1, visitor: 2 };
const shown = 500; // as many as anyone reads

function word(o: Occupant): string {
  if (o.affiliation === "owner") return t("owner");
  if (o.affiliation === "admin") return t("admin");
  if (o.role === "moderator") return t("moderator");
  return o.role === "visitor" ? t("visitor") : "";
}

export function Occupants({ s, c, onClose }: { s: Session; c: Conversation; onClose: () => void }) {
  const r = c.room!;
  const [ban, setBan] = useState<Occupant | undefined>();
  const moderator = moderates(c);
  const out = (o: Occupant, forGood: boolean) =>
    void putOut(s, c, o, forGood).catch((e) => s.say(reason(e instanceof StanzaError ? e.condition : undefined)));
  const list = [...r.occupants.values()]
    .sort((a, b) => (rank[a.role] ?? 3) - (rank[b.role] ?? 3) || a.nick.localeCompare(b.nick))
    .slice(0, shown);
  return (
    <aside id="people" class="people" aria-label={t("people")}>
      <header>
        <h2>{t("people")}</h2>
        <span class="muted">{r.occupants.size}</span>
        <span class="grow" />
        <button class="icon-button" onClick={onClose} aria-label={t("close")}>
          <Icon name="close" size={18} />
        </button>
      </header>
      <ul>
        {list.map((o) => (
          <li key={o.nick}>
            <Avatar s={s} jid={`${c.jid}/${o.nick}`} name={o.nick} size={30} show={o.show} />
            <span class="ellipsis grow">
              {o.nick}
              {o.nick === r.nick && <span class="muted"> · {t("you")}</span>}
            </span>
            <span class="muted small">{word(o)}</span>
            {moderator && o.nick !== r.nick && o.affiliation !== "owner" && (
              <Menu
                label={t("person", { nick: o.nick })}
                items={[
                  { text: t("put_out"), icon: "exit", run: () => out(o, false) },
                  o.jid && { text: t("ban"), icon: "close", run: () => setBan(o) },
                ]}
              />
            )}
          </li>
        ))}
      </ul>
      {ban && (
        <Confirm text={t("ban_sure", { nick: ban.nick })} button={t("ban")} onClose={() => setBan(undefined)} onDone={() => out(ban, true)} />
      )}
    </aside>
  );
}
