package server

import (
	"context"

	"natter/server/store"
	"natter/stanza"
)

// Confirm tells that s has received the deliveries: by acknowledgement
// (XEP-0198), or, without, because they were written to its socket.
func (srv *Server) Confirm(t *Turn, s *Session, list []*Delivery) {
	if len(list) == 0 {
		return
	}
	a := s.Account
	b := new(store.Batch)
	a.mu.Lock()
	for _, d := range list {
		d.Confirmed = true
		d.Copies--
		b.SpoolConfirm(a.Bare, d.ID, s.ID)
	}
	a.mu.Unlock()
	if err := srv.Store.Commit(b); err != nil {
		// The rows stay: these messages come once more after a restart, with
		// the ids by which a client knows them.
		srv.Log.Warn("confirmations not stored", "account", a.Bare, "err", err)
	}
}

// Renumber stores the numbers that deliveries have in the session's stream, after
// a resumption has counted them anew.
func (srv *Server) Renumber(t *Turn, s *Session, numbers map[uint32]*Delivery) {
	if len(numbers) == 0 {
		return
	}
	a := s.Account
	b := new(store.Batch)
	for n, d := range numbers {
		b.SpoolMove(a.Bare, d.ID, s.ID, s.ID, n)
	}
	if err := t.Commit(b, nil); err != nil {
		srv.Log.Warn("numbers of messages not stored", "account", a.Bare, "err", err)
	}
}

// requeue finds a new way for messages that s never confirmed: to sessions that
// are there now, else to the offline spool. One that another session has, or
// has confirmed, is done. The account must be locked.
func (a *Account) requeue(t *Turn, s *Session, list []*Delivery) {
	if len(list) == 0 {
		return
	}
	var b store.Batch
	moved := 0
	for _, d := range list {
		d.Copies--
		switch {
		case d.Confirmed:
			b.SpoolConfirm(a.Bare, d.ID, s.ID)
		case d.Copies == 0:
			b.SpoolMove(a.Bare, d.ID, s.ID, "", 0)
			moved++
		}
	}
	if s.ended {
		// The rest is with other sessions, which have yet to confirm it.
		b.SpoolDropSession(a.Bare, s.ID)
	}
	a.spool.count += moved
	a.spool.added += moved
	t.spooled(moved)
	a.move(t, &b, false)
	if targets := a.targets.Load(); targets != nil && len(*targets) > 0 {
		a.startDrain((*targets)[0])
	}
}

// move commits b, which moves messages of a session that has ended, and tries again
// as long as the store refuses: nobody else knows of them. late says that it was
// refused before. The account must be locked.
func (a *Account) move(t *Turn, b *store.Batch, late bool) {
	srv := t.srv
	again := func() {
		srv.Go(func(ctx context.Context) {
			if srv.pause(drainRetry); ctx.Err() != nil {
				return
			}
			srv.Do(func(t *Turn) {
				a.mu.Lock()
				a.move(t, b, true)
				a.mu.Unlock()
			})
		})
	}
	acks := t.Acks
	t.Acks = nil // it is not what the stanza in hand asks for
	err := t.Commit(b, func(t *Turn, err error) {
		switch {
		case err != nil:
			a.reload(t)
			again()
		case late:
			a.moved(t)
		}
	})
	t.Acks = acks
	if err != nil {
		again()
	}
}

// moved has what was moved delivered once it can be: a drain may have looked too
// early, while the store failed.
func (a *Account) moved(t *Turn) {
	srv := t.srv
	srv.Go(func(context.Context) {
		srv.Do(func(t *Turn) {
			a.recount(t)
			a.mu.Lock()
			if targets := a.targets.Load(); targets != nil && len(*targets) > 0 {
				a.startDrain((*targets)[0])
			}
			a.mu.Unlock()
		})
	})
}

// giveBack routes a stanza that a session was given but never received and that
// is in no log: messages worth keeping find another way, requests are answered. id,
// if not 0, is what a message gets in the log.
func (srv *Server) giveBack(t *Turn, b []byte, id uint64) {
	st, err := built(b)
	if err != nil {
		return
	}
	from, err := parseAddr(st.From())
	if err != nil {
		return
	}
	o := NewOrigin(from)
	switch st.Kind {
	case stanza.IQ:
		if st.Type == stanza.Get || st.Type == stanza.Set {
			srv.Bounce(t, o, st, stanza.ServiceUnavailable(""))
		}
	case stanza.Message:
		to, err := parseAddr(st.To())
		h := srv.hosts[to.Domain()]
		if hints := HintsOf(st); err == nil && h != nil && hints.Storable(st.Type) {
			stamp := stanza.Stamp{From: o.Attr}
			a, err := h.LockAccount(t, to.Local())
			if a == nil || err != nil {
				return
			}
			p := &Passage{Turn: t, Origin: o, Stanza: st, To: to, Account: a, Stamp: &stamp, Hints: hints, ID: id}
			refusal := a.hand(p, *a.targets.Load(), true, len(*a.targets.Load()) == 0)
			a.mu.Unlock()
			if refusal != nil {
				srv.Bounce(t, o, st, refusal)
			}
		}
	}
}

// spoolOf reads the messages that a session was given and had not confirmed when
// the server stopped.
func (srv *Server) spoolOf(ctx context.Context, owner, session string) ([]store.SpoolRecord, error) {
	var all []store.SpoolRecord
	after := uint64(0)
	for {
		page, err := srv.Store.SpoolPage(ctx, owner, after, drainPage, session)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
		after = page[len(page)-1].Spool.ID
	}
}
