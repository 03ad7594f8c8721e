package main

import (
	"fmt"
	"strings"
)

// outgoing is a message that waits for a connection.
type outgoing struct {
	person *person
	entry  *entry
	stanza node
}

// say sends text to somebody and shows it in the conversation.
func (ch *chat) say(p *person, text string) {
	if p == nil {
		ch.complain("You are not talking with anybody yet: /chat NAME, and /roster shows who is there.")
		return
	}
	if err := checkText(text); err != nil {
		ch.complain(strings.ToUpper(err.Error()[:1]) + err.Error()[1:] + "; nothing was sent.")
		return
	}
	if p.room != nil {
		ch.sayInRoom(p, text)
		return
	}
	e := &entry{at: ch.view.now(), mine: true, text: text, id: newID()}
	stanza := el(nsClient, "message", "type", "chat", "to", p.jid.String(), "id", e.id).with(
		el("", "body").text(text), el(nsReceipts, "request"))
	p.add(e)
	p.typing = false
	ch.deliver(&outgoing{p, e, stanza})
	ch.showEntry(p, e)
	if e.state == entryWaiting && len(ch.outbox) == 1 {
		ch.note("There is no connection: it will be sent as soon as there is one.")
	}
}

// deliver sends a message, or keeps it until there is a connection.
func (ch *chat) deliver(m *outgoing) {
	if ch.client != nil && ch.ready {
		err := ch.client.send(m.stanza)
		if err == nil || ch.client.sm.counting() {
			m.entry.state = entryTaken // what is counted is sent again when need be
			return
		}
	}
	m.entry.state = entryWaiting
	ch.outbox = append(ch.outbox, m)
}

// flush sends what has waited.
func (ch *chat) flush() {
	waiting := ch.outbox
	ch.outbox = nil
	for _, m := range waiting {
		ch.deliver(m)
	}
	if sent := len(waiting) - len(ch.outbox); sent > 0 {
		ch.note(fmt.Sprintf("Sent now: %s.", count(sent, "message that had waited", "messages that had waited")))
	}
}

// name is what a person is called on the screen.
func (ch *chat) name(p *person) string { return ch.people.name(p) }

// showEntry prints a line of a conversation.
func (ch *chat) showEntry(p *person, e *entry) {
	ch.screen.printFor(e, ch.layout(p, e))
}

// layout is how a line of a conversation looks: by whom, to whom if that is not
// the open conversation, and how far it has come.
func (ch *chat) layout(p *person, e *entry) []string {
	l := line{at: e.at, text: printable(e.text)}
	who := p
	if e.mine {
		who = ch.people.get(ch.people.me)
	}
	l.nick = ch.name(who)
	l.nickStyle = styleBold
	if !e.mine {
		l.nickStyle = nickStyle(p.jid.String())
	}
	if e.nick != "" {
		l.nick = oneLine(e.nick)
		if !e.mine {
			l.nickStyle = nickStyle(p.jid.String() + "/" + e.nick)
			if p.room != nil && p.room.mentions(e.text) {
				l.nickStyle = styleMention
			}
		}
	}
	if action, ok := strings.CutPrefix(l.text, "/me "); ok { // XEP-0245
		l.text = "* " + l.nick + " " + action
	}
	switch {
	case e.mine && p != ch.current:
		l.text = ch.view.sym("→ ", "-> ") + ch.name(p) + ": " + l.text
	case !e.mine && p != ch.current && e.nick != "":
		l.tail = "(in " + ch.name(p) + ": /chat " + ch.complete.handle(p, ch.people) + ")"
	case !e.mine && p != ch.current && p.unread == 1: // the first; the prompt counts the others
		l.tail = "(/chat " + ch.complete.handle(p, ch.people) + ")"
	}
	switch e.state {
	case entryDelivered:
		l.tail = ch.view.sym("✓", "(delivered)")
	case entryFailed:
		l.tail = ch.view.sym("✗ not delivered", "(not delivered)")
	case entryWaiting:
		l.tail = "(waiting)"
	}
	return ch.view.said(l)
}

// open makes somebody the one the user talks with, and shows what was not read
// of them.
func (ch *chat) open(p *person) {
	ch.current = p
	ch.view.fit(ch.name(p))
	ch.presentPeer(p)
	unread := p.unread
	p.unread = 0
	ch.openEarlier(p)
	for _, e := range p.lines[max(0, len(p.lines)-max(unread, 5)):] {
		ch.showEntry(p, e)
	}
}

// presentPeer says who somebody is and whether they are there.
func (ch *chat) presentPeer(p *person) {
	if p.room != nil {
		text := fmt.Sprintf("Talking in %s (%s) as %s, with %s.", ch.name(p), p.jid, oneLine(p.room.nick), count(len(p.room.occupants)-1, "other", "others"))
		if p.room.subject != "" {
			text += " Topic: " + oneLine(p.room.subject)
		}
		ch.note(text)
		return
	}
	text := "Talking with " + ch.name(p)
	if ch.name(p) != p.jid.String() {
		text += " (" + p.jid.String() + ")"
	}
	switch {
	case p.contact == nil:
		text += ", who is not on your contact list: /add them to see when they are there."
	case len(p.resources) == 0 && p.contact.subscription != "to" && p.contact.subscription != "both":
		text += ", whose presence you do not see."
	default:
		text += ", " + presenceSentence(p) + "."
	}
	ch.note(text)
	p.shown = presenceKey(p)
}

// presenceSentence is a presence with its status text.
func presenceSentence(p *person) string {
	if status := p.status(); status != "" {
		return p.presenceWord() + ": " + status
	}
	return p.presenceWord()
}

// presenceKey is what about a presence is worth telling when it changes.
func presenceKey(p *person) string { return presenceSentence(p) }
