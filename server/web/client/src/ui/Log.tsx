// What was said: by day, by sender, with the page's own notices between.
import { Component, type ComponentProps } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { older } from "../feature/archive";
import { markRead, visible } from "../feature/displayed";
import { moderates } from "../feature/rooms";
import { onDay, reason, sameDay, t } from "../i18n";
import type { Words } from "../words/en";
import type { Conversation, Message, Notice } from "../model";
import type { Session } from "../session";
import { Icon } from "./icons";
import { MessageView } from "./Message";

const together = 5 * 60 * 1000; // ms between messages of one group

interface Props {
  s: Session;
  c: Conversation;
  onEdit: (m: Message) => void;
}

export function Log({ s, c, onEdit }: Props) {
  const rev = c.rev.value;
  const box = useRef<HTMLDivElement>(null);
  const stuck = useRef(true); // at the end, and staying there
  const height = useRef(0);
  const first = useRef<Message | undefined>(undefined);
  const [away, setAway] = useState(false);
  const [below, setBelow] = useState(0);
  const count = useRef(0);

  // New messages keep the end in sight; older ones keep in place what was being read.
  useLayoutEffect(() => {
    const el = box.current!;
    const said = c.messages.filter((m) => !m.notice).length;
    const head = c.messages[0];
    if (stuck.current) el.scrollTop = el.scrollHeight;
    else if (head !== first.current && first.current) el.scrollTop += el.scrollHeight - height.current;
    else if (said > count.current) setBelow((n) => n + said - count.current);
    count.current = said;
    first.current = head;
    height.current = el.scrollHeight;
  }, [rev, c]);

  // Pictures grow after they are there, and keyboards make the window smaller.
  useEffect(() => {
    const el = box.current!;
    const watch = new ResizeObserver(() => {
      if (stuck.current) el.scrollTop = el.scrollHeight;
      height.current = el.scrollHeight;
    });
    watch.observe(el);
    watch.observe(el.firstElementChild!);
    return () => watch.disconnect();
  }, []);

  const scrolled = () => {
    const el = box.current!;
    stuck.current = el.scrollHeight - el.scrollTop - el.clientHeight < 60;
    setAway(!stuck.current);
    if (stuck.current) {
      setBelow(0);
      if (visible(s, c)) markRead(s, c);
    }
    if (el.scrollTop < 80 && !c.complete && !c.loading && c.opened && c.messages.length) void older(s, c);
  };

  const end = () => {
    stuck.current = true;
    box.current!.scrollTo({ top: box.current!.scrollHeight, behavior: "smooth" });
  };

  // What all messages show of their surroundings: names, and what the user may do.
  const around = `${s.contactRev.value} ${c.room?.nick} ${moderates(c)} `;
  const said = c.messages.some((m) => !m.notice);
  const typing = [...c.typing].filter(([, until]) => until > Date.now()).map(([who]) => (c.kind === "room" ? who : s.nameOf(who)));
  return (
    <div class="log-place">
      <div
        class="log"
        ref={box}
        onScroll={scrolled}
        tabIndex={0}
        role="log"
        aria-live="polite"
        aria-relevant="additions"
        aria-label={t("messages")}
      >
        <div class="log-inner">
          {c.loading && <p class="muted center small">{t("loading")}</p>}
          {!c.loading && !c.complete && said && c.opened && (c.kind === "chat" || c.room?.archive) && (
            <p class="center">
              <button class="quiet small" onClick={() => void older(s, c)}>
                {t("older")}
              </button>
            </p>
          )}
          {c.complete && said && <p class="muted center small">{t("beginning")}</p>}
          {!said && !c.loading && (c.kind === "chat" || c.room?.state === "in") && (
            <div class="empty">
              <h2>{t("nothing_yet")}</h2>
              <p>{c.kind === "chat" ? t("nothing_chat", { name: s.nameOf(c.jid) }) : t("nothing_room")}</p>
            </div>
          )}
          {c.messages.map((m, i) => {
            const prev = c.messages[i - 1];
            const next = c.messages[i + 1];
            const day = !prev || !sameDay(prev.time, m.time);
            return (
              <div key={m.id || m.archive || m.time + "/" + i} class="slot">
                {day && (
                  <div class="day">
                    <span>{onDay(m.time)}</span>
                  </div>
                )}
                {m.notice ? (
                  <NoticeLine n={m.notice} />
                ) : (
                  <Still
                    s={s}
                    c={c}
                    m={m}
                    first={day || !joins(prev, m)}
                    last={!next || !joins(m, next) || !sameDay(m.time, next.time)}
                    onEdit={onEdit}
                    as={around + looks(m)}
                  />
                )}
              </div>
            );
          })}
        </div>
      </div>
      <div class="typing muted small" role="status">
        {typing.length === 1 && t("typing_one", { name: typing[0]! })}
        {typing.length > 1 && t("typing_some", { name: typing[0]! })}
      </div>
      {away && (
        <button class="to-end" onClick={end} aria-label={t("newest")} title={t("newest")}>
          {below > 0 && <span>{t("unread_below", { n: below })}</span>}
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

/** What a message shows that may change, in one word. */
const looks = (m: Message): string =>
  `${m.status} ${m.edited} ${m.retracted} ${m.moderator} ${m.archive} ${m.error} ${[...(m.reactions ?? [])].map(([e, who]) => e + [...who].join())} ${m.body}`;

/** A message that is drawn anew only when it looks different: there may be thousands. */
class Still extends Component<ComponentProps<typeof MessageView> & { as: string }> {
  override shouldComponentUpdate(next: Still["props"]): boolean {
    const was = this.props;
    return next.as !== was.as || next.m !== was.m || next.first !== was.first || next.last !== was.last || next.c !== was.c;
  }
  override render() {
    const { as: _, ...props } = this.props;
    return <MessageView {...props} />;
  }
}

const joins = (a: Message | undefined, b: Message): boolean =>
  !!a && !a.notice && !b.notice && a.from === b.from && a.mine === b.mine && b.time - a.time < together;

function NoticeLine({ n }: { n: Notice }) {
  return <p class={"notice notice-" + n.kind}>{noticeText(n)}</p>;
}

// Nobody fills the page with a name.
const brief = (text: string, most = 48): string => (text.length > most ? text.slice(0, most - 1) + "…" : text);

function noticeText(n: Notice): string {
  const nick = "nick" in n ? brief(n.nick) : "";
  switch (n.kind) {
    case "renamed":
      return n.mine ? t("renamed_me", { to: brief(n.to) }) : t("renamed", { nick, to: brief(n.to) });
    case "topic":
      return n.topic ? t("topic_set", { nick, topic: brief(n.topic, 500) }) : t("topic_cleared", { nick });
    case "text": {
      const m = /^(nick|error):(.+)$/.exec(n.text);
      return m ? reason(m[2]) : n.text;
    }
    default: {
      const what = t(n.kind as keyof Words, { nick });
      return n.reason ? t("with_reason", { what, reason: brief(n.reason, 500) }) : what;
    }
  }
}
