package server

import (
	"time"

	"natter/presence"
	"natter/stanza"
)

// step is an action of package presence with its resources resolved, so that it
// can be carried out after the account's lock is let go.
type step struct {
	kind    presence.Kind
	from    *Session // nil: the account's bare JID, or
	asked   bool     // … the full JID that a probe named
	own     *Session // nil: to
	to      stanza.JID
	current []byte // from's presence, when kind needs it
	request []byte // the waiting request of to
	push    []*Session
	version uint64    // Account.changes when it was resolved
	id      []byte    // of the probe that is answered, escaped (RFC 6121 §4.3.2.1); nil for none
	since   time.Time // since when the account is unavailable, when that is known
}

// resolve turns actions into steps; the account must be locked.
func (a *Account) resolve(actions []presence.Action) []step {
	if len(actions) == 0 {
		return nil
	}
	steps := make([]step, 0, len(actions))
	version := a.changes.Load()
	for i := range actions {
		if k := actions[i].Kind; k == presence.Relay || k == presence.Unavailable {
			version = a.changes.Add(1)
			break
		}
	}
	for _, x := range actions {
		s := step{kind: x.Kind, to: x.To, version: version}
		s.asked = x.From == presence.Asked
		if x.From >= 0 {
			s.from = a.sessions[x.From]
			s.current = s.from.current
		}
		if x.Own >= 0 {
			s.own = a.sessions[x.Own]
		}
		switch x.Kind {
		case presence.Request:
			s.request = a.Roster.Request(x.To)
		case presence.Push, presence.DeliverInterested:
			for _, i := range a.sessions {
				if i.interested {
					s.push = append(s.push, i)
				}
			}
		case presence.DeliverAvailable:
			for i, r := range a.view.Resources {
				if r.Available {
					s.push = append(s.push, a.sessions[i])
				}
			}
		}
		steps = append(steps, s)
	}
	return steps
}

// perform carries out steps. st is the stanza in hand, for those that pass it
// on, and o whom it comes from. No lock may be held.
func (srv *Server) perform(t *Turn, a *Account, o *Origin, st *stanza.Stanza, steps []step) {
	for i := range steps {
		x := &steps[i]
		from := a.Self
		if x.from != nil {
			from = &x.from.Origin
		}
		switch x.kind {
		case presence.Relay:
			srv.pass(t, a, from, st, x)
		case presence.Current:
			if c, err := alone(x.current); err == nil {
				srv.pass(t, a, from, c, x)
			}
		case presence.Available:
			srv.made(t, a, from, "", x)
		case presence.Unavailable, presence.LastUnavailable:
			srv.made(t, a, from, "unavailable", x)
		case presence.Probe:
			srv.probe(t, a, x)
		case presence.Route:
			srv.pass(t, a, a.Self, st, x)
		case presence.Subscribe:
			srv.made(t, a, from, "subscribe", x)
		case presence.Subscribed:
			srv.made(t, a, from, "subscribed", x)
		case presence.Unsubscribe:
			srv.made(t, a, from, "unsubscribe", x)
		case presence.Unsubscribed:
			srv.made(t, a, from, "unsubscribed", x)
		case presence.DeliverAvailable, presence.DeliverInterested:
			stamp := stanza.Stamp{From: o.Attr, To: a.Self.Attr, Lang: o.Lang}
			a.hear(t, o, st, a.JID, x.push, &stamp)
		case presence.Request:
			if x.request != nil && x.own != nil {
				if r, err := alone(x.request); err == nil {
					x.own.Out.Deliver(t, r, &stanza.Stamp{From: r.From()}, nil)
				}
			}
		}
	}
	if a.outdated(steps) {
		srv.correct(t, a, st, steps)
	}
}

// pass hands a stanza on from an address of the account: to one of the account's
// own sessions or to whom the step names.
func (srv *Server) pass(t *Turn, a *Account, from *Origin, st *stanza.Stanza, x *step) {
	if st == nil {
		return
	}
	if x.own != nil {
		x.own.Out.Deliver(t, st, &stanza.Stamp{From: from.Attr, To: a.ownAttr(st, x), Lang: from.Lang}, nil)
		return
	}
	if e, ok := srv.reg.get(x.to.String()); ok && e.account != nil && x.kind == presence.Relay && st.To() == nil && !e.account.Has(AccountBlocks|AccountInactive) {
		// A broadcast: the body is copied, never looked at again.
		e.account.broadcastTo(t, from, st)
		return
	}
	srv.presenceTo(t, from, srv.addressed(st, x.to), x.to)
}

// ownAttr is the 'to' of presence for one of the account's own sessions.
func (a *Account) ownAttr(st *stanza.Stanza, x *step) []byte {
	if x.kind == presence.Relay && st.To() != nil {
		return nil
	}
	return x.own.Attr
}

// broadcastTo delivers broadcast presence to the available sessions of a
// contact.
func (a *Account) broadcastTo(t *Turn, from *Origin, st *stanza.Stanza) {
	var few [4]*Session
	targets := few[:0]
	a.mu.Lock()
	for i, s := range a.sessions {
		if a.view.Resources[i].Available {
			targets = append(targets, s)
		}
	}
	if st.Type == stanza.Unavailable {
		a.view.HearUnavailable(presence.All, from.JID)
	}
	a.mu.Unlock()
	stamp := stanza.Stamp{From: from.Attr, To: a.Self.Attr, Lang: from.Lang}
	for _, s := range targets {
		s.Out.Deliver(t, st, &stamp, nil)
	}
}

// addressed returns st with the address it is going to, for handlers that look
// at it.
func (srv *Server) addressed(st *stanza.Stanza, to stanza.JID) *stanza.Stanza {
	if st.To() != nil {
		return st
	}
	b := st.AppendTo(nil, &stanza.Stamp{From: st.From(), To: stanza.AppendAttr(nil, to.String()), Declare: true})
	r, err := alone(b)
	if err != nil {
		return st
	}
	return r
}

// made sends presence that the server makes.
func (srv *Server) made(t *Turn, a *Account, from *Origin, typ string, x *step) {
	to := x.to
	if x.own != nil {
		to = x.own.JID
	}
	b := append([]byte(nil), "<presence from='"...)
	b = append(b, from.Attr...)
	b = append(b, "' to='"...)
	b = stanza.AppendAttr(b, to.String())
	if typ != "" {
		b = append(b, "' type='"...)
		b = append(b, typ...)
	}
	if x.id != nil {
		b = append(b, "' id='"...)
		b = append(b, x.id...)
	}
	if x.since.IsZero() {
		b = append(b, "'/>"...)
	} else {
		b = append(b, "'>"...)
		b = a.appendDelay(b, a.Self.Attr, x.since)
		b = append(b, "</presence>"...)
	}
	if x.own != nil {
		x.own.Out.DeliverRaw(t, b)
		return
	}
	st, err := built(b)
	if err != nil {
		srv.Log.Error("built presence that does not parse", "err", err)
		return
	}
	srv.presenceTo(t, from, st, to)
}

// Plan is what follows from a change of an account, resolved under its lock, to
// be carried out after it.
type Plan []step

// Plan resolves actions of package presence; the account must be locked.
func (a *Account) Plan(actions []presence.Action) Plan { return a.resolve(actions) }

// Run carries out a plan. The account must not be locked.
func (p Plan) Run(t *Turn, a *Account) { t.srv.perform(t, a, a.Self, nil, p) }

// Push sends the session a request of the server's in the account's name, as
// roster pushes are. Its answer goes nowhere.
func (s *Session) Push(t *Turn, payload []byte) {
	b := append([]byte(nil), "<iq type='set' id='push-"...)
	b = append(b, NewID()...)
	b = append(b, "' from='"...)
	b = append(b, s.Account.Self.Attr...)
	b = append(b, "' to='"...)
	b = append(b, s.Attr...)
	b = append(b, "'>"...)
	b = append(b, payload...)
	s.Out.DeliverRaw(t, append(b, "</iq>"...))
}
