package c2s

import (
	"time"

	"natter/server"
)

// Flush writes what is queued with one write that does not block. What is left
// is the writer's; so is what others queue while the write lasts.
func (s *Stream) Flush(t *server.Turn) {
	s.mu.Lock()
	s.touched = false
	if s.acks != nil && s.tr != nil && !s.closing {
		s.request()
	}
	if s.pull && s.tr != nil {
		s.give(t)
		return
	}
	if s.tr == nil || s.writing || s.held || len(s.out) == 0 && len(s.rest) == 0 && !s.tr.Pending() {
		s.finish()
		return
	}
	s.writing = true
	tr, buf := s.tr, s.next()
	s.mu.Unlock()

	n, held, err := tr.TryWrite(buf)

	s.mu.Lock()
	if s.tr != tr { // detached or resumed meanwhile
		s.part(tr, err == nil && n == len(buf) && held == 0)
		return
	}
	done := s.wrote(n, held)
	switch {
	case err != nil:
		s.writing = false
		s.broken(tr)
	case len(s.rest) > 0 || len(s.out) > 0 || tr.Pending():
		s.c2s.goroutines.Go(func() { s.writer(tr) })
	default:
		s.writing = false
	}
	s.finish()
	s.confirm(t, done)
}

// give is Flush for a transport that takes bytes when it has somebody to give them
// to. s.mu is held and let go.
func (s *Stream) give(t *server.Turn) {
	var done []*server.Delivery
	for !s.writing && s.tr != nil {
		tr := s.tr
		if len(s.out) > 0 { // behind what was taken and is not confirmed
			s.rest = append(s.rest, s.out...)
			putQueue(s.out)
			s.out = nil
		}
		buf := s.rest[s.taken:]
		s.writing = true
		s.mu.Unlock()

		n, held, err := tr.TryWrite(buf)

		s.mu.Lock()
		if s.tr != tr { // detached or resumed meanwhile
			s.part(tr, err == nil && n == len(buf))
			s.mu.Lock()
			break
		}
		s.writing = false
		done = append(done, s.wrote(n, held)...)
		if arrived := s.taken - held; arrived > 0 && s.rest != nil {
			s.rest, s.taken = s.rest[arrived:], held
		}
		if err != nil {
			s.broken(tr)
			break
		}
		if len(s.out) == 0 && len(s.rest) == s.taken || !tr.Pending() {
			break
		}
	}
	s.finish()
	s.confirm(t, done)
}

// next returns what is to be written next; s.mu must be held.
func (s *Stream) next() []byte {
	if len(s.rest) == 0 {
		s.rest, s.taken, s.out = s.out, 0, nil
	}
	return s.rest[s.taken:]
}

// wrote counts n more bytes as taken and all but the last held as written, and
// returns the deliveries that are received thereby; s.mu must be held.
func (s *Stream) wrote(n, held int) []*server.Delivery {
	s.taken += n
	s.written = s.queued - uint64(len(s.out)+len(s.rest)-s.taken+held)
	if s.taken == len(s.rest) && held == 0 {
		putQueue(s.rest)
		s.rest, s.taken = nil, 0
	}
	if len(s.marks) == 0 || s.marks[0].end > s.written {
		return nil
	}
	var done []*server.Delivery
	for len(s.marks) > 0 && s.marks[0].end <= s.written {
		done = append(done, s.marks[0].d)
		s.marks = s.marks[1:]
	}
	if len(s.marks) == 0 {
		s.marks = nil
	}
	return done
}

func (s *Stream) confirm(t *server.Turn, done []*server.Delivery) {
	if len(done) > 0 && s.session != nil {
		s.c2s.core.Confirm(t, s.session, done)
	}
}

// finish unlocks; when the stream is closing and all is written it closes the
// output, upon which the peer closes its side and the read loop ends.
func (s *Stream) finish() {
	closeNow := s.closing && !s.writing && s.tr != nil && len(s.out) == 0 && len(s.rest) == 0 && !s.tr.Pending()
	if s.pull { // what is out may not have arrived, and no more is done about it
		closeNow = s.closing && !s.writing && s.tr != nil && len(s.out) == 0 && len(s.rest) == s.taken
	}
	tr := s.tr
	if closeNow {
		s.closing = false
	}
	if s.allowed > 0 && s.waiting() == 0 {
		s.allowed = 0
	}
	s.wake()
	s.mu.Unlock()
	if closeNow {
		tr.CloseWrite()
	}
}

// writer holds the writing flag and writes until nothing is left.
func (s *Stream) writer(tr Transport) {
	t := s.c2s.core.Turn()
	defer t.End()
	for whole := false; ; whole = true { // at first, what Flush has begun is not
		s.mu.Lock()
		if s.tr != tr {
			s.part(tr, whole)
			return
		}
		if len(s.rest) == 0 && (s.held || len(s.out) == 0) && !tr.Pending() {
			s.writing = false
			s.finish()
			return
		}
		buf := s.next()
		s.mu.Unlock()

		n, held, err := tr.WriteAll(buf)

		s.mu.Lock()
		if s.tr != tr {
			s.part(tr, err == nil)
			return
		}
		done := s.wrote(n, held)
		if err != nil {
			s.writing = false
			s.broken(tr)
			s.finish()
			s.confirm(t, done)
			return
		}
		s.wake()
		s.mu.Unlock()
		s.confirm(t, done)
	}
}

// part is called by who has written to tr, which is not the stream's any more. If
// its session was resumed elsewhere meanwhile, the client is told, where what was
// written last is whole. s.mu is held and let go.
func (s *Stream) part(tr Transport, whole bool) {
	var from *ousted
	if s.acks != nil && s.acks.ousted != nil && s.acks.ousted.tr == tr {
		from, s.acks.ousted = s.acks.ousted, nil
	}
	s.mu.Unlock()
	switch {
	case from == nil:
	case whole:
		supersede(tr, from.as)
	default:
		tr.SetDeadline(time.Unix(1, 0)) // its read loop ends it
	}
}

// broken has the read loop notice that the connection is gone; s.mu must be held.
func (s *Stream) broken(tr Transport) {
	s.closing = false
	tr.SetDeadline(time.Unix(1, 0))
}
