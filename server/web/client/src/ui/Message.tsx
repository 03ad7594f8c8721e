// One message.
import { useState } from "preact/hooks";
import { again, react, retract } from "../feature/messages";
import { moderates, remove } from "../feature/rooms";
import { near } from "../feature/upload";
import { atTime, exactly, reason, t } from "../i18n";
import type { Conversation, Message } from "../model";
import type { Session } from "../session";
import { settings } from "../settings";
import { bare } from "../xmpp/jid";
import { StanzaError } from "../xmpp/link";
import { Avatar } from "./Avatar";
import { quickEmoji } from "./emoji";
import { Icon, type IconName } from "./icons";
import { Menu } from "./Menu";
import { linked, styled } from "./Styled";
import { hue, isImage, onlyEmoji, pieces } from "./util";

interface Props {
  s: Session;
  c: Conversation;
  m: Message;
  /** The first, the last of a group by one sender. */
  first: boolean;
  last: boolean;
  onEdit: (m: Message) => void;
}

export function MessageView({ s, c, m, first, last, onEdit }: Props) {
  const room = c.kind === "room";
  const name = room ? m.from : m.mine ? t("you") : s.nameOf(m.from);
  const picture = room ? `${c.jid}/${m.from}` : bare(m.from);
  const big = onlyEmoji(m.body);
  const can = !m.retracted && m.status !== "queued" && m.status !== "failed";
  return (
    <article class={"message" + (m.mine ? " mine" : "") + (first ? " first" : "") + (last ? " last" : "")} data-status={m.status}>
      {!m.mine && <div class="gutter">{last && <Avatar s={s} jid={picture} name={name} size={32} />}</div>}
      <div class="column">
        {first && !m.mine && (
          <span class="author" style={{ "--hue": String(Math.round(hue(name))) }}>
            {name}
          </span>
        )}
        {first && m.mine && <span class="sr">{t("you")}</span>}
        <div class="bubble-row">
          <div class={"bubble" + (big ? " bubble-emoji" : "") + (m.retracted ? " bubble-gone" : "")}>
            <Body s={s} m={m} name={name} />
            <span class="meta">
              {m.edited && !m.retracted && <span>{t("edited")}</span>}
              <time dateTime={new Date(m.time).toISOString()} title={exactly(m.time)}>
                {atTime(m.time)}
              </time>
              {m.mine && !m.retracted && <Mark status={m.status} />}
            </span>
          </div>
          {can && (
            <div class="actions">
              <Menu
                label={t("actions")}
                items={[
                  ...quickEmoji.map((e) => ({ text: e, icon: "smile" as IconName, quick: true, run: () => react(s, c, m, e) })),
                  { text: t("copy"), icon: "copy", run: () => void navigator.clipboard?.writeText(m.body).then(() => s.say(t("copied"))) },
                  m.mine && !m.file && !m.geo && !m.data && { text: t("edit"), icon: "edit", run: () => onEdit(m) },
                  room && !m.mine && m.archive && moderates(c) && {
                    text: t("remove_message"),
                    icon: "trash",
                    run: () => void remove(s, c, m.archive!).catch((e) => s.say(reason(e instanceof StanzaError ? e.condition : undefined))),
                  },
                  m.mine && { text: t("take_back"), icon: "trash", run: () => retract(s, c, m) },
                ]}
              />
            </div>
          )}
        </div>
        {m.status === "failed" && (
          <p class="fail small" role="alert">
            {t("failed", { reason: reason(m.error) })}{" "}
            <button class="link" onClick={() => again(s, c, m)}>
              {t("send_again")}
            </button>
          </p>
        )}
        {!!m.reactions?.size && (
          <div class="reactions">
            {[...m.reactions].map(([emoji, who]) => {
              const me = room ? c.room!.nick : s.me;
              const names = [...who].map((w) => (w === me ? t("you") : room ? w : s.nameOf(w))).join(", ");
              return (
                <button
                  key={emoji}
                  class={"reaction" + (who.has(me) ? " reaction-mine" : "")}
                  aria-pressed={who.has(me)}
                  aria-label={t("reacted", { emoji, names })}
                  title={names}
                  onClick={() => react(s, c, m, emoji)}
                >
                  {emoji} {who.size > 1 && <span>{who.size}</span>}
                </button>
              );
            })}
          </div>
        )}
      </div>
    </article>
  );
}

const marks: Record<Message["status"], IconName> = { queued: "clock", sent: "check", delivered: "checks", read: "checks", failed: "warn" };

function Mark({ status }: { status: Message["status"] }) {
  const word = status === "failed" ? t("failed", { reason: "" }) : t(status);
  return (
    <span class={"mark mark-" + status} title={word}>
      <Icon name={marks[status]} size={14} />
      <span class="sr">{word}</span>
    </span>
  );
}

function Body({ s, m, name }: { s: Session; m: Message; name: string }) {
  if (m.retracted) {
    return <em class="muted">{m.moderator ? t("retracted_by", { name: m.moderator }) : t("retracted")}</em>;
  }
  if (m.geo) {
    const { lat, lon, accuracy } = m.geo;
    const at = t("place", { lat: lat.toFixed(5), lon: lon.toFixed(5) });
    const map = `https://www.openstreetmap.org/?mlat=${lat}&mlon=${lon}#map=16/${lat}/${lon}`;
    return (
      <span class="place">
        <Icon name="pin" size={22} />
        <span>
          <a href={`geo:${lat},${lon}`}>{at}</a>
          <span class="muted small">
            {accuracy !== undefined && t("accuracy", { n: Math.round(accuracy) }) + " · "}
            <a href={map} target="_blank" rel="noopener noreferrer">
              {t("open_map")}
            </a>
          </span>
        </span>
      </span>
    );
  }
  if (m.file) return <File s={s} url={m.file} />;
  if (m.data) {
    return (
      <>
        {m.body && <Text body={m.body} plain={m.plain} />}
        <Data event={m.data.event} json={m.data.json} />
      </>
    );
  }
  if (m.body.startsWith("/me ")) {
    return (
      <em class="text">
        {name} {linked(m.body.slice(4, long))}
      </em>
    );
  }
  const image = pieces(m.body.slice(0, long)).find((p) => "url" in p && /^https?:/.test(p.url) && isImage(p.url));
  return (
    <>
      <Text body={m.body} plain={m.plain} />
      {image && "url" in image && <Picture url={image.url} />}
    </>
  );
}

const long = 4000; // characters, more than anyone reads at a glance

/** Text with its links; what is very long is cut until it is wanted, since laying it out takes its time. */
function Text({ body, plain }: { body: string; plain?: boolean }) {
  const [whole, setWhole] = useState(false);
  const show = plain ? linked : styled;
  if (whole || body.length <= long * 1.2) return <span class="text">{show(body)}</span>;
  return (
    <>
      <span class="text">{show(body.slice(0, long))}…</span>{" "}
      <button class="link small" onClick={() => setWhole(true)}>
        {t("show_all", { n: body.length })}
      </button>
    </>
  );
}

/** Application data: the event's name, and what comes with it. */
function Data({ event, json }: { event: string; json: string }) {
  let pretty = json;
  try {
    pretty = JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    /* as it is */
  }
  return (
    <span class="data">
      <span class="data-name">
        <Icon name="bolt" size={16} />
        <span class="sr">{t("event")}</span> {event}
      </span>
      {pretty !== "null" && <pre>{pretty.length > 4000 ? pretty.slice(0, 4000) + " …" : pretty}</pre>}
    </span>
  );
}

function File({ url }: { s: Session; url: string }) {
  let at: URL;
  try {
    at = new URL(near(url));
  } catch {
    return <span class="text">{url}</span>;
  }
  if (isImage(at.pathname)) return <Picture url={url} />;
  let name = at.pathname.slice(at.pathname.lastIndexOf("/") + 1);
  try {
    name = decodeURIComponent(name);
  } catch {
    /* as it is */
  }
  return (
    <a class="file" href={at.href} target="_blank" rel="noopener noreferrer">
      <Icon name="file" size={22} />
      <span class="ellipsis">{name || at.hostname}</span>
    </a>
  );
}

/** An image: at once from this server, from others when the user wants it. */
function Picture({ url }: { url: string }) {
  const [wanted, setWanted] = useState(false);
  const [broken, setBroken] = useState(false);
  let at: URL;
  try {
    at = new URL(near(url));
  } catch {
    return null;
  }
  if (!wanted && !settings.value.images && at.origin !== location.origin) {
    return (
      <button class="small show-image" onClick={() => setWanted(true)}>
        {t("show_image", { host: at.hostname })}
      </button>
    );
  }
  if (broken) {
    return (
      <a class="file" href={at.href} target="_blank" rel="noopener noreferrer">
        <Icon name="file" size={22} />
        <span class="ellipsis">{at.pathname.slice(at.pathname.lastIndexOf("/") + 1)}</span>
      </a>
    );
  }
  return (
    <a class="picture" href={at.href} target="_blank" rel="noopener noreferrer">
      <img src={at.href} alt={t("image")} loading="lazy" referrerPolicy="no-referrer" onError={() => setBroken(true)} />
    </a>
  );
}
