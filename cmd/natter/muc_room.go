package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// Namespaces of rooms.
const (
	nsMUC      = "http://jabber.org/protocol/muc"
	nsMUCUser  = "http://jabber.org/protocol/muc#user"
	nsMUCAdmin = "http://jabber.org/protocol/muc#admin"
	nsMUCOwner = "http://jabber.org/protocol/muc#owner"
	nsForms    = "jabber:x:data"
)

// room is a chat room (XEP-0045) that the user is in, or wants to be in: the pure
// part. It is used from one goroutine.
type room struct {
	jid       jid.JID // bare
	nick      string  // the user's own in it
	password  string
	in        bool                // the room has let the user in
	subject   string              // what it is about
	occupants map[string]occupant // by nick, the user included
}

// occupant is one of those in a room.
type occupant struct {
	role, affiliation string
	jid               string // where the room tells it
	show              string
}

// roomEvent is something that happened in a room.
type roomEvent struct {
	kind string // joined, left, renamed, entered, kicked, banned, role, gone, refused or created
	nick string
	was  string // renamed: the nick before
	text string // a reason, in the words of who did it
	by   string // who did it, where that is told
	self bool   // it is about the user
	err  error  // refused
}

func newRoom(j jid.JID, nick, password string) *room {
	return &room{jid: j.Bare(), nick: nick, password: password, occupants: map[string]occupant{}}
}

// enter is the presence that asks to be let in (XEP-0045 §7.2). history is how many
// of the last messages are wanted, negative for as many as the room gives.
func (r *room) enter(history int) node {
	x := el(nsMUC, "x")
	if r.password != "" {
		x = x.with(el("", "password").text(r.password))
	}
	if history >= 0 {
		x = x.with(el("", "history", "maxstanzas", fmt.Sprint(history)))
	}
	return el(nsClient, "presence", "to", r.occupantJID(r.nick)).with(x)
}

func (r *room) occupantJID(nick string) string { return r.jid.String() + "/" + nick }

// presence takes a presence from the room and tells what it means; ok is false when
// it means nothing to people.
func (r *room) presence(n *node) (e roomEvent, ok bool) {
	from, err := jid.Parse(n.attr("from"))
	if err != nil {
		return e, false
	}
	nick := from.Resourcepart()
	x := n.child(nsMUCUser, "x")
	codes := statusCodes(x)
	if n.attr("type") == "error" {
		if r.in && nick != r.nick { // a nick that was asked for
			return roomEvent{kind: "refused", nick: nick, self: true, err: errorOf(n)}, true
		}
		return roomEvent{kind: "refused", nick: r.nick, self: true, err: errorOf(n)}, true
	}
	item := x.child(nsMUCUser, "item")
	self := codes["110"] || nick == r.nick
	e = roomEvent{nick: nick, self: self}
	if item != nil {
		e.text = item.childText(nsMUCUser, "reason")
		if actor := item.child(nsMUCUser, "actor"); actor != nil {
			e.by = firstSet(actor.attr("nick"), actor.attr("jid"))
		}
	}
	if n.attr("type") == "unavailable" {
		return r.goes(n, e, item, codes)
	}
	if n.attr("type") != "" {
		return e, false
	}
	was, there := r.occupants[nick]
	now := occupant{show: n.childText(nsClient, "show")}
	if item != nil {
		now.role, now.affiliation, now.jid = item.attr("role"), item.attr("affiliation"), item.attr("jid")
	}
	r.occupants[nick] = now
	switch {
	case self && !r.in && codes["110"]:
		r.in, r.nick = true, nick
		if e.kind = "entered"; codes["201"] {
			e.kind = "created"
		}
		return e, true
	case !r.in:
		return e, false // those who were there before
	case !there:
		e.kind = "joined"
		return e, true
	case was.role != now.role || was.affiliation != now.affiliation:
		e.kind, e.text = "role", roleWords(now)
		return e, true
	}
	return e, false
}

// goes takes an unavailable presence.
func (r *room) goes(n *node, e roomEvent, item *node, codes map[string]bool) (roomEvent, bool) {
	now, there := r.occupants[e.nick]
	delete(r.occupants, e.nick)
	if item != nil && codes["303"] { // §7.6
		e.kind, e.was, e.nick = "renamed", e.nick, item.attr("nick")
		r.occupants[e.nick] = now
		if e.was == r.nick {
			r.nick, e.self = e.nick, true
		}
		return e, e.nick != ""
	}
	switch {
	case n.child(nsMUCUser, "x").child(nsMUCUser, "destroy") != nil:
		e.kind = "gone"
		e.text = n.child(nsMUCUser, "x").child(nsMUCUser, "destroy").childText(nsMUCUser, "reason")
	case codes["301"]:
		e.kind = "banned"
	case codes["307"]:
		e.kind = "kicked"
	default:
		e.kind = "left"
		e.text = firstSet(n.childText(nsClient, "status"), e.text)
	}
	if e.self {
		r.in = false
		clear(r.occupants)
	}
	return e, there || e.self
}

func statusCodes(x *node) map[string]bool {
	codes := map[string]bool{}
	for _, s := range x.all(nsMUCUser, "status") {
		codes[s.attr("code")] = true
	}
	return codes
}

// roleWords says what an occupant may do.
func roleWords(o occupant) string {
	switch {
	case o.affiliation == "owner" || o.affiliation == "admin":
		return "is " + map[string]string{"owner": "an owner", "admin": "an administrator"}[o.affiliation]
	case o.role == "moderator":
		return "is a moderator"
	case o.role == "visitor":
		return "may listen only"
	case o.affiliation == "member":
		return "is a member"
	}
	return "may speak"
}

// words says what happened, for people.
func (e roomEvent) words(r *room) string {
	because := ""
	if e.by != "" && (e.kind == "kicked" || e.kind == "banned") {
		because += " by " + oneLine(e.by)
	}
	if e.text != "" && e.kind != "role" {
		because += ": " + oneLine(e.text)
	}
	who := oneLine(e.nick)
	switch e.kind {
	case "entered", "created":
		s := fmt.Sprintf("You are in %s as %s, with %s.", r.jid, who, count(len(r.occupants)-1, "other", "others"))
		if e.kind == "created" {
			s += " The room is new and nobody else can enter until it has its settings."
		}
		return s
	case "joined":
		return fmt.Sprintf("%s has come in (%d there).", who, len(r.occupants))
	case "left":
		if e.self {
			return "You have left " + r.jid.String() + because
		}
		return fmt.Sprintf("%s has left%s (%d there).", who, because, len(r.occupants))
	case "renamed":
		if e.self {
			return "You are now called " + who + "."
		}
		return oneLine(e.was) + " is now called " + who + "."
	case "kicked", "banned":
		verb := map[string]string{"kicked": "put out of the room", "banned": "banned from the room"}[e.kind]
		if e.self {
			return "You were " + verb + because
		}
		return who + " was " + verb + because
	case "gone":
		return "The room " + r.jid.String() + " is gone" + because
	case "role":
		if e.self {
			return "You: " + who + " " + e.text + "."
		}
		return who + " " + e.text + "."
	case "refused":
		return "Not let in as " + who + ": " + e.err.Error()
	}
	return ""
}

// nicks are those in the room, in alphabetical order.
func (r *room) nicks() []string {
	return slices.SortedFunc(mapKeys(r.occupants), func(a, b string) int {
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	})
}

// mentions says whether a text speaks of the user: their nick as a word.
func (r *room) mentions(text string) bool {
	text, nick := strings.ToLower(text), strings.ToLower(r.nick)
	for from := 0; nick != ""; {
		i := strings.Index(text[from:], nick)
		if i < 0 {
			return false
		}
		before, after := text[:from+i], text[from+i+len(nick):]
		if !endsInLetter(before) && !startsWithLetter(after) {
			return true
		}
		from += i + len(nick)
	}
	return false
}

// roomJID reads the address of a room: a name alone is a room of the own server's
// service.
func roomJID(ctx context.Context, c *client, s string) (jid.JID, error) {
	if !strings.Contains(s, "@") && s != "" {
		service, err := c.roomService(ctx)
		if err != nil {
			return jid.JID{}, err
		}
		s = s + "@" + service
	}
	j, err := jid.Parse(s)
	if err != nil || j.Localpart() == "" {
		return jid.JID{}, fail(exitUsage, "A room's address looks like garden@conference."+c.account.jid.Domainpart()+".", "%q is not the address of a room", s)
	}
	return j, nil
}

// roomService finds the own server's service for rooms.
func (c *client) roomService(ctx context.Context) (string, error) {
	domain := c.account.jid.Domainpart()
	items, err := c.discoItems(ctx, domain, "")
	if err != nil {
		return "", asking(err, domain, questionTimeout)
	}
	for _, i := range items {
		info, err := c.discoInfo(ctx, i.JID, "")
		if err != nil {
			continue
		}
		for _, id := range info.Identities {
			if id.Category == "conference" && id.Type == "text" {
				return i.JID, nil
			}
		}
	}
	return "", fail(exitRefused, "Say the room's whole address.", "%s has no rooms", domain)
}

// errNotIn says that a room did not let the user in.
func errNotIn(r *room, e roomEvent) error {
	hint := ""
	var refused *stanzaError
	if errors.As(e.err, &refused) {
		hint = map[string]string{
			"conflict":              "Choose another name with --nick.",
			"not-authorized":        "The room has a password: put it into NATTER_ROOM_PASSWORD.",
			"registration-required": "The room is for members: ask one of its administrators.",
			"forbidden":             "You are banned from the room.",
			"service-unavailable":   "The room is full; try again later.",
			"item-not-found":        "The room is being set up; try again later.",
			"not-allowed":           "Rooms cannot be made there by everybody.",
		}[refused.condition]
	}
	return fail(exitRefused, hint, "%s did not let you in as %s: %w", r.jid, r.nick, e.err)
}

// joinTimeout bounds how long a room may take to let somebody in.
const joinTimeout = 20 * time.Second
