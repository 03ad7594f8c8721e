package server

import (
	"context"
	"time"

	"natter/server/store"
	"natter/stanza"
)

// drainPage is how many offline messages are read at once.
const drainPage = 100

// startDrain begins to deliver offline messages to s, if some wait and nobody
// drains them yet. Messages that come meanwhile line up behind. The account must
// be locked.
func (a *Account) startDrain(s *Session) {
	if on, priority := a.Available(s); a.spool.count == 0 || a.spool.draining != nil || !on || priority < 0 {
		return
	}
	a.spool.draining = s
	a.Set(AccountDraining, true)
	s.Set(SessionSlow)
	srv := a.Host.Server
	srv.goroutines.Go(func() { srv.Do(func(t *Turn) { a.drain(t, s) }) })
}

// drain delivers page after page until nothing is left, then lets the account
// go back to live delivery. It ends early with the session or the server.
func (a *Account) drain(t *Turn, s *Session) {
	for {
		page, err := a.waiting(t)
		if err != nil {
			t.srv.Log.Error("offline messages not read", "account", a.Bare, "err", err)
			a.stopDrain(s)
			return
		}
		if len(page) == 0 {
			a.mu.Lock()
			done := a.spool.count <= 0 || a.spool.draining != s
			if done {
				a.spool.count, a.spool.bytes = 0, 0
				a.endDrain(s)
			}
			a.mu.Unlock()
			if done {
				return
			}
			continue
		}
		if !a.drainPage(t, s, page) || !s.Out.Room(t) {
			a.stopDrain(s)
			return
		}
	}
}

// waiting reads the next messages that wait for no session, once everything
// enqueued before is on disk.
func (a *Account) waiting(t *Turn) ([]store.SpoolRecord, error) {
	t.Flush()
	srv := t.srv
	ctx, cancel := context.WithTimeout(srv.ctx, srv.Config.StoreTimeout)
	defer cancel()
	done := make(chan error, 1)
	srv.Store.Barrier(func(err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return srv.Store.SpoolPage(ctx, a.Bare, 0, drainPage, "")
}

// drainPage delivers one page to s and moves its rows to the session; false
// when the session has ended.
func (a *Account) drainPage(t *Turn, s *Session, page []store.SpoolRecord) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool.draining != s || s.ended {
		return false
	}
	var b store.Batch
	sent := 0
	for i := range page {
		r := &page[i]
		st, err := stanza.Parse(r.Record.Stanza, stanza.AfterLogin)
		if err != nil {
			t.srv.Log.Error("stored message does not parse", "id", r.Record.ID, "err", err)
			b.SpoolConfirm(a.Bare, r.Record.ID, "")
			sent++
			continue
		}
		stamp := a.late(st, r.Record.ID)
		seq, ok := s.Out.Deliver(t, st, &stamp, &Delivery{ID: r.Record.ID, Copies: 1})
		if !ok {
			break
		}
		b.SpoolMove(a.Bare, r.Record.ID, "", s.ID, seq)
		sent++
		a.spool.bytes -= int64(len(r.Record.Stanza))
	}
	a.spool.count -= sent
	t.drained(sent)
	if err := t.Commit(&b, nil); err != nil {
		return false
	}
	return sent == len(page)
}

// late returns the stamp of a message that was delayed by this server: with its
// stanza-id, and the time it was first received (XEP-0203 §4, XEP-0160 §3).
func (a *Account) late(st *stanza.Stanza, id uint64) stanza.Stamp {
	stamp := stanza.Stamp{From: st.From()}
	stamp.Tail = a.appendStanzaID(nil, id)
	stamp.Tail = append(stamp.Tail, `<delay xmlns='urn:xmpp:delay' from='`...)
	stamp.Tail = append(stamp.Tail, a.Host.Self.Attr...)
	stamp.Tail = append(stamp.Tail, `' stamp='`...)
	stamp.Tail = store.TimeOf(id).UTC().AppendFormat(stamp.Tail, "2006-01-02T15:04:05.000Z")
	stamp.Tail = append(stamp.Tail, `'/>`...)
	return stamp
}

func (a *Account) stopDrain(s *Session) {
	a.mu.Lock()
	a.endDrain(s)
	a.mu.Unlock()
}

// endDrain gives live delivery back; the account must be locked. When messages
// still wait and another session could take them, that one goes on.
func (a *Account) endDrain(s *Session) {
	if a.spool.draining != s {
		return
	}
	a.spool.draining = nil
	a.Set(AccountDraining, false)
	s.Clear(SessionSlow)
	if a.spool.count == 0 {
		return
	}
	for _, next := range a.sessions {
		if next != s && a.spool.draining == nil {
			a.startDrain(next)
		}
	}
}

// reload reads anew what a failed commit has made doubtful.
func (a *Account) reload(t *Turn) {
	srv := t.srv
	srv.goroutines.Go(func() {
		ctx, cancel := context.WithTimeout(srv.ctx, srv.Config.StoreTimeout)
		defer cancel()
		n, size, err := srv.offlineStats(ctx, a.Bare)
		if err != nil {
			srv.Log.Error("offline messages not counted", "account", a.Bare, "err", err)
			return
		}
		a.mu.Lock()
		a.spool.count, a.spool.bytes = n, size
		a.mu.Unlock()
	})
}

// offlineStats counts the messages that wait for no session in particular, and
// their bytes.
func (srv *Server) offlineStats(ctx context.Context, owner string) (int, int64, error) {
	list, err := srv.Store.SpoolSessions(ctx, owner)
	if err != nil || len(list) == 0 || list[0].Session != "" {
		return 0, 0, err
	}
	return list[0].Count, list[0].Bytes, nil
}

// now is the time, in one place.
func (srv *Server) now() time.Time { return time.Now() }
