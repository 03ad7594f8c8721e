// Who is in the room.
import { t } from "../i18n";
import type { Conversation, Occupant } from "../model";
import type { Session } from "../session";
import { Avatar } from "./Avatar";
import { Icon } from "./icons";

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
          </li>
        ))}
      </ul>
    </aside>
  );
}
