package main

import (
	"strconv"
	"strings"

	"mellium.im/xmpp/jid"
)

// stanza deals with what the server sends on its own. It is called on run's
// goroutine.
func (ch *chat) stanza(n *node) {
	switch n.XMLName.Local {
	case "message":
		if !ch.ready {
			ch.held = append(ch.held, n) // until the contact list is shown
			return
		}
		ch.message(n)
	case "presence":
		ch.presenceOf(n)
	case "iq":
		switch {
		case n.attr("type") == "set": // a roster push, answered already
			for _, c := range rosterItems(n) {
				ch.people.update(c)
			}
		case ch.raws[n.attr("id")]: // another answer may be one that came twice, as after a restart of the server
			delete(ch.raws, n.attr("id"))
			ch.answer("<- " + printable(n.String()))
		}
	}
}

// message deals with a message, or with the copy of one that another client of
// the account has sent or received (XEP-0280).
func (ch *chat) message(n *node) {
	if from, err := jid.Parse(n.attr("from")); err == nil {
		if p := ch.roomOf(from); p != nil && ch.roomMessage(p, n) {
			return
		}
	}
	if n.attr("type") != "error" && ch.invited(n) {
		return
	}
	if n.attr("type") == "error" {
		ch.bounced(n)
		return
	}
	for _, direction := range []string{"received", "sent"} {
		if c := n.child(nsCarbons, direction); c != nil {
			// Anybody could send something that looks like a copy.
			inner := c.child(nsForward, "forwarded").child(nsClient, "message")
			if inner != nil && n.attr("from") == ch.people.me.String() {
				ch.take(inner, direction == "sent", true)
			}
			return
		}
	}
	ch.take(n, false, false)
}

// take shows a message. mine says that another client of the account has sent
// it, copied that this client has not received it itself.
func (ch *chat) take(n *node, mine, copied bool) {
	m := readMessage(n, ch.people.me.String(), ch.view.now())
	other := m.from
	if mine {
		other = m.to
	}
	j, err := jid.Parse(firstSet(other, ch.people.me.String()))
	if err != nil || m.kind == "groupchat" {
		return
	}
	p := ch.people.get(j)
	if !mine {
		ch.receipt(p, n, m, copied)
		p.typing = n.child(nsChatState, "composing") != nil && m.body == ""
	}
	text := m.body
	if text == "" && n.child("urn:xmpp:eme:0", "encryption") != nil {
		text = "(an encrypted message, which natter cannot read)"
	}
	if text == "" && m.subject == "" {
		return
	}
	if m.subject != "" {
		text = strings.TrimSuffix("["+oneLine(m.subject)+"]\n"+text, "\n")
	}
	if n.child("urn:xmpp:message-correct:0", "replace") != nil {
		text += " (corrected)"
	}
	if m.delayed && !ch.caughtUp && m.sent.Before(ch.since) {
		ch.caughtUp = true
		ch.note("While you were away:")
	}
	e := &entry{at: m.sent, mine: mine, text: text, id: m.id}
	p.add(e)
	switch {
	case mine: // who answers has read
		p.unread = 0
	case p != ch.current:
		p.unread++
	}
	ch.showEntry(p, e)
}

// receipt notes that a message of the user's has arrived, and says so of those
// that ask, to people who may know that the user is there (XEP-0184).
func (ch *chat) receipt(p *person, n *node, m message, copied bool) {
	if r := n.child(nsReceipts, "received"); r != nil {
		if e := p.find(r.attr("id")); e != nil && e.state != entryDelivered {
			e.state = entryDelivered
			ch.screen.amend(e, ch.layout(p, e))
		}
	}
	asked := n.child(nsReceipts, "request") != nil && m.body != "" && m.id != ""
	if asked && !copied && p.seesMe() && ch.client != nil {
		ch.client.send(el(nsClient, "message", "type", m.kind, "to", m.from, "id", newID()).with(
			el(nsReceipts, "received", "id", m.id)))
	}
}

// bounced deals with a message of the user's that comes back.
func (ch *chat) bounced(n *node) {
	j, err := jid.Parse(n.attr("from"))
	if err != nil {
		return
	}
	p := ch.people.get(j)
	e := p.find(n.attr("id"))
	if e == nil {
		return // a receipt, or of another client
	}
	e.state = entryFailed
	ch.screen.amend(e, ch.layout(p, e))
	ch.complain("Not delivered to " + ch.name(p) + ": " + errorOf(n).Error() + ": " + cut(oneLine(e.text), 40))
}

// presenceOf deals with somebody's presence, or with a question about who may
// see whom.
func (ch *chat) presenceOf(n *node) {
	from, err := jid.Parse(n.attr("from"))
	if err != nil {
		return
	}
	if p := ch.roomOf(from); p != nil {
		ch.roomPresence(p, n)
		return
	}
	kind := n.attr("type")
	switch kind {
	case "", "unavailable":
		priority, _ := strconv.Atoi(strings.TrimSpace(n.childText(nsClient, "priority")))
		p := ch.people.presence(from, kind == "", resource{
			show:     strings.TrimSpace(n.childText(nsClient, "show")),
			status:   cut(oneLine(n.childText(nsClient, "status")), 200),
			priority: priority,
		})
		ch.notePresence(p)
		return
	case "subscribe":
		p := ch.people.get(from)
		if !p.asks && !p.seesMe() {
			p.asks = true
			if ch.ready {
				ch.noteRequest(p)
			}
		}
		return
	}
	p := ch.people.get(from)
	switch kind {
	case "subscribed":
		ch.note(ch.name(p) + " lets you see when they are there.")
	case "unsubscribed":
		ch.note(ch.name(p) + " does not let you see when they are there.")
	case "unsubscribe":
		p.asks, p.told = false, false
		ch.note(ch.name(p) + " no longer wants to see when you are there.")
	}
}

// notePresence tells of a change in somebody's presence, once, and not of the
// account's other clients.
func (ch *chat) notePresence(p *person) {
	key := presenceKey(p)
	if !ch.ready || key == p.shown || p.jid.Equal(ch.people.me) {
		return
	}
	p.shown = key
	word := p.presenceWord()
	mark, style := ch.view.presenceMark(word)
	text := ch.name(p) + " is " + presenceSentence(p)
	ch.screen.print(ch.view.happened(ch.view.paint(style, mark), text))
}

// noteRequest tells that somebody asks to see when the user is there.
func (ch *chat) noteRequest(p *person) {
	p.told = true
	who := ch.complete.handle(p, ch.people)
	ch.note(p.jid.String() + " asks to see when you are there: /accept " + who + " or /deny " + who)
}
