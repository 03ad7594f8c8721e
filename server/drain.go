package server

import (
	"context"
	"time"

	"natter/server/store"
	"natter/stanza"
)

// drainPage is how many offline messages are read at once.
const drainPage = 100

// drainage is the delivery of offline messages to one session. While it stands,
// what comes for the account lines up behind, so that order stays: also when it
// is paused because the session has lost its connection and may be resumed.
type drainage struct {
	session *Session
	active  bool // its goroutine runs

	// wanted ends with the drain, so that what its goroutine is about to read for
	// nobody does not keep others from reading.
	wanted context.Context
	end    context.CancelFunc
}

// startDrain begins to deliver offline messages to s, if some wait and nobody
// drains them, or takes over from a session that is paused. The account must be
// locked.
func (a *Account) startDrain(s *Session) {
	if d := a.lineUp(s); d != nil {
		a.launch(d)
	}
}

// lineUp has what comes for the account wait behind the offline messages, which s
// is going to get, and returns what is to be launched; nil when nothing waits for
// s, or somebody gets it already. The account must be locked.
func (a *Account) lineUp(s *Session) *drainage {
	if on, priority := a.Available(s); a.spool.count == 0 || !on || priority < 0 {
		return nil
	}
	if d := a.spool.drain; d != nil {
		if d.active {
			return nil
		}
		d.session.Clear(SessionSlow)
	}
	d := &drainage{session: s, active: true}
	d.wanted, d.end = context.WithCancel(a.Host.Server.ctx)
	a.spool.drain = d
	a.Set(AccountDraining, true)
	s.Set(SessionSlow)
	return d
}

// launch starts the goroutine of a drain.
func (a *Account) launch(d *drainage) {
	srv := a.Host.Server
	srv.goroutines.Go(func() { srv.Do(func(t *Turn) { a.drain(t, d) }) })
}

// holdDrain has what comes for the account line up behind messages that wait,
// until one of its restored sessions is resumed and drains them. The account must
// be locked.
func (a *Account) holdDrain() {
	if a.spool.count == 0 || a.spool.drain != nil {
		return
	}
	for _, s := range a.sessions {
		if on, priority := a.Available(s); on && priority >= 0 {
			a.spool.drain = &drainage{session: s, end: func() {}}
			a.Set(AccountDraining, true)
			s.Set(SessionSlow)
			return
		}
	}
}

// drain delivers page after page until nothing is left, then lets the account
// go back to live delivery. It pauses when the session loses its connection, and
// ends with the session or the server.
func (a *Account) drain(t *Turn, d *drainage) {
	defer d.end()
	for {
		page, err := a.waiting(d.wanted, t)
		switch {
		case d.wanted.Err() != nil:
			return
		case err != nil:
			t.srv.Log.Error("offline messages not read", "account", a.Bare, "err", err)
			t.srv.pause(drainRetry)
			a.recount(t)
		case len(page) > 0:
			ok := true
			for ok && len(page) > 0 {
				n := fitting(page, t.srv.Config.QueueBytes/4)
				ok = a.drainPage(t, d, page[:n]) && d.session.Out.Room(t)
				page = page[n:]
			}
			if ok {
				continue
			}
			a.mu.Lock()
			again := a.pauseDrain(d)
			a.mu.Unlock()
			if !again {
				return
			}
			t.srv.pause(drainRetry)
		default:
			if a.drained(d) {
				return
			}
			a.recount(t) // a failed commit may have left the count wrong
		}
	}
}

// fitting returns how many records of a page, at least one, hold no more than so
// many bytes: what a session is given at once has to fit its queue.
func fitting(page []store.SpoolRecord, bytes int) int {
	for i := range page {
		if bytes -= len(page[i].Record.Stanza); bytes < 0 {
			return max(i, 1)
		}
	}
	return len(page)
}

// drainRetry is how long a drain waits when the store cannot be read.
const drainRetry = time.Second

// drained ends a drain that has found nothing more, unless more has come.
func (a *Account) drained(d *drainage) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spool.drain == d && a.spool.count > 0 {
		return false
	}
	if a.spool.drain == d {
		a.spool.count, a.spool.bytes = 0, 0
		a.endDrain(d.session)
	}
	return true
}

// pauseDrain is the end of a drain's goroutine with messages left: another
// connected session takes over, or the drain waits for its own to be resumed. It
// reports whether the goroutine is to go on, for a session that is connected: the
// store had no room, or its client has come back just now. The account must be
// locked.
func (a *Account) pauseDrain(d *drainage) bool {
	if a.spool.drain == d && !d.session.ended && !d.session.Has(SessionDetached) {
		return true
	}
	d.active = false
	if a.spool.drain != d {
		return false
	}
	if d.session.ended || a.spool.count <= 0 {
		a.endDrain(d.session)
		return false
	}
	for _, next := range a.sessions {
		if next != d.session && !next.Has(SessionDetached) {
			a.startDrain(next)
		}
	}
	return false
}

// waiting reads the next messages that wait for no session, once everything
// enqueued before is on disk.
func (a *Account) waiting(ctx context.Context, t *Turn) ([]store.SpoolRecord, error) {
	t.Flush()
	srv := t.srv
	ctx, cancel := context.WithTimeout(ctx, srv.Config.StoreTimeout)
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

// drainPage delivers a page, or part of one, to s and moves its rows to the
// session; false when the session has ended.
func (a *Account) drainPage(t *Turn, d *drainage, page []store.SpoolRecord) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := d.session
	if a.spool.drain != d || s.ended || t.srv.Store.Full() {
		return false
	}
	var b store.Batch
	sent := 0
	for i := range page {
		r := &page[i]
		st, err := alone(r.Record.Stanza)
		if err != nil {
			t.srv.Log.Error("stored message does not parse", "id", r.Record.ID, "err", err)
			b.SpoolConfirm(a.Bare, r.Record.ID, "")
			sent++
			continue
		}
		stamp := a.late(st, &r.Record)
		seq, ok := s.Out.Deliver(t, st, &stamp, &Delivery{ID: r.Record.ID, Copies: 1})
		if !ok {
			break
		}
		b.SpoolMove(a.Bare, r.Record.ID, "", s.ID, seq)
		sent++
		a.spool.bytes -= int64(len(r.Record.Stanza))
	}
	if sent == 0 {
		return false
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
func (a *Account) late(st *stanza.Stanza, r *store.Record) stanza.Stamp {
	stamp := stanza.Stamp{From: st.From()}
	if a.stamped(a.has(r)) {
		stamp.Tail = a.appendStanzaID(nil, r.ID)
	}
	stamp.Tail = a.appendDelay(stamp.Tail, a.Host.Self.Attr, r.Time())
	return stamp
}

// appendDelay appends <delay/> of somebody, whose address is escaped, with the time
// in milliseconds (XEP-0203 §4, XEP-0082 §3.2).
func (a *Account) appendDelay(b, from []byte, at time.Time) []byte {
	b = append(b, `<delay xmlns='urn:xmpp:delay' from='`...)
	b = append(b, from...)
	b = append(b, `' stamp='`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	return append(b, `'/>`...)
}

// endDrain gives live delivery back when the session that drains has all, or is
// there no more; the account must be locked. When messages still wait and another
// session could take them, that one goes on.
func (a *Account) endDrain(s *Session) {
	if d := a.spool.drain; d == nil || d.session != s {
		return
	}
	a.spool.drain.end()
	a.spool.drain = nil
	a.Set(AccountDraining, false)
	s.Clear(SessionSlow)
	for _, next := range a.sessions {
		if next != s && a.spool.drain == nil {
			a.startDrain(next)
		}
	}
}

// recount reads anew how many messages wait.
func (a *Account) recount(t *Turn) {
	srv := t.srv
	ctx, cancel := context.WithTimeout(srv.ctx, srv.Config.StoreTimeout)
	defer cancel()
	a.mu.Lock()
	before := a.spool.added // first: what is added from here on may not be counted below
	a.mu.Unlock()
	done := make(chan struct{})
	srv.Store.Barrier(func(error) { close(done) })
	<-done
	n, size, err := srv.offlineStats(ctx, a.Bare)
	if err != nil {
		return
	}
	a.mu.Lock()
	if a.spool.added == before {
		a.spool.count, a.spool.bytes = n, size
	}
	a.mu.Unlock()
}

// pause waits, unless the server stops.
func (srv *Server) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-srv.ctx.Done():
	}
}

// reload reads anew what a failed commit has made doubtful.
func (a *Account) reload(t *Turn) {
	srv := t.srv
	srv.goroutines.Go(func() { srv.Do(func(t *Turn) { a.recount(t) }) })
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
