package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// cmdJoin asks a room to be let in; its presence tells what came of it.
func (ch *chat) cmdJoin(ctx context.Context, args string) {
	name, nick, _ := strings.Cut(args, " ")
	if name == "" {
		ch.complain("/join needs a room, such as /join garden")
		return
	}
	ch.ask(ctx, "/join "+name, func(ctx context.Context, c *client) (string, error) {
		j, err := roomJID(ctx, c, name)
		if err != nil {
			return "", err
		}
		ch.do(func() { ch.join(c, j, firstSet(strings.TrimSpace(nick), j.Resourcepart(), ch.account.jid.Localpart())) })
		return "", nil
	})
}

// join enters a room, or opens it when the user is there already.
func (ch *chat) join(c *client, j jid.JID, nick string) {
	p := ch.people.get(j)
	if p.room != nil && p.room.in {
		ch.open(p)
		return
	}
	p.room = newRoom(j, nick, "")
	c.send(p.room.enter(roomHistory))
}

// roomHistory is how many lines from before are wanted of a room.
const roomHistory = 20

// rejoin enters the rooms again in which the user was before the connection was
// lost.
func (ch *chat) rejoin(c *client) {
	for _, p := range ch.people.all {
		if r := p.room; r != nil && r.in {
			p.room = newRoom(r.jid, r.nick, r.password)
			p.again = true
			c.send(p.room.enter(roomHistory))
		}
	}
}

// roomOf returns the room that an address belongs to, nil when it is none.
func (ch *chat) roomOf(j jid.JID) *person {
	if p := ch.people.all[j.Bare().String()]; p != nil && p.room != nil {
		return p
	}
	return nil
}

// roomPresence tells what happens in a room.
func (ch *chat) roomPresence(p *person, n *node) {
	e, ok := p.room.presence(n)
	if !ok {
		return
	}
	switch {
	case e.kind == "entered" || e.kind == "created":
		if e.kind == "created" && ch.client != nil {
			// The settings it proposes, so that others can come in (XEP-0045 §10.1.2).
			c := ch.client
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), questionTimeout)
				defer cancel()
				c.iq(ctx, el(nsClient, "iq", "type", "set", "to", p.jid.String()).with(
					el(nsMUCOwner, "query").with(el(nsForms, "x", "type", "submit"))))
			}()
			e.kind = "entered"
		}
		if p.again {
			p.again = false
			return
		}
		ch.note(e.words(p.room))
		ch.open(p)
	case e.self && !p.room.in && e.kind != "refused":
		ch.note(e.words(p.room))
		p.room = nil
		if ch.current == p {
			ch.current = nil
		}
	case e.kind == "refused":
		hint := ""
		if !p.room.in {
			if f, ok := errNotIn(p.room, e).(*failure); ok && f.hint != "" && !strings.Contains(f.hint, "--nick") {
				hint = " " + f.hint
			}
			p.room = nil
		}
		ch.complain(e.refusal(p.jid) + hint)
	case p == ch.current:
		ch.note(e.words(p.room))
	}
}

// refusal is a refusal in words, with the room's address.
func (e roomEvent) refusal(room jid.JID) string {
	return room.String() + " does not let you in as " + oneLine(e.nick) + ": " + e.err.Error() + "."
}

// roomMessage shows a message out of a room; it reports false for one that is none
// of the room's to show here.
func (ch *chat) roomMessage(p *person, n *node) bool {
	r := p.room
	m := readMessage(n, p.jid.String(), ch.view.now())
	_, nick, _ := strings.Cut(m.from, "/")
	switch {
	case m.kind == "groupchat" && m.body == "" && n.child(nsClient, "subject") != nil:
		if r.subject = m.subject; m.subject != "" && !p.again {
			said := "The topic is: "
			if nick != "" && r.in && !m.delayed {
				said = oneLine(nick) + " has changed the topic: "
			}
			ch.note(said + oneLine(m.subject))
		}
		return true
	case m.kind == "groupchat":
		if m.body == "" {
			return true
		}
		if e := p.find(m.id); e != nil && nick == r.nick { // one's own comes back: everybody has it
			e.state = entryDelivered
			ch.screen.amend(e, ch.layout(p, e))
			return true
		}
		if m.delayed && p.heard(m, nick) {
			return true // seen before the connection was lost
		}
		e := &entry{at: m.sent, mine: nick == r.nick, text: m.body, id: m.id, nick: nick}
		p.add(e)
		named := nick != r.nick && !m.delayed && r.mentions(m.body)
		if p != ch.current && !m.delayed {
			p.unread++
		}
		if p == ch.current || named {
			ch.showEntry(p, e)
		}
		if named {
			ch.screen.bell()
		}
		return true
	case m.body != "" && nick != "" && m.kind != "error":
		ch.note(oneLine(nick) + " in " + ch.name(p) + ", privately: " + m.body + " (/pm " + oneLine(nick) + " TEXT answers)")
		return true
	}
	if m.kind == "error" && p.find(m.id) == nil {
		ch.complain(ch.name(p) + ": " + errorOf(n).Error())
		return true
	}
	return m.kind != "error"
}

// heard says whether a message from before was shown already.
func (p *person) heard(m message, nick string) bool {
	for _, e := range p.lines {
		if e.nick == nick && e.id == m.id && e.text == m.body {
			return true
		}
	}
	return false
}

// here returns the room that is open, or complains.
func (ch *chat) here(command string) *person {
	if ch.current == nil || ch.current.room == nil {
		ch.complain(command + " is for rooms: /join one, or /chat NAME opens one you are in.")
		return nil
	}
	return ch.current
}

func (ch *chat) cmdPart(_ context.Context, args string) {
	p := ch.current
	if args != "" {
		if p = ch.somebody(args); p == nil {
			return
		}
	}
	c := ch.connected()
	switch {
	case p == nil || p.room == nil:
		ch.complain("/part is for rooms you are in.")
	case c != nil:
		c.send(el(nsClient, "presence", "type", "unavailable", "to", p.room.occupantJID(p.room.nick)))
	}
}

func (ch *chat) cmdNick(_ context.Context, args string) {
	p, c := ch.here("/nick"), ch.connected()
	switch {
	case p == nil || c == nil:
	case args == "":
		ch.complain("/nick needs the name you want to have")
	default:
		c.send(el(nsClient, "presence", "to", p.room.occupantJID(args)))
	}
}

func (ch *chat) cmdTopic(_ context.Context, args string) {
	p := ch.here("/topic")
	if p == nil {
		return
	}
	if args == "" {
		if p.room.subject == "" {
			ch.note("The room has no topic; /topic TEXT gives it one.")
		} else {
			ch.note("The topic is: " + oneLine(p.room.subject))
		}
		return
	}
	if c := ch.connected(); c != nil {
		c.send(el(nsClient, "message", "type", "groupchat", "to", p.jid.String(), "id", newID()).with(el("", "subject").text(args)))
	}
}

// whoIsIn lists the occupants of a room.
func (ch *chat) whoIsIn(p *person) {
	var rows [][]string
	for _, nick := range p.room.nicks() {
		o := p.room.occupants[nick]
		said := ""
		if o.role == "moderator" || o.role == "visitor" || o.affiliation != "none" {
			said = roleWords(o)
		}
		rows = append(rows, []string{oneLine(nick), firstSet(showWords[o.show], "online"), said, oneLine(o.jid)})
	}
	ch.answer(columns(rows))
}

// cmdModerate makes the command that does something to an occupant.
func cmdModerate(action string) func(*chat, context.Context, string) {
	return func(ch *chat, ctx context.Context, args string) {
		p := ch.here("/" + action)
		if p == nil {
			return
		}
		who, reason := p.room.split(args)
		if who == "" {
			ch.complain("/" + action + " needs the name of somebody here: /who lists them.")
			return
		}
		item, err := p.room.item(moderations[action], who)
		if err != nil {
			ch.complain(upper(err.Error()))
			return
		}
		if reason != "" {
			item = item.with(el("", "reason").text(reason))
		}
		to := p.jid.String()
		ch.ask(ctx, "/"+action+" "+who, func(ctx context.Context, c *client) (string, error) {
			_, err := c.iq(ctx, el(nsClient, "iq", "type", "set", "to", to).with(el(nsMUCAdmin, "query").with(item)))
			return "", err
		})
	}
}

// split cuts a line into the nick that it begins with, which may hold blanks, and
// the rest.
func (r *room) split(line string) (nick, rest string) {
	for n := range r.occupants {
		if len(n) > len(nick) && (line == n || strings.HasPrefix(line, n+" ")) {
			nick = n
		}
	}
	if nick == "" {
		nick, _, _ = strings.Cut(line, " ")
	}
	return nick, strings.TrimSpace(strings.TrimPrefix(line, nick))
}

func (ch *chat) cmdPM(_ context.Context, args string) {
	p, c := ch.here("/pm"), ch.connected()
	if p == nil || c == nil {
		return
	}
	nick, text := p.room.split(args)
	if text == "" {
		ch.complain("/pm needs the name of somebody here and a text")
		return
	}
	if err := checkText(text); err != nil {
		ch.complain(upper(err.Error()) + "; nothing was sent.")
		return
	}
	if c.send(el(nsClient, "message", "type", "chat", "to", p.room.occupantJID(nick), "id", newID()).with(
		el("", "body").text(text), el(nsMUCUser, "x"))) == nil {
		ch.note("To " + oneLine(nick) + ", privately: " + text)
	}
}

func (ch *chat) cmdInvite(_ context.Context, args string) {
	p, c := ch.here("/invite"), ch.connected()
	if p == nil || c == nil {
		return
	}
	who, reason, _ := strings.Cut(args, " ")
	guest := ch.somebody(who)
	if guest == nil {
		return
	}
	invite := el("", "invite", "to", guest.jid.String())
	if reason != "" {
		invite = invite.with(el("", "reason").text(reason))
	}
	if c.send(el(nsClient, "message", "to", p.jid.String(), "id", newID()).with(el(nsMUCUser, "x").with(invite))) == nil {
		ch.note("Invited " + ch.name(guest) + ".")
	}
}

// invited tells of an invitation to a room: from the room (XEP-0045 §7.8.2) or
// from somebody directly (XEP-0249); false when the message is none.
func (ch *chat) invited(n *node) bool {
	room, by, reason := "", n.attr("from"), ""
	if x := n.child("jabber:x:conference", "x"); x != nil && x.attr("jid") != "" {
		room, reason = x.attr("jid"), x.attr("reason")
	}
	if i := n.child(nsMUCUser, "x").child(nsMUCUser, "invite"); i != nil {
		room, by, reason = n.attr("from"), i.attr("from"), i.childText(nsMUCUser, "reason")
	}
	j, err := jid.Parse(room)
	if err != nil || room == "" {
		return false
	}
	said := fmt.Sprintf("%s invites you to %s", oneLine(by), j.Bare())
	if b, err := jid.Parse(by); err == nil {
		said = fmt.Sprintf("%s invites you to %s", ch.name(ch.people.get(b)), j.Bare())
	}
	if reason != "" {
		said += ": " + oneLine(reason)
	}
	ch.note(said + " (/join " + j.Bare().String() + ")")
	return true
}

func (ch *chat) cmdRooms(ctx context.Context, args string) {
	ch.ask(ctx, "/rooms", func(ctx context.Context, c *client) (string, error) {
		service := args
		if service == "" {
			var err error
			if service, err = c.roomService(ctx); err != nil {
				return "", err
			}
		}
		items, err := c.discoItems(ctx, service, "")
		if err != nil {
			return "", err
		}
		var rows [][]string
		for _, i := range items {
			rows = append(rows, []string{oneLine(i.JID), oneLine(i.Name)})
		}
		if rows == nil {
			return "  " + service + " has no public rooms; /join NAME makes one.", nil
		}
		return columns(rows), nil
	})
}

// sayInRoom sends a text to all in a room and shows it.
func (ch *chat) sayInRoom(p *person, text string) {
	e := &entry{at: time.Now(), mine: true, text: text, id: newID(), nick: p.room.nick}
	p.add(e)
	ch.deliver(&outgoing{p, e, p.room.groupchat(text, e.id)})
	ch.showEntry(p, e)
}
