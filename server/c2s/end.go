package c2s

import (
	"context"
	"time"

	"natter/server"
	"natter/stanza"
)

// linger is how long a stream that was closed may take to hand over what is
// queued and to see the peer close its side.
const linger = 5 * time.Second

// End closes the stream: what is queued is still written, then the error, if
// any, and the closing tag (RFC 6120 §4.4, §4.9). The session is off the books
// when End returns; the connection goes when the peer has closed, or after the
// linger time.
func (s *Stream) End(t *server.Turn, err *stanza.StreamError) {
	s.mu.Lock()
	first := s.stop(err)
	s.mu.Unlock()
	if first {
		s.leave(t)
	}
}

// stop has the stream take nothing more and queues the error and the closing tag;
// false when that was done before. leave has to follow, without a lock. s.mu must
// be held.
func (s *Stream) stop(err *stanza.StreamError) bool {
	if s.ended {
		return false
	}
	s.ended = true
	s.leaving = &leaving{ids: s.reserve()}
	if s.tr != nil {
		s.closing = true
		s.pushEnd(err)
		s.tr.SetDeadline(time.Now().Add(linger))
	}
	return true
}

// leave takes the session of a stream that was stopped off the books. What a client
// has not acknowledged by then goes back at once, before anything that comes for
// the account later; what is written to one that does not acknowledge is received
// and so has to be seen.
func (s *Stream) leave(t *server.Turn) {
	s.c2s.core.Wheel.Stop(&s.alarm)
	s.c2s.forget(s)
	var left server.Leftover
	s.mu.Lock()
	if s.acks != nil {
		left = s.unacknowledged()
	}
	s.mu.Unlock()
	if s.session != nil {
		s.c2s.core.End(t, s.session, left)
	}
	s.mu.Lock()
	s.left = true
	gone := s.tr == nil
	s.mu.Unlock()
	if gone {
		s.settle(t)
		return
	}
	s.touch(t)
}

// drained waits until what was queued for tr when the stream ended is written,
// or cannot be: the linger time bounds it.
func (s *Stream) drained(tr Transport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.tr == tr && (s.closing || s.writing) {
		s.wait()
	}
}

// settle gives back what the client never got, once nothing can be written any
// more. The stream has ended and has no connection.
func (s *Stream) settle(t *server.Turn) {
	s.mu.Lock()
	var left server.Leftover
	if s.acks == nil {
		for _, m := range s.marks {
			left.Logged = append(left.Logged, m.d)
		}
		left.Stanzas, left.IDs = s.unlogged(), s.leaving.ids
	}
	s.marks, s.out, s.rest, s.taken = nil, nil, nil, 0
	s.wake()
	s.mu.Unlock()
	if s.session != nil {
		s.c2s.core.GiveBack(t, s.session, left)
	}
}

// unacknowledged takes what the client has not confirmed, with what it was sent
// before <enable/> and has not been written. s.mu must be held.
func (s *Stream) unacknowledged() (left server.Leftover) {
	for _, m := range s.marks {
		left.Logged = append(left.Logged, m.d)
	}
	kept := s.acks.leftover()
	left.Logged = append(left.Logged, kept.Logged...)
	left.Stanzas = kept.Stanzas
	s.marks = nil
	s.acks.drop()
	return left
}

// reserve takes ids for what the client may turn out not to have got, so that it
// is older than what is sent to the account from now on. s.mu must be held.
func (s *Stream) reserve() (ids []uint64) {
	if s.session == nil || s.acks != nil || s.queued == s.written {
		return nil
	}
	for range s.unlogged() {
		ids = append(ids, s.c2s.core.Store.NextID())
	}
	return ids
}

// plainHeader opens a stream of the kind that clients are sent.
const plainHeader = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"

// unlogged picks from the bytes never written those stanzas that are in no log.
// One that was cut in the middle is among them: its reader has not got it. s.mu
// must be held.
func (s *Stream) unlogged() [][]byte {
	logged := make(map[uint64]bool, len(s.marks))
	for _, m := range s.marks {
		logged[m.end] = true
	}
	b := append(append([]byte(nil), s.rest...), s.out...)
	at := s.queued - uint64(len(b))
	if s.framing == inMessages {
		return s.unloggedIn(b, at, logged)
	}
	limits := s.c2s.limits
	limits.Bytes = limits.Bytes + 64<<10 // with what the server has added
	sc := stanza.NewScanner(limits)
	if _, _, err := sc.Next([]byte(plainHeader)); err != nil {
		return nil
	}
	var list [][]byte
	for len(b) > 0 {
		ev, n, err := sc.Next(b)
		if err != nil || ev != stanza.Element {
			break
		}
		at += uint64(n)
		if at > s.written && sc.Stanza.Kind != stanza.Other && !logged[at] {
			list = append(list, append([]byte(nil), b[:n]...))
		}
		b = b[n:]
	}
	return list
}

// unloggedIn is unlogged for frames, the first of which ends at byte at and more.
func (s *Stream) unloggedIn(b []byte, at uint64, logged map[uint64]bool) (list [][]byte) {
	for {
		op, payload, n := cutFrame(b)
		if n == 0 {
			return list
		}
		b = b[n:]
		at += uint64(n)
		if op != opText || at <= s.written || logged[at] {
			continue
		}
		st, err := stanza.ParseIn(payload, stanza.NSClient, stanza.Limits{Bytes: len(payload)})
		if err == nil && st.Kind != stanza.Other {
			list = append(list, append([]byte(nil), payload...))
		}
	}
}

// gone is called by the read loop when its connection has ended: by the peer's
// close, an error, or End. A session that can be resumed waits for that.
func (s *Stream) gone(t *server.Turn, tr Transport) {
	tr.Close()
	s.mu.Lock()
	if s.tr != tr { // resumed elsewhere
		s.mu.Unlock()
		return
	}
	s.tr, s.writing, s.closing, s.sealed = nil, false, false, false
	s.wake()
	ended, left := s.ended, s.left
	early := s.marks // logged deliveries from before <enable/> that were never written
	detach := !ended && s.session != nil && s.acks != nil && s.acks.resumable
	var lost [][]byte
	if detach {
		s.out, s.rest, s.marks, s.taken = nil, nil, nil, 0
		s.detach()
		if s.session.Account.Has(server.AccountPush) {
			lost = s.acks.messages()
		}
	}
	s.mu.Unlock()
	switch {
	case detach:
		var unwritten server.Leftover
		for _, m := range early {
			unwritten.Logged = append(unwritten.Logged, m.d)
		}
		s.c2s.core.GiveBack(t, s.session, unwritten)
		s.c2s.limitDetached(t, s.session.Account)
		if len(lost) > 0 {
			s.session.Account.Host.Tell(t, server.Event{Kind: server.ConnectionLost, Account: s.session.Account, Session: s.session, Unconfirmed: lost})
		}
	case left:
		s.settle(t)
	case ended: // leave sees to it
	default:
		s.End(t, nil)
	}
}

// detach lets the session wait for its client to come back (XEP-0198 §5). s.mu
// must be held, so that it cannot come back before.
func (s *Stream) detach() {
	d := s.session.Account.Host.ResumeTime()
	s.session.Set(server.SessionDetached)
	s.until = time.Now().Add(d).UnixNano()
	s.c2s.core.Wheel.Set(&s.alarm, d)
}

// resumableFor is how long the session may still be resumed; s.mu must be held.
func (s *Stream) resumableFor() time.Duration { return time.Duration(s.until - time.Now().UnixNano()) }

// ring is what the stream's alarm runs: the heartbeat of a connection, and the end
// of the time in which a session without one can be resumed.
func (s *Stream) ring() {
	s.mu.Lock()
	detached := s.tr == nil && !s.ended
	left := s.resumableFor()
	if detached && left > 0 { // it was set for the heartbeat
		s.c2s.core.Wheel.Set(&s.alarm, left)
	}
	s.mu.Unlock()
	switch {
	case !detached:
		s.pulse()
	case left <= 0:
		s.c2s.core.Go(func(context.Context) { s.c2s.core.Do(s.expire) })
	}
}

// expire ends a session that was not resumed in time.
func (s *Stream) expire(t *server.Turn) {
	s.mu.Lock()
	waiting := s.tr == nil && !s.ended && s.resumableFor() <= 0
	s.mu.Unlock()
	if waiting {
		s.End(t, nil)
	}
}
