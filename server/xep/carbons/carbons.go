// Package carbons implements XEP-0280 Message Carbons, version 1.0.1: what one
// session sends or receives, the account's other sessions get a copy of.
package carbons

import (
	"natter/server"
	"natter/stanza"
)

const (
	ns      = "urn:xmpp:carbons:2"
	forward = "urn:xmpp:forward:0"
	mucUser = "http://jabber.org/protocol/muc#user"
	rules   = "urn:xmpp:carbons:rules:0" // those of §6.1, all of them
)

// New makes the module.
func New(*server.Host) *server.Module {
	return &server.Module{
		Name: "carbons", XEP: "0280 1.0.1", Summary: "all devices of an account follow a conversation",
		Features: []string{ns, rules}, AccountFeatures: []string{ns},
		IQ: []server.IQHandler{
			{Type: stanza.Set, NS: ns, Name: "enable", To: server.AtSelf, Handle: set(true)},
			{Type: stanza.Set, NS: ns, Name: "disable", To: server.AtSelf, Handle: set(false)},
			{Type: stanza.Set, NS: ns, Name: "enable", To: server.AtAccount | server.AtHost, Handle: notYours},
			{Type: stanza.Set, NS: ns, Name: "disable", To: server.AtAccount | server.AtHost, Handle: notYours},
		},
		Inline: &server.Inline{NS: ns, Apply: enable},
		Hooks: []server.Hook{
			{Stage: server.Sent, Kinds: server.OnMessage, Flag: server.AccountCarbons, Run: sent},
			{Stage: server.ToSession, Kinds: server.OnMessage, Flag: server.AccountCarbons, Run: received},
		},
	}
}

// set turns copies on or off for the asking session (§4, §5).
func set(on bool) func(*server.IQ) error {
	return func(q *server.IQ) error {
		s := q.Session()
		if s == nil {
			return notYours(q)
		}
		turn(s, on)
		q.Reply(q.Turn, nil)
		s.Out.Changed(q.Turn)
		return nil
	}
}

func turn(s *server.Session, on bool) {
	if on {
		s.Set(server.SessionCarbons)
	} else {
		s.Clear(server.SessionCarbons)
	}
	s.Account.Lock()
	s.Account.Retarget()
	s.Account.Unlock()
}

// enable turns copies on within the login (XEP-0386 §3.2.2): that can't fail, and
// nothing is said of it.
func enable(_ *server.Turn, s *server.Session, st *stanza.Stanza, c stanza.Child, dst []byte) []byte {
	if string(st.Local(c)) == "enable" {
		turn(s, true)
	}
	return dst
}

func notYours(*server.IQ) error {
	return stanza.NotAllowed("carbons are each session's own: send this without a 'to'")
}

// sent copies what a session sent to the others (§8), and the error that it was
// answered at once.
func sent(p *server.Passage) server.Verdict {
	if !eligible(p, true) || p.To.Bare() == p.Account.JID {
		return server.Pass
	}
	from := p.Origin.Session
	others := func(s *server.Session) bool { return s != from }
	deliver(p.Turn, p.Account, "sent", p.Stanza.Type, others, func() []byte { return p.Forward(nil, p.Account) })
	remember(p)
	if p.Refused != nil {
		deliver(p.Turn, p.Account, "received", stanza.TypeError, others, func() []byte {
			st, err := stanza.ParseIn(p.Refused, stanza.NSClient, stanza.Limits{Bytes: len(p.Refused)})
			if err != nil {
				return nil
			}
			return st.AppendTo(nil, &stanza.Stamp{Declare: true})
		})
	}
	return server.Pass
}

// received copies what came to the account to the sessions that it did not go
// to, the one that sent it included (§7).
func received(p *server.Passage) server.Verdict {
	if !eligible(p, false) {
		return server.Pass
	}
	got := make(map[*server.Session]bool, len(p.Targets)+2)
	for _, s := range p.Targets {
		got[s] = true
	}
	got[p.Next] = true
	if p.Origin.Session != nil {
		got[p.Origin.Session] = true
	}
	deliver(p.Turn, p.Account, "received", p.Stanza.Type, func(s *server.Session) bool { return !got[s] },
		func() []byte { return p.Forward(nil, p.Account) })
	return server.Pass
}

// deliver wraps a message and hands it to the account's sessions that have carbons on
// and are wanted.
func deliver(t *server.Turn, a *server.Account, kind string, typ stanza.Type, wanted func(*server.Session) bool, message func() []byte) {
	var inner []byte
	for _, s := range a.Snapshot() {
		if !s.Has(server.SessionCarbons) || !wanted(s) {
			continue
		}
		if inner == nil {
			if inner = message(); inner == nil {
				return
			}
		}
		b := stanza.AppendOpen(nil, "message", "from", a.Bare, "to", s.Full, "type", typ.String())
		b = stanza.AppendOpen(b, kind, "xmlns", ns)
		b = stanza.AppendOpen(b, "forwarded", "xmlns", forward)
		b = append(b, inner...)
		b = append(b, "</forwarded></"...)
		b = append(b, kind...)
		b = append(b, "></message>"...)
		s.Out.DeliverRaw(t, b)
	}
}

// eligible applies the rules of §6.1 and §9.
func eligible(p *server.Passage, sent bool) bool {
	st := p.Stanza
	if p.Hints&server.NoCopy != 0 {
		return false
	}
	if _, private := st.Child(ns, "private"); private {
		return false
	}
	if st.Type == stanza.TypeError {
		return !sent && (answers(p) || st.HasBody() || personal(st))
	}
	if _, fromRoom := st.Child(mucUser, "x"); fromRoom && !sent && !p.Origin.JID.IsBare() {
		return false // a private message out of a room comes to every session in it
	}
	switch st.Type {
	case stanza.Groupchat:
		return false
	case stanza.Headline:
		return instant(st)
	case stanza.Chat:
		return true
	}
	return st.HasBody() || personal(st)
}

// instant reports the payloads of instant messaging that §6.1 names: receipts, chat
// states, markers.
func instant(st *stanza.Stanza) bool {
	return st.HasNS("urn:xmpp:receipts") || st.HasNS("http://jabber.org/protocol/chatstates") || st.HasNS("urn:xmpp:chat-markers:0")
}

// personal reports these and further ones: invitations, retractions, reactions, calls.
func personal(st *stanza.Stanza) bool {
	for _, payload := range []string{"jabber:x:conference", mucUser, "urn:xmpp:message-retract:1", "urn:xmpp:reactions:0", "urn:xmpp:jingle-message:0"} {
		if st.HasNS(payload) {
			return true
		}
	}
	return instant(st)
}
