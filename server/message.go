package server

import (
	"natter/presence"
	"natter/server/store"
	"natter/stanza"
)

// messageToAccount delivers a message to a local account, or refuses it.
func (h *Host) messageToAccount(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID, a *Account) {
	stamp := stanza.Stamp{From: o.Attr, To: normalTo(st, to), Lang: o.Lang}
	h.passMessage(&Passage{Turn: t, Origin: o, Stanza: st, To: to, Account: a, Stamp: &stamp, Hints: HintsOf(st)})
}

// passMessage takes a message past its sender's hooks to the account, nil for one
// that does not exist.
func (h *Host) passMessage(p *Passage) {
	srv := h.Server
	if !srv.run(FromAccount, p) {
		return
	}
	if p.Account == nil {
		p.Refused = srv.refuse(p.Turn, p.Origin, p.Stanza, p.Hints, messageRules[noAccount][bareJID][messageType(p.Stanza.Type)])
	} else {
		p.sendersSide()
		h.messageIn(p)
	}
	srv.run(Sent, p)
}

// messageIn delivers a message to an account: the table in delivery.go decides
// where to, the log keeps what is worth keeping.
func (h *Host) messageIn(p *Passage) {
	srv, t, o, st, a := h.Server, p.Turn, p.Origin, p.Stanza, p.Account
	if !srv.run(ToAccount, p) {
		return
	}
	if p.Hints&forgeries != 0 {
		p.Stamp.Cut = h.forged(p.Stamp.Cut, st, o, a)
	}
	for {
		a.mu.Lock()
		if !a.gone {
			a.used = srv.now() // what is on its way to the store must not be counted from there
			break
		}
		a.mu.Unlock()
		var err error
		if a, err = h.Account(t, p.To.Local()); a == nil || err != nil {
			p.Refused = srv.bounce(t, o, st, stanza.ServiceUnavailable(""))
			return
		}
		p.Account = a
	}
	refusal := a.deliver(p)
	a.mu.Unlock()
	if refusal != nil {
		p.Refused = srv.bounce(t, o, st, refusal)
		return
	}
	if len(p.Targets) == 0 {
		srv.run(Undelivered, p)
	}
	srv.run(ToSession, p)
	if p.ID != 0 {
		srv.run(Stored, p)
	}
}

// refuse carries out an action that needs no account, and returns the answer, if any.
func (srv *Server) refuse(t *Turn, o *Origin, st *stanza.Stanza, hints Hints, act action) []byte {
	if act == bounce && hints&OnlyStates == 0 {
		return srv.bounce(t, o, st, stanza.ServiceUnavailable(""))
	}
	return nil
}

// deliver hands the message of p to the sessions that the delivery rules name,
// or to the offline spool, and to the log. It fills in p.Targets and p.ID. The
// account must be locked. It returns the error to answer, if any.
func (a *Account) deliver(p *Passage) *stanza.Error {
	st := p.Stanza
	act, addressed := a.decide(p)
	storable := p.Hints.Storable(st.Type) && !a.Has(AccountGuest)
	switch {
	case act == ignore || p.Hints&OnlyStates != 0 && (act == bounce || act == offline):
		return nil
	case act == bounce:
		return stanza.ServiceUnavailable("")
	case act == offline && !storable:
		if p.Hints&HasBody != 0 || st.NumChildren() > 0 && p.Hints&NoStore == 0 {
			return stanza.ServiceUnavailable("")
		}
		return nil
	}
	var targets []*Session
	switch act {
	case deliver:
		targets = []*Session{addressed}
	case best:
		targets = *a.targets.Load()
	case all:
		for _, i := range presence.NonNegative(nil, a.view.Resources) {
			targets = append(targets, a.sessions[i])
		}
	}
	if a.Has(AccountInactive) && act != offline {
		targets = a.wake(p, targets)
	}
	if a.spool.drain != nil && storable && act != all {
		// What comes now lines up behind what waited.
		if next := a.spool.drain.session; act == best || addressed == next {
			targets, act, p.Next = nil, offline, next
		}
	}
	return a.hand(p, targets, storable, act == offline)
}

// wake has modules send what they hold for inactive sessions before a message
// does, or takes those sessions out when the message is only a chat state
// (XEP-0352 §5.1). The account must be locked.
func (a *Account) wake(p *Passage, targets []*Session) []*Session {
	out := targets[:0:0]
	for _, s := range targets {
		if s.Has(SessionInactive) {
			if p.Hints&OnlyStates != 0 {
				continue
			}
			for _, m := range a.Host.Modules {
				if m.Wake != nil {
					m.Wake(p.Turn, s)
				}
			}
		}
		out = append(out, s)
	}
	return out
}

// decide looks the message up in the delivery rules.
func (a *Account) decide(p *Passage) (action, *Session) {
	state, addr := noResource, bareJID
	if all, nonNegative := a.available(); nonNegative > 0 {
		state = reachable
	} else if all > 0 {
		state = negative
	}
	var s *Session
	if !p.To.IsBare() {
		if s = a.Session(p.To.Resource()); s != nil {
			addr = fullMatch
		} else {
			addr = fullNoMatch
		}
	}
	return messageRules[state][addr][messageType(p.Stanza.Type)], s
}

// hand gives the message to targets, logging it first where it has to outlive
// this moment: the archive is on, it goes to the spool, or the sender is told
// that it was handled or the recipient tells what it got (XEP-0198).
func (a *Account) hand(p *Passage, targets []*Session, storable, spooled bool) *stanza.Error {
	t, st, stamp := p.Turn, p.Stanza, p.Stamp
	p.archived[1] = p.Hints.Archivable(st.Type) && a.archives(p.Origin.JID) && !a.Has(AccountGuest)
	logged := storable && (spooled || p.archived.any() || p.Origin.Session != nil && p.Origin.Session.Has(SessionAcks))
	for _, s := range targets {
		logged = logged || storable && s.Has(SessionAcks)
	}
	if !logged {
		taken := targets[:0:0]
		for _, s := range targets {
			if _, ok := s.Out.Deliver(t, st, stamp, nil); ok {
				taken = append(taken, s)
			}
		}
		p.Targets = taken
		if len(taken) == 0 && storable {
			return a.hand(p, nil, storable, true)
		}
		return nil
	}
	if t.srv.Store.Full() {
		return stanza.ResourceConstraint("the server cannot store messages just now; try again later")
	}
	rec := a.record(p)
	var b store.Batch
	b.Append(rec)
	d := &Delivery{ID: rec.ID}
	tail := len(stamp.Tail)
	if a.stamped(p.archived[1]) {
		stamp.Tail = a.appendStanzaID(stamp.Tail, rec.ID)
	}
	p.ID = rec.ID
	for _, s := range targets {
		d.Copies++
		seq, ok := s.Out.Deliver(t, st, stamp, d)
		if !ok {
			d.Copies--
			continue
		}
		p.Targets = append(p.Targets, s)
		b.SpoolAdd(store.Spool{Owner: a.Bare, ID: rec.ID, Session: s.ID, Seq: seq})
	}
	if len(p.Targets) == 0 {
		size := int64(len(rec.Stanza))
		if c := t.srv.Config; a.spool.count >= c.OfflineMessages || a.spool.bytes+size > c.OfflineBytes {
			stamp.Tail, p.ID = stamp.Tail[:tail], 0 // nothing was kept
			return stanza.ServiceUnavailable("the recipient's offline storage is full")
		}
		b.SpoolAdd(store.Spool{Owner: a.Bare, ID: rec.ID})
		a.spool.count++
		a.spool.added++
		a.spool.bytes += size
		p.Stored = true
		t.spooled(1)
	}
	stamp.Tail = stamp.Tail[:tail]
	refusal := t.srv.commitMessage(t, p.Origin, a, &b, rec.Stanza)
	if refusal != nil && p.Stored { // it does not wait after all
		a.spool.count--
		a.spool.bytes -= int64(len(rec.Stanza))
		p.Stored = false
	}
	return refusal
}

// commitMessage hands a logged message to the store; should that fail later, the
// sender gets a wait error then.
func (srv *Server) commitMessage(t *Turn, o *Origin, a *Account, b *store.Batch, copy []byte) *stanza.Error {
	err := t.Commit(b, func(t *Turn, err error) {
		if err == nil {
			return
		}
		a.reload(t)
		if st, perr := built(copy); perr == nil {
			srv.Bounce(t, o, st, srv.stanzaError(err))
		}
	})
	if err != nil {
		return srv.stanzaError(err)
	}
	return nil
}

// record makes the log record of a message to the account: one for both owners.
func (a *Account) record(p *Passage) store.Record {
	rec := p.record()
	if !p.archived.any() {
		rec.Owners[1] = a.Bare
		rec.Flags |= store.FlagTransient
		return rec
	}
	rec.Text = p.Stanza.Body()
	if p.archived[1] {
		rec.Owners[1] = a.Bare
	}
	if p.archived[0] {
		rec.Owners[0] = p.Origin.Session.Account.Bare
	}
	return rec
}

// Forward appends the message of p as account by, its sender or its recipient, has
// it, standing alone, for wrapping (XEP-0297): with the stanza-id by which by finds
// it in its archive.
func (p *Passage) Forward(dst []byte, by *Account) []byte {
	stamp := *p.Stamp
	stamp.Declare = true
	side := 1
	if by.JID != p.To.Bare() {
		side = 0
	}
	if p.ID != 0 && by.stamped(p.archived[side]) {
		stamp.Tail = by.appendStanzaID(append([]byte(nil), stamp.Tail...), p.ID)
	}
	return p.Stanza.AppendTo(dst, &stamp)
}

// appendStanzaID appends <stanza-id/> with the account as the one who gave the
// id (XEP-0359 §3).
func (a *Account) appendStanzaID(b []byte, id uint64) []byte {
	return a.Host.AppendStanzaID(b, a.Bare, id)
}

// forged adds to cut the spans of children that only this server may have
// added: stanza-ids by a host or by either account, delays from a host or from the
// recipient's account.
func (h *Host) forged(cut []stanza.Span, st *stanza.Stanza, o *Origin, a *Account) []stanza.Span {
	for i := range st.NumChildren() {
		c := st.ChildAt(i)
		ns, name := st.Space(c), st.Local(c)
		attr := ""
		switch {
		case string(ns) == nsSID && string(name) == "stanza-id":
			attr = "by"
		case string(ns) == nsDelay && string(name) == "delay":
			attr = "from"
		default:
			continue
		}
		by, err := jidAttr(st, c, attr)
		if err != nil {
			continue
		}
		if b := by.Bare(); b == a.JID || b.IsDomain() && h.Server.hosts[b.Domain()] != nil || attr == "by" && b == o.JID.Bare() {
			cut = append(cut, c.Span())
		}
	}
	return cut
}

func jidAttr(st *stanza.Stanza, c stanza.Child, name string) (stanza.JID, error) {
	v, _ := st.ChildAttr(c, name)
	return stanza.ParseJID(v)
}
