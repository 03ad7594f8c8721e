package main

import (
	"time"
)

// message is an incoming message with what a person or a script wants of it.
type message struct {
	from, to  string
	kind      string // the type; chat, normal, headline, groupchat or error
	id        string
	stanzaID  string // given by the own account's archive (XEP-0359), "" without one
	subject   string
	body      string
	sent      time.Time // when it was sent, if it says so, else when it came
	retracted bool      // it was taken back since (XEP-0424); only in an archive
	delayed   bool      // sent is from a delay element: the message waited somewhere
}

// readMessage takes a message stanza apart. by is the own bare address, whose
// stanza-id is the one to believe (XEP-0359 §6).
func readMessage(n *node, by string, now time.Time) message {
	m := message{
		from:    n.attr("from"),
		to:      n.attr("to"),
		kind:    firstSet(n.attr("type"), "normal"),
		id:      n.attr("id"),
		subject: n.childText(nsClient, "subject"),
		body:    n.childText(nsClient, "body"),
		sent:    now,
	}
	for _, id := range n.all(nsStanzaID, "stanza-id") {
		if id.attr("by") == by {
			m.stanzaID = id.attr("id")
		}
	}
	if t, ok := delayOf(n); ok {
		m.sent, m.delayed = t, true
	}
	return m
}

// delayOf returns when a delayed stanza was sent: XEP-0203, or the older
// XEP-0091.
func delayOf(n *node) (time.Time, bool) {
	for _, form := range []struct{ space, local, layout string }{
		{nsDelay, "delay", time.RFC3339},
		{nsOldDelay, "x", "20060102T15:04:05"},
	} {
		if d := n.child(form.space, form.local); d != nil {
			if t, err := time.Parse(form.layout, d.attr("stamp")); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}
