package c2s

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"natter/server"
	"natter/stanza"
)

// Stream is the output side of one client's stream, and what outlives its
// connection. It is a server.Stream.
//
// Bytes are appended to a queue under the lock and written outside it by
// whoever holds the writing flag: a flusher, which writes once without blocking,
// or, when the socket is full, the writer goroutine, which alone goes on until
// the queue is empty.
type Stream struct {
	c2s     *Server
	mu      sync.Mutex
	tr      Transport  // nil while detached and after the end
	secure  bool       // tr is encrypted
	framing framing    // of what tr carries
	pull    bool       // tr is written to when it asks, and says what has arrived
	allowed int32      // bytes that may wait beyond the bound, until none wait
	out     []byte     // queue, from the pool; nil when empty
	rest    []byte     // taken from the queue and not yet all written, from an element's start
	taken   int        // how much of rest the transport has taken
	writing bool       // somebody writes
	touched bool       // a turn is going to flush
	ended   bool       // nothing is taken any more
	left    bool       // … and the session is off the books
	closing bool       // … and the output closes once it is written
	sealed  bool       // the closing tag is out, though the session goes on elsewhere
	held    bool       // nothing is written until release
	heldAt  int        // … and what it brings goes there in the queue
	marks   []mark     // logged deliveries that count as received once written
	queued  uint64     // bytes ever appended
	written uint64     // bytes ever written, not counting what the transport holds
	acks    *acks      // nil until <enable/>
	leaving *leaving   // once it has ended
	room    *sync.Cond // made by the first who waits, see wait and wake

	session *server.Session // set at bind
	alarm   server.Alarm    // heartbeat; resumption window while detached
	until   int64           // end of the resumption window, while detached, in nanoseconds since 1970
	seen    atomic.Int64    // time of the last input, in nanoseconds since 1970
	asked   int64           // seen, when a sign of life was asked for; 0 when none was
}

// mark is a logged delivery on a stream without acknowledgements: it is received
// when the byte count is written.
type mark struct {
	end uint64
	d   *server.Delivery
}

// leaving is what a stream that has ended needs until its connection has.
type leaving struct {
	ids []uint64 // for what was not written when it ended
}

func newStream(c *Server, tr Transport) *Stream {
	return &Stream{c2s: c, tr: tr}
}

// wait waits for wake; s.mu must be held.
func (s *Stream) wait() {
	if s.room == nil {
		s.room = sync.NewCond(&s.mu)
	}
	s.room.Wait()
}

// wake has those who wait look again; s.mu must be held.
func (s *Stream) wake() {
	if s.room != nil {
		s.room.Broadcast()
	}
}

// Deliver queues a stanza; see server.Deliverer.
func (s *Stream) Deliver(t *server.Turn, st *stanza.Stanza, stamp *stanza.Stamp, d *server.Delivery) (uint32, bool) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return 0, false
	}
	if s.acks == nil && s.framing == inStream { // the hot path: straight into the queue
		s.grow()
		n := len(s.out)
		s.out = st.AppendTo(s.out, stamp)
		s.queued += uint64(len(s.out) - n)
		if d != nil {
			s.marks = append(s.marks, mark{s.queued, d})
		}
		return 0, s.appended(t)
	}
	b := st.AppendTo(getQueue(), stamp)
	seq := uint32(0)
	if s.acks != nil {
		seq = s.acks.keep(b, d)
	}
	s.push(b)
	putQueue(b)
	if s.acks == nil && d != nil {
		s.marks = append(s.marks, mark{s.queued, d})
	}
	return seq, s.appended(t)
}

// DeliverRaw queues a stanza that is serialised for this stream already.
func (s *Stream) DeliverRaw(t *server.Turn, b []byte) bool {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return false
	}
	if s.acks != nil {
		s.acks.keep(b, nil)
	}
	s.push(b)
	return s.appended(t)
}

// DeliverShared queues a stanza that others get too; see server.Stream.
func (s *Stream) DeliverShared(t *server.Turn, w *server.Wire, to []byte) bool {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return false
	}
	if s.acks != nil {
		s.acks.add(entry{shared: w, b: to})
	}
	s.pushShared(w, to)
	return s.appended(t)
}

// DeliverNonza queues an element that is not a stanza.
func (s *Stream) DeliverNonza(t *server.Turn, b []byte) bool {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return false
	}
	s.push(b)
	return s.appended(t)
}

func (s *Stream) grow() {
	if s.out == nil {
		s.out = getQueue()
	}
}

// push appends an element to the queue of a stream that has a connection; what a
// detached one keeps is with acks.
func (s *Stream) push(b []byte) {
	if s.tr == nil || s.sealed {
		return
	}
	s.grow()
	s.out = widen(s.out, len(b))
	n := len(s.out)
	s.out = s.framing.appendElement(s.out, b)
	s.queued += uint64(len(s.out) - n)
}

// pushShared is push for what DeliverShared gets.
func (s *Stream) pushShared(w *server.Wire, to []byte) {
	if s.framing != inStream {
		b := w.Append(getQueue(), to)
		s.push(b)
		putQueue(b)
		return
	}
	if s.tr == nil || s.sealed {
		return
	}
	s.grow()
	n := w.Len(to)
	s.out = w.Append(widen(s.out, n), to)
	s.queued += uint64(n)
}

// pushEnd appends the end of the stream, and before it the error, if any.
func (s *Stream) pushEnd(err *stanza.StreamError) {
	if s.tr == nil || s.sealed {
		return
	}
	s.grow()
	n := len(s.out)
	s.out = s.framing.appendEnd(s.out, err)
	s.queued += uint64(len(s.out) - n)
}

// appended ends an append: it unlocks, has the turn flush, and sees to the
// bound. What was appended beyond it is not lost: it goes back when the stream
// ends.
func (s *Stream) appended(t *server.Turn) bool {
	touch := !s.touched && s.tr != nil
	if touch {
		s.touched = true
	}
	over := s.waiting() > s.c2s.core.Config.QueueBytes+int(s.allowed) && !s.closing &&
		s.stop(&stanza.StreamError{Condition: "resource-constraint", Text: "the client does not read what it is sent"})
	s.mu.Unlock()
	if touch {
		t.Touch(s)
	}
	if over {
		// Not here: the caller may hold the account's lock.
		s.c2s.core.Go(func(context.Context) { s.c2s.core.Do(s.leave) })
	}
	return true
}

// waiting is how many bytes wait to be written or confirmed; s.mu must be held.
func (s *Stream) waiting() int {
	n := len(s.out) + len(s.rest) - s.taken
	if s.acks != nil {
		n = max(n, s.acks.bytes())
	}
	return n
}

// maxAllowed bounds what Allow adds to a stream's bound.
const maxAllowed = 16 << 20

// Allow raises the bound for what is queued next; see server.Stream.
func (s *Stream) Allow(n int) {
	s.mu.Lock()
	s.allowed = int32(min(int(s.allowed)+n, maxAllowed))
	s.mu.Unlock()
}

// TLS reports whether the connection is encrypted.
func (s *Stream) TLS() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secure
}

// Room blocks until half of the stream's bound is free, asking the client to
// acknowledge what it has; false when the stream has ended or has no connection.
func (s *Stream) Room(t *server.Turn) bool {
	t.Flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.waiting() > s.c2s.core.Config.QueueBytes/2 {
		if s.ended || s.tr == nil {
			return false
		}
		s.wait()
	}
	return !s.ended && s.tr != nil
}

// touch has t flush the stream: bytes are held that nobody has appended here.
func (s *Stream) touch(t *server.Turn) {
	s.mu.Lock()
	touch := !s.touched && s.tr != nil
	s.touched = s.touched || touch
	s.mu.Unlock()
	if touch {
		t.Touch(s)
	}
}

// replace continues the stream over another transport; everything queued was
// written before.
func (s *Stream) replace(tr *secured) {
	s.mu.Lock()
	s.tr, s.secure = tr, true
	s.mu.Unlock()
}

// over reports whether nothing that arrives over tr counts any more: the stream
// has ended or was closed on this side, or its session has moved to another
// connection.
func (s *Stream) over(tr Transport) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended || s.closing || s.sealed || s.tr != tr
}

// shutdown closes a stream because the server stops. A session that can be
// resumed is not ended by that: its client comes back to it.
func (s *Stream) shutdown(t *server.Turn, c *conn) {
	s.mu.Lock()
	keep := s.acks != nil && s.acks.resumable && !s.ended
	begun := s.tr != nil && (c.begun || s.session != nil)
	if keep && s.tr != nil {
		s.closing = true
		e := stanza.StreamError{Condition: "system-shutdown"}
		if s.acks.durable != 0 {
			s.push(s.acks.appendAck(nil))
		}
		s.pushEnd(&e)
		s.sealed = true
		s.tr.SetDeadline(time.Now().Add(linger))
	}
	s.mu.Unlock()
	switch {
	case keep:
		s.touch(t)
	case begun:
		s.End(t, &stanza.StreamError{Condition: "system-shutdown"})
	default:
		c.tr.Close()
	}
}
