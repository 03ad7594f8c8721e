// One session with the server and everything it knows. The files in feature/ read and
// change it; the components in ui/ show it.
import { signal } from "@preact/signals";
import { Link, type Login } from "./xmpp/link";
import { bare, domain } from "./xmpp/jid";
import { touch, newConversation, type Contact, type Conversation, type Presence } from "./model";

/** A message on its way: until the server, or the room, says that it has it. */
export interface Outgoing {
  id: string;
  conversation: Conversation;
  stanza: Element;
  /** The number of the stream session it was last sent in; 0 for never. */
  sent: number;
}

export class Session {
  readonly link: Link;
  readonly guest: boolean;
  /** Bare JID, once bound. */
  me: string;
  readonly conversations = new Map<string, Conversation>();
  readonly contacts = new Map<string, Contact>();
  readonly presences = new Map<string, Map<string, Presence>>();
  /** Who asks to see one's presence. */
  readonly requests = new Map<string, string>();
  readonly avatars = new Map<string, string>();
  /** Archive ids up to which conversations have been displayed, on any device. */
  readonly displayed = new Map<string, string>();
  readonly blocked = new Set<string>();
  /** Rooms that somebody has asked the user into. */
  readonly invitations = new Map<string, { by: string; password?: string }>();
  /** What the user's presence says. */
  show = "";
  status = "";
  photo?: string;
  outbox: Outgoing[] = [];
  /** Ids of messages sent from this tab. */
  readonly sent = new Set<string>();
  /** Counts stream sessions that were not resumed. */
  epoch = 0;
  /** Rooms, and whether the chats, have been brought up to date in this session. */
  readonly ready = new Set<string>();
  chatsReady = false;
  /** The newest id of the account's archive that has been seen. */
  newest?: string;
  /** Features of the account's server, and where it has its services. */
  features = new Set<string>();
  accountFeatures = new Set<string>();
  upload?: { jid: string; max: number };
  rooms: string;

  /** Count up with each change of the list of conversations, of contacts, of pictures. */
  readonly listRev = signal(0);
  readonly contactRev = signal(0);
  readonly avatarRev = signal(0);
  /** The conversation that is open, "" for none. */
  readonly active = signal("");
  /** The list of conversations and contacts has been filled. */
  readonly loaded = signal(false);
  /** A word for the user that goes by itself. */
  readonly toast = signal("");

  constructor(login: Login, rooms: string) {
    this.guest = !login.secret;
    this.me = bare(login.jid);
    this.rooms = rooms;
    this.link = new Link(login);
  }

  /** Returns the conversation, made if need be. */
  conversation(jid: string, kind: "chat" | "room" = "chat", nick = ""): Conversation {
    let c = this.conversations.get(jid);
    if (!c) {
      c = newConversation(jid, kind, nick);
      this.conversations.set(jid, c);
      this.listRev.value++;
    }
    return c;
  }

  /** Tells the components that show the conversation, and the list. */
  changed(c: Conversation): void {
    touch(c);
    this.listRev.value++;
  }

  /** What somebody is called. */
  nameOf(jid: string): string {
    const c = this.conversations.get(jid);
    if (c?.kind === "room") return c.room!.name || jid.split("@")[0]!;
    const contact = this.contacts.get(bare(jid));
    if (jid.includes("/")) return jid.slice(jid.indexOf("/") + 1);
    return contact?.name || jid.split("@")[0]!;
  }

  /** The most available presence of a contact. */
  presenceOf(jid: string): Presence {
    const order = ["chat", "", "away", "dnd", "xa"];
    let best: Presence = { show: "offline", status: "" };
    for (const p of this.presences.get(jid)?.values() ?? []) {
      if (best.show === "offline" || order.indexOf(p.show) < order.indexOf(best.show)) best = p;
    }
    return best;
  }

  get domain(): string {
    return domain(this.me);
  }

  say(text: string): void {
    this.toast.value = text;
    window.setTimeout(() => {
      if (this.toast.value === text) this.toast.value = "";
    }, 6000);
  }
}
