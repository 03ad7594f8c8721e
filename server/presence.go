package server

import (
	"bytes"

	"natter/presence"
	"natter/roster"
	"natter/stanza"
)

// presenceFrom handles presence that a local session sends (RFC 6121 §3, §4).
func (srv *Server) presenceFrom(t *Turn, o *Origin, st *stanza.Stanza) {
	s := o.Session
	if st.Type == stanza.TypeInvalid {
		srv.Bounce(t, o, st, stanza.BadRequest("presence has no such type"))
		return
	}
	if st.To() == nil {
		if st = srv.outgoing(t, o, st, s.Account.JID); st != nil {
			srv.broadcast(t, s, st)
		}
		return
	}
	to, err := parseAddr(st.To())
	if err != nil {
		srv.Bounce(t, o, st, stanza.JIDMalformed("the address in 'to' is not one"))
		return
	}
	switch st.Type {
	case stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed:
		srv.subscriptionFrom(t, s, st, to)
	case stanza.TypeNone, stanza.Unavailable:
		if st = srv.outgoing(t, o, st, to); st != nil {
			srv.directed(t, s, st, to)
		}
	case stanza.Probe:
		// A client has no business probing (§4.3); what it may see it is sent.
		srv.presenceTo(t, o, st, to)
	case stanza.TypeError:
		srv.presenceTo(t, o, st, to)
	}
}

// broadcast handles presence without 'to': initial, later, unavailable.
func (srv *Server) broadcast(t *Turn, s *Session, st *stanza.Stanza) {
	a := s.Account
	priority, refused := presence.PriorityOf(st)
	if refused != nil {
		srv.Bounce(t, &s.Origin, st, refused)
		return
	}
	if st.Type != stanza.TypeNone && st.Type != stanza.Unavailable {
		srv.Bounce(t, &s.Origin, st, stanza.BadRequest("this presence needs an address"))
		return
	}
	a.mu.Lock()
	i := a.index(s)
	if i < 0 {
		a.mu.Unlock()
		return
	}
	was := a.view.Resources[i].Available
	var steps []step
	if st.Type == stanza.Unavailable {
		steps = a.resolve(a.view.Unavailable(nil, i, true))
		s.current = nil
	} else {
		s.current = bytes.Clone(st.AppendTo(nil, &stanza.Stamp{From: s.Attr, Lang: s.Lang, Declare: true})) // without spare room
		steps = a.resolve(a.view.Broadcast(nil, i, priority))
	}
	now := a.view.Resources[i].Available
	var waiting *drainage
	if st.Type == stanza.Unavailable || priority < 0 {
		a.endDrain(s)
	} else {
		waiting = a.lineUp(s) // before messages find the session
	}
	a.retarget()
	a.mu.Unlock()
	srv.perform(t, a, &s.Origin, st, steps)
	if waiting != nil {
		a.launch(waiting)
	}
	if now && !was {
		for _, m := range a.Host.Modules {
			if m.Available != nil {
				m.Available(t, s)
			}
		}
	}
	s.Out.Changed(t)
}

// directed handles presence to somebody in particular (§4.6).
func (srv *Server) directed(t *Turn, s *Session, st *stanza.Stanza, to stanza.JID) {
	a := s.Account
	a.mu.Lock()
	i := a.index(s)
	if i < 0 {
		a.mu.Unlock()
		return
	}
	actions, refused := a.view.SendDirected(nil, i, to, st.Type == stanza.Unavailable)
	steps := a.resolve(actions)
	a.mu.Unlock()
	if refused != nil {
		srv.Bounce(t, &s.Origin, st, refused)
		return
	}
	srv.perform(t, a, &s.Origin, st, steps)
	s.Out.Changed(t)
}

// subscriptionFrom handles a subscription stanza that an account sends.
func (srv *Server) subscriptionFrom(t *Turn, s *Session, st *stanza.Stanza, to stanza.JID) {
	a := s.Account
	to = to.Bare()
	if to == a.JID {
		return // one sees one's own resources anyway
	}
	if !srv.run(FromAccount, &Passage{Turn: t, Origin: &s.Origin, Stanza: st, To: to, Account: a, Stamp: &stanza.Stamp{}}) {
		return
	}
	a.mu.Lock()
	effect, refused := a.Roster.Outbound(to, roster.KindOf(st.Type))
	if refused != nil {
		a.mu.Unlock()
		srv.Bounce(t, &s.Origin, st, refused)
		return
	}
	steps := a.resolve(a.view.SendSubscription(nil, to, effect))
	err := a.commitRoster(t, &s.Origin, st, steps, effect.Push)
	a.mu.Unlock()
	if err != nil {
		srv.Bounce(t, &s.Origin, st, srv.stanzaError(err))
		return
	}
	// What the client sends next must not overtake this (RFC 6120 §10.1): wait
	// until both rosters are stored and the stanza is delivered.
	t.Await(2)
	switch {
	case effect.Granted():
		a.Host.Tell(t, Event{Kind: ContactsChanged, Account: a, Peer: to})
	case effect.Revoked():
		a.Host.Tell(t, Event{Kind: ContactEdited, Account: a, Peer: to})
	}
}

// presenceToHost handles presence for the host's own address: it is nobody's
// contact.
func (h *Host) presenceToHost(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID) {}

// presenceTo hands presence on to a local account, or drops it: to whom it is
// addressed cannot be reached, and presence is not bounced (RFC 6121 §8.5.1).
func (srv *Server) presenceTo(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID) {
	if h := srv.hosts[to.Domain()]; h != nil {
		if to.Local() == "" {
			h.presenceToHost(t, o, st, to)
			return
		}
		var a *Account
		switch st.Type {
		case stanza.TypeNone, stanza.Unavailable, stanza.TypeError:
			a = h.Online(to.Local()) // nobody there: one map miss
		default:
			var err error
			if a, err = h.Account(t, to.Local()); err != nil {
				srv.Bounce(t, o, st, srv.stanzaError(err))
				return
			}
		}
		h.presenceToAccount(t, o, st, to, a)
		return
	}
	if s := srv.service(to.Domain()); s != nil {
		s.Route(t, o, to, st)
		return
	}
	if st.Type != stanza.Unavailable {
		srv.Bounce(t, o, st, stanza.RemoteServerNotFound("this server does not reach other domains"))
	}
}

// presenceToAccount handles presence for a local account (RFC 6121 §8.5).
func (h *Host) presenceToAccount(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID, a *Account) {
	srv := h.Server
	if h.intrudes(t, o, st, to) {
		return
	}
	if a == nil {
		if st.Type == stanza.Probe && !h.Exists(to.Local()) {
			srv.answerProbe(t, o, st.ID(), to, nil)
		}
		return
	}
	p := Passage{Turn: t, Origin: o, Stanza: st, To: to, Account: a, Stamp: &stanza.Stamp{}}
	if !srv.run(ToAccount, &p) {
		return
	}
	switch st.Type {
	case stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed:
		a.subscriptionTo(t, o, st)
	case stanza.Probe:
		srv.answerProbe(t, o, st.ID(), to, a)
	default:
		a.presenceIn(t, o, st, to)
	}
}

// presenceIn delivers a contact's presence: to all available sessions, or to the
// one that is addressed.
func (a *Account) presenceIn(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID) {
	var few [4]*Session
	targets := few[:0]
	a.mu.Lock()
	if to.IsBare() {
		for i, s := range a.sessions {
			if a.view.Resources[i].Available {
				targets = append(targets, s)
			}
		}
		if st.Type == stanza.Unavailable {
			a.view.HearUnavailable(presence.All, o.JID)
		}
	} else if s := a.Session(to.Resource()); s != nil {
		targets = append(targets, s)
		if st.Type == stanza.Unavailable {
			a.view.HearUnavailable(a.index(s), o.JID)
		}
	}
	a.mu.Unlock()
	stamp := stanza.Stamp{From: o.Attr, To: a.Self.Attr, Lang: o.Lang}
	if st.To() != nil {
		stamp.To = normalTo(st, to)
	}
	a.hear(t, o, st, to, targets, &stamp)
}

// hear hands presence to sessions, past the hooks that hold it back from
// inactive clients.
func (a *Account) hear(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID, targets []*Session, stamp *stanza.Stamp) {
	if a.Has(AccountInactive) {
		p := Passage{Turn: t, Origin: o, Stanza: st, To: to, Account: a, Targets: targets, Stamp: stamp}
		if !t.srv.run(ToSession, &p) {
			return
		}
		targets = p.Targets
	}
	for _, s := range targets {
		s.Out.Deliver(t, st, stamp, nil)
	}
}

// subscriptionTo handles a subscription stanza that an account receives.
func (a *Account) subscriptionTo(t *Turn, o *Origin, st *stanza.Stanza) {
	from := o.JID.Bare()
	if from == a.JID {
		return
	}
	stamp := stanza.Stamp{From: stanza.AppendAttr(nil, from.String()), To: a.Self.Attr, Lang: o.Lang, Declare: true}
	request := st.AppendTo(nil, &stamp)
	whole, err := alone(request)
	if err != nil {
		t.srv.Log.Error("subscription stanza does not parse", "err", err)
		return
	}
	bare := NewOrigin(from)
	a, err = a.Host.LockAccount(t, a.Local)
	if err != nil {
		t.srv.Bounce(t, o, st, t.srv.stanzaError(err))
		return
	}
	if a == nil {
		return // removed a moment ago
	}
	effect, refused := a.Roster.Inbound(from, roster.KindOf(st.Type), request)
	if refused != nil {
		a.mu.Unlock()
		t.srv.Bounce(t, o, st, refused)
		return
	}
	steps := a.resolve(a.view.ReceiveSubscription(nil, from, effect))
	cerr := a.commitRoster(t, bare, whole, steps, effect.Push)
	a.mu.Unlock()
	if cerr != nil {
		t.srv.Bounce(t, o, st, t.srv.stanzaError(cerr))
		return
	}
	kind := ContactsChanged // with Granted: it was approved beforehand
	if effect.Revoked() {
		kind = ContactEdited
	}
	if effect.Granted() || effect.Revoked() {
		srv := t.srv
		srv.Store.Barrier(func(error) {
			srv.Do(func(t *Turn) { a.Host.Tell(t, Event{Kind: kind, Account: a, Peer: from}) })
		})
	}
}
