package c2s

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const nsSM = "urn:xmpp:sm:3"

// ackDelay is how long <r/> may stay unanswered while what it asks about is
// being written to disk (XEP-0198 §4).
const ackDelay = 250 * time.Millisecond

// acks is stream management (XEP-0198) of one stream: what was sent and not yet
// acknowledged, and how much of what was received may be acknowledged. Guarded
// by Stream.mu.
type acks struct {
	stream    *Stream
	taking    sync.Mutex // held while a stanza of the client is handled; before any other lock
	resumable bool
	id        string // resumption id

	// Outbound. kept[i] is the stanza numbered acked+1+i.
	sent, acked uint32
	kept        []entry
	size        int
	asked       bool   // <r/> is on its way
	askedAt     uint32 // sent, when it was asked

	// restored says that the server was restarted since the client was last
	// here: what it has handled is known only when it comes.
	restored bool

	// Inbound.
	handled     uint32 // stanzas taken, durable or not
	durable     uint32 // what may be acknowledged
	outstanding int    // tickets not yet done
	owed        bool   // the client asked
	owedAt      uint32 // handled, when it asked
	timer       *time.Timer

	ousted *ousted
}

// ousted is a connection whose session has been resumed on another one while somebody
// wrote to it: whoever that is tells the client, once it has done with the write.
type ousted struct {
	tr Transport
	as framing
}

// entry is one stanza that the client has not acknowledged.
type entry struct {
	b      []byte       // the stanza, or for whom it is when it is shared
	shared *server.Wire // with others who were sent it too; nil when it is not
	d      *server.Delivery
	seq    uint32 // only after a restart: its number before, 0 for none
}

// len is how long the stanza is.
func (e *entry) len() int {
	if e.shared != nil {
		return e.shared.Len(e.b)
	}
	return len(e.b)
}

// bytes returns the stanza.
func (e *entry) bytes() []byte {
	if e.shared != nil {
		return e.shared.Append(nil, e.b)
	}
	return e.b
}

// fewEntries is how many entries an array has that is taken from a pool and given back:
// what is confirmed at once mostly fits.
const fewEntries = 16

var entries = sync.Pool{New: func() any { return new([fewEntries]entry) }}

// keep remembers a stanza that is being sent and returns its number.
func (a *acks) keep(b []byte, d *server.Delivery) uint32 {
	return a.add(entry{b: append([]byte(nil), b...), d: d})
}

// add is keep for an entry that nobody changes again.
func (a *acks) add(e entry) uint32 {
	if a.kept == nil {
		a.kept = entries.Get().(*[fewEntries]entry)[:0]
	}
	a.kept = append(a.kept, e)
	a.size += e.len()
	if a.restored {
		return 0
	}
	a.sent++
	return a.sent
}

func (a *acks) bytes() int { return a.size }

// confirm takes the client's word that it has handled h stanzas and returns the
// logged deliveries among them. More than were sent is an error (XEP-0198 §4).
func (a *acks) confirm(h uint32) ([]*server.Delivery, bool) {
	n := h - a.acked // modulo 2^32, as the counter wraps
	if int64(n) > int64(len(a.kept)) {
		return nil, false
	}
	var done []*server.Delivery
	for i := range a.kept[:n] {
		a.size -= a.kept[i].len()
		if a.kept[i].d != nil {
			done = append(done, a.kept[i].d)
		}
	}
	a.forget(int(n))
	a.acked = h
	return done, true
}

// messages returns the kept messages that the client has not acknowledged.
func (a *acks) messages() (list [][]byte) {
	for i := range a.kept {
		if e := &a.kept[i]; e.d != nil {
			list = append(list, e.b)
		}
	}
	return list
}

// forget takes the first n entries out. An array from the pool is kept whole, and given
// back when there is nothing in it.
func (a *acks) forget(n int) {
	if n < len(a.kept) && cap(a.kept) != fewEntries {
		clear(a.kept[:n])
		a.kept = a.kept[n:]
		return
	}
	rest := copy(a.kept, a.kept[n:])
	clear(a.kept[rest:])
	if a.kept = a.kept[:rest]; rest > 0 {
		return
	}
	if cap(a.kept) == fewEntries {
		entries.Put((*[fewEntries]entry)(a.kept[:fewEntries]))
	}
	a.kept = nil
}

// leftover is what the client never acknowledged.
func (a *acks) leftover() server.Leftover {
	var left server.Leftover
	for i := range a.kept {
		if e := &a.kept[i]; e.d != nil {
			left.Logged = append(left.Logged, e.d)
		} else {
			left.Stanzas = append(left.Stanzas, e.bytes())
		}
	}
	return left
}

func (a *acks) drop() {
	a.kept, a.size = nil, 0
	if a.timer != nil {
		a.timer.Stop()
	}
}

// request appends <r/> when the client has something to acknowledge and was not
// asked yet. It is asked once about each: a client that then acknowledges less than it
// was sent (xmpp.js 0.14 does not count answers to its requests) would be asked over and
// over, as fast as it answers. s.mu must be held.
func (s *Stream) request() {
	a := s.acks
	if a.asked || len(a.kept) == 0 || a.askedAt == a.sent {
		return
	}
	a.asked, a.askedAt = true, a.sent
	s.push([]byte(`<r xmlns='urn:xmpp:sm:3'/>`))
}

// acknowledged handles <a h=”/>.
func (s *Stream) acknowledged(t *server.Turn, st *stanza.Stanza) *stanza.StreamError {
	raw, _ := st.Attr("", "h")
	h, err := strconv.ParseUint(string(raw), 10, 32)
	if err != nil {
		return &stanza.StreamError{Condition: "policy-violation", Text: "an acknowledgement needs a number h"}
	}
	s.mu.Lock()
	a := s.acks
	done, ok := a.confirm(uint32(h))
	if !ok {
		sent := a.sent
		s.mu.Unlock()
		return tooHigh(h, sent)
	}
	a.asked = false
	touch := len(a.kept) > 0 && a.askedAt != a.sent && !s.touched && s.tr != nil
	if touch {
		s.touched = true // to ask again about what was sent since
	}
	s.wake()
	s.mu.Unlock()
	if touch {
		t.Touch(s)
	}
	s.confirm(t, done)
	return nil
}

// Ticket counts the stanza in hand together with a batch it causes; see
// server.Acks.
func (s *Stream) Ticket(b *store.Batch) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.acks
	a.outstanding++
	h := a.handled + 1
	if s.kept() && !s.ended {
		b.Put(s.handledDoc(h))
	}
	return h
}

// Done says that the stanzas up to h are durable; see server.Acks.
func (s *Stream) Done(t *server.Turn, h uint32) {
	s.mu.Lock()
	a := s.acks
	a.outstanding--
	if h == 0 && a.resumable {
		// It failed: nothing is acknowledged until something succeeds.
		s.mu.Unlock()
		return
	}
	if h != 0 && int32(h-a.durable) > 0 {
		a.durable = h
	}
	s.answer(t, false)
}

// handledOne counts a stanza that has been handled; whether it may be
// acknowledged already depends on its tickets.
func (s *Stream) handledOne() {
	s.mu.Lock()
	s.acks.handled++
	ended := s.ended && s.acks.resumable
	s.mu.Unlock()
	if ended { // by somebody else, meanwhile: what a ticket has stored since goes too
		s.c2s.unsave(s)
	}
}

// asksAck handles <r/>: it is answered as soon as what came before it is
// durable, at the latest after ackDelay with what is durable by then.
func (s *Stream) asksAck(t *server.Turn) {
	s.mu.Lock()
	a := s.acks
	a.owed, a.owedAt = true, a.handled
	if a.durable != a.handled && a.timer == nil {
		a.timer = time.AfterFunc(ackDelay, func() { s.c2s.core.Do(s.late) })
	}
	s.answer(t, false)
}

// late is the end of ackDelay.
func (s *Stream) late(t *server.Turn) {
	s.mu.Lock()
	if s.acks.timer = nil; s.ended || !s.acks.owed {
		s.mu.Unlock()
		return
	}
	s.answer(t, true)
}

// lastWord has an <r/> answered that the client sent right before it closes the
// stream: it waits for what is owed to be durable, no longer than ackDelay. What is
// committed by then is acknowledged.
func (s *Stream) lastWord(t *server.Turn) {
	s.mu.Lock()
	owed := s.acks != nil && s.acks.owed && !s.ended
	s.mu.Unlock()
	if !owed {
		return
	}
	t.Flush()
	done := make(chan struct{})
	s.c2s.core.Store.Barrier(func(error) { close(done) })
	timer := time.NewTimer(ackDelay)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-s.c2s.ctx.Done():
	}
	s.mu.Lock()
	if !s.acks.owed || s.ended {
		s.mu.Unlock()
		return
	}
	s.answer(t, true)
}

// answer sends <a/> when it is owed and can be, or must. s.mu is held and let go.
func (s *Stream) answer(t *server.Turn, must bool) {
	a := s.acks
	if a.outstanding == 0 && a.durable != a.handled {
		// Stanzas without tickets. A session that can be resumed still has to
		// know after a restart what it told its client.
		switch {
		case !s.kept():
			a.durable = a.handled
		case a.owed && !s.ended:
			s.persistHandled(nil)
		}
	}
	if !a.owed || s.ended || !must && int32(a.owedAt-a.durable) > 0 {
		s.mu.Unlock()
		return
	}
	if a.durable == a.owedAt || int32(a.durable-a.owedAt) > 0 {
		a.owed = false // else an unsolicited <a/> follows when the rest is durable
	}
	if a.timer != nil && !a.owed {
		a.timer.Stop()
		a.timer = nil
	}
	s.push(a.appendAck(nil))
	s.appended(t)
}

func (a *acks) appendAck(b []byte) []byte {
	b = append(b, `<a xmlns='urn:xmpp:sm:3' h='`...)
	b = strconv.AppendUint(b, uint64(a.durable), 10)
	return append(b, `'/>`...)
}

// kept reports whether the store knows of the session: a client can come back to it
// after a restart. s.mu need not be held.
func (s *Stream) kept() bool {
	return s.acks.resumable && !s.session.Account.Has(server.AccountGuest)
}

// persistHandled stores how many stanzas were handled, which may be acknowledged
// then. then, which may be nil, is told the outcome. s.mu must be held.
func (s *Stream) persistHandled(then func(error)) {
	a := s.acks
	h := a.handled
	b := new(store.Batch)
	b.Put(s.handledDoc(h))
	b.Then = func(err error) {
		if err != nil {
			h = 0
		}
		s.c2s.core.Do(func(t *server.Turn) { s.Done(t, h) })
		if then != nil {
			then(err)
		}
	}
	a.outstanding++
	if err := s.c2s.core.Store.Commit(b); err != nil {
		a.outstanding--
		if then != nil {
			then(err)
		}
	}
}

// caughtUp waits until everything handled is durable, so that a client that
// resumes is told of all of it: what it sends again it would otherwise do twice,
// and both sides would count differently from then on. The caller holds
// acks.taking.
func (s *Stream) caughtUp(t *server.Turn) error {
	t.Flush()
	s.mu.Lock()
	a := s.acks
	if s.ended || a.outstanding == 0 && a.durable == a.handled {
		s.mu.Unlock()
		return nil
	}
	done := make(chan error, 1)
	if s.kept() {
		s.persistHandled(func(err error) { done <- err })
		s.mu.Unlock()
	} else {
		s.mu.Unlock()
		s.c2s.core.Store.Barrier(func(err error) { // what it waits for has been told by then
			s.mu.Lock()
			a.durable = a.handled
			s.mu.Unlock()
			done <- err
		})
	}
	timer := time.NewTimer(s.c2s.core.Config.StoreTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errSlow
	case <-s.c2s.ctx.Done():
		return errSlow
	}
}

// errSlow is returned when the store takes too long.
var errSlow = errors.New("the store does not answer")

func (s *Stream) handledDoc(h uint32) store.Doc {
	a := s.session.Account
	return store.Doc{
		Key:  a.Host.Key(a.Local, kindHandled, s.session.ID),
		Data: strconv.AppendUint(nil, uint64(h), 10),
	}
}
