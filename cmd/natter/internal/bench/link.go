package bench

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// A link is one client of a chat run: it sends marked messages to its peer and
// checks the ones its peer sends. One goroutine reads, answers and, in a closed
// loop, sends; in an open loop a second one sends.
type link struct {
	c    *conn
	run  *chatRun
	msg  *template
	peer int // number of the peer's link

	mu sync.Mutex // guards writes in an open loop, where two goroutines write

	// Read by the run while the link is at work.
	sent      atomic.Int64 // messages written
	delivered atomic.Int64 // messages received, each once
	acked     atomic.Int64 // messages the server has acknowledged

	// The reading goroutine's until it has ended.
	seen    tracker
	errors  int64 // stanzas of type error, and messages that are none of ours
	base    uint32
	sentAt  []int64 // acked mode: time of message seq at seq modulo its length
	arrival *histogram
	ack     *histogram // acked mode

	// Open loop: one token wakes the sender.
	wake chan struct{}
	late *histogram // how late the sender was, against the schedule
	_    [64]byte   // keeps the counters of two links off one cache line
}

// chatRun is what the links of one run share.
type chatRun struct {
	stage
	o     *Options
	quota int64 // messages each link sends, 0 when the time bounds the run
}

// fail reports why a link ended, unless the run has ended it.
func (r *chatRun) fail(l *link, err error) {
	if err != nil {
		r.stage.fail(fmt.Errorf("client %d: %w", l.msg.link, worded(err)))
	}
}

// mayNot says whether the link has nothing more to send.
func (l *link) mayNot() bool {
	if l.run.quota > 0 {
		return l.sent.Load() >= l.run.quota
	}
	return l.run.phase.Load() >= draining
}

// put appends the next message to the batch.
func (l *link) put(at int64) {
	seq := l.sent.Load()
	l.c.out = l.msg.append(l.c.out, seq, at)
	if l.sentAt != nil {
		l.sentAt[seq%int64(len(l.sentAt))] = at
	}
	l.sent.Store(seq + 1)
}

// open sends the first window.
func (l *link) open() error {
	now := l.run.now()
	for range l.run.o.Window {
		if !l.mayNot() {
			l.put(now)
		}
	}
	return l.flush(true)
}

// flush writes the batch; with sent messages in it, a client with stream
// management asks for an acknowledgement at its end.
func (l *link) flush(messages bool) error {
	if messages && l.c.sm && len(l.c.out) > 0 {
		l.c.out = append(l.c.out, askAck...)
	}
	return l.c.flush()
}

// read is the life of the reading goroutine: it sends the first window when
// opens is set, then takes what comes, batch by batch, and answers each batch
// with one write.
func (l *link) read(opens bool) error {
	if opens {
		if err := l.open(); err != nil {
			return err
		}
	}
	for {
		if err := l.c.in.fill(l.c.Conn); err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if err := l.batch(); err != nil {
			return err
		}
	}
}

// batch handles every whole element read so far.
func (l *link) batch() error {
	now := l.run.now()
	measure := l.run.phase.Load() == measuring
	open := l.run.o.Rate > 0
	if open {
		l.mu.Lock()
		defer l.mu.Unlock()
	}
	var answers int
	var asked bool
	for {
		elem, k, ok := l.c.in.next()
		if !ok {
			break
		}
		l.c.count(k)
		switch k {
		case kindMessage:
			if l.message(elem, now, measure) {
				answers++
			}
		case kindAck:
			if err := l.confirmed(elem, now, measure); err != nil {
				return err
			}
		case kindAckAsk:
			asked = true
		case kindIQ, kindPresence:
			if isError(elem) {
				l.errors++
			}
		case kindOther, kindClose:
			return unexpected("chatting", elem)
		}
	}
	if asked {
		l.c.ack()
	}
	switch {
	case open:
		return l.flush(false)
	case l.sentAt != nil: // acked mode: as many as the acknowledgements made room for
		answers = l.run.o.Window - int(l.sent.Load()-l.acked.Load())
	}
	sends := false
	for ; answers > 0 && !l.mayNot(); answers-- {
		l.put(now)
		sends = true
	}
	return l.flush(sends)
}

// message checks one that came in. It reports whether it was the peer's and new.
func (l *link) message(elem []byte, now int64, measure bool) bool {
	m, ok := readMark(elem)
	if !ok || m.link != l.peer || isError(elem) {
		l.errors++
		return false
	}
	if !l.seen.see(m.seq) {
		return false
	}
	l.delivered.Add(1)
	if measure {
		l.arrival.record(now - m.at)
	}
	return true
}

// confirmed takes an <a/>.
func (l *link) confirmed(elem []byte, now int64, measure bool) error {
	h, ok := readDigits([]byte(attr(elem, "h")))
	if !ok {
		return unexpected("reading an acknowledgement", elem)
	}
	// Both count modulo 2^32, and the server may not have acknowledged yet what
	// the login sent.
	acked := max(int64(int32(uint32(h)-l.base)), 0)
	before := l.acked.Load()
	if acked < before || acked > l.sent.Load() {
		return fmt.Errorf("the server acknowledged %d messages after %d, of %d sent", acked, before, l.sent.Load())
	}
	if l.sentAt != nil && measure {
		for seq := before; seq < acked; seq++ {
			l.ack.record(now - l.sentAt[seq%int64(len(l.sentAt))])
		}
	}
	l.acked.Store(acked)
	return nil
}

// sendScheduled is the life of the sending goroutine of an open loop: woken by
// the run's pacer, it sends every message whose time has come, each marked with
// the time it should have been sent. first is the time of the first one, every
// the distance between two, in nanoseconds.
func (l *link) sendScheduled(first, every int64) error {
	due := first
	for range l.wake {
		l.mu.Lock()
		now := l.run.now()
		sends := false
		for ; due <= now && !l.mayNot(); due += every {
			l.put(due)
			if l.run.phase.Load() == measuring {
				l.late.record(now - due)
			}
			sends = true
		}
		err := l.flush(sends)
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
