// Package csi implements XEP-0352 Client State Indication, version 1.0.0.
//
// While a client says that nobody looks at it, presence is held back, the last
// of each sender only, and chat states are not sent at all. What is held goes out
// when the client is active again, or ahead of the next message, so that order
// between a contact's presence and messages stays.
package csi

import (
	"natter/server"
	"natter/stanza"
)

const ns = "urn:xmpp:csi:0"

// maxHeld bounds how many senders' presence is held for one session, and
// maxHeldBytes how much of it; with more it is all sent.
const (
	maxHeld      = 500
	maxHeldBytes = 128 << 10
)

// heldKey keeps a session's *held.
type heldKey struct{}

// held is presence that waits, in the order of the first from each sender.
type held struct {
	order []string
	last  map[string][]byte // by the sender's full JID; serialised for the session
	bytes int               // in last
}

// New makes the module.
func New(*server.Host) *server.Module {
	return &server.Module{
		Name: "csi", XEP: "0352 1.0.0", Summary: "phones are left alone while nobody looks at them",
		StreamFeatures: []string{"<csi xmlns='" + ns + "'/>"},
		Nonzas:         []server.NonzaHandler{{NS: ns, Handle: indicate}},
		Inline:         &server.Inline{NS: ns, Apply: begin},
		Hooks: []server.Hook{
			{Stage: server.ToSession, Kinds: server.OnPresence, Flag: server.AccountInactive, Run: hold},
		},
		Wake: flush,
	}
}

// indicate handles <active/> and <inactive/> (§4).
func indicate(t *server.Turn, s *server.Session, st *stanza.Stanza) {
	_, name := st.Name()
	change(t, s, name)
	s.Out.Changed(t)
}

// begin has a session begin in the state that its client names while it logs in
// (XEP-0386 §3.2.2).
func begin(t *server.Turn, s *server.Session, st *stanza.Stanza, c stanza.Child, dst []byte) []byte {
	change(t, s, st.Local(c))
	return dst
}

func change(t *server.Turn, s *server.Session, state []byte) {
	a := s.Account
	a.Lock()
	switch string(state) {
	case "active":
		s.Clear(server.SessionInactive)
		flush(t, s)
	case "inactive":
		s.Set(server.SessionInactive)
	}
	a.Retarget()
	a.Unlock()
}

// hold takes inactive sessions out of those that get presence now. Subscription
// requests and errors are for people: they go on.
func hold(p *server.Passage) server.Verdict {
	if p.Stanza.Type != stanza.TypeNone && p.Stanza.Type != stanza.Unavailable {
		return server.Pass
	}
	p.Account.Lock()
	defer p.Account.Unlock()
	now := p.Targets[:0:0]
	for _, s := range p.Targets {
		if !s.Has(server.SessionInactive) {
			now = append(now, s)
			continue
		}
		h, _ := s.Value(heldKey{}).(*held)
		if h == nil {
			h = &held{last: make(map[string][]byte)}
			s.SetValue(heldKey{}, h)
		}
		from := p.Origin.JID.String()
		if _, ok := h.last[from]; !ok {
			h.order = append(h.order, from)
		}
		h.bytes -= len(h.last[from])
		h.last[from] = p.Stanza.AppendTo(nil, p.Stamp)
		h.bytes += len(h.last[from])
		if len(h.order) > maxHeld || h.bytes > maxHeldBytes {
			flush(p.Turn, s)
		}
	}
	p.Targets = now
	return server.Pass
}

// flush sends what is held for a session; its account is locked.
func flush(t *server.Turn, s *server.Session) {
	h, _ := s.Value(heldKey{}).(*held)
	if h == nil {
		return
	}
	s.SetValue(heldKey{}, (*held)(nil))
	for _, from := range h.order {
		s.Out.DeliverRaw(t, h.last[from])
	}
}
