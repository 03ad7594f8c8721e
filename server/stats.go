package server

import (
	"sync/atomic"
	"time"

	"natter/stanza"
)

// Stats counts what a server has done since it started. Turns count for
// themselves and add up once, when they end, each to the shard that it keeps, so
// that cores do not meet on a cache line. Reading is for metrics: Totals.
type Stats struct {
	shards [statShards]statShard
	commit Latency

	logins, refused atomic.Uint64
}

// statShards is how many turns may add up at the same time without waiting for
// each other.
const statShards = 16

type statShard struct {
	in, out           [kinds]atomic.Uint64
	inBytes, outBytes atomic.Uint64
	spooled, drained  atomic.Uint64
	_                 [128 - (2*kinds+4)*8%128]byte // shards share no cache line
}

const kinds = 4 // of stanza.Kind

// tally is what one turn has counted.
type tally struct {
	in, out           [kinds]uint32
	inBytes, outBytes uint64
	spooled, drained  uint32
	any               bool
}

// received counts a stanza that a session sent.
func (t *Turn) received(st *stanza.Stanza) {
	t.tally.in[st.Kind&(kinds-1)]++
	t.tally.inBytes += uint64(len(st.Raw))
	t.tally.any = true
}

// sent counts a stanza of so many bytes that a session was given.
func (t *Turn) sent(k stanza.Kind, bytes int) {
	t.tally.out[k&(kinds-1)]++
	t.tally.outBytes += uint64(bytes)
	t.tally.any = true
}

// spooled counts messages that have to wait for an absent account.
func (t *Turn) spooled(n int) {
	t.tally.spooled += uint32(n)
	t.tally.any = true
}

// drained counts messages that had waited and were given to a session.
func (t *Turn) drained(n int) {
	t.tally.drained += uint32(n)
	t.tally.any = true
}

// settle adds up what the turn has counted.
func (t *Turn) settle() {
	if !t.tally.any {
		return
	}
	s := &t.srv.Stats.shards[t.shard]
	for k := range kinds {
		if n := t.tally.in[k]; n > 0 {
			s.in[k].Add(uint64(n))
		}
		if n := t.tally.out[k]; n > 0 {
			s.out[k].Add(uint64(n))
		}
	}
	if n := t.tally.inBytes; n > 0 {
		s.inBytes.Add(n)
	}
	if n := t.tally.outBytes; n > 0 {
		s.outBytes.Add(n)
	}
	if n := t.tally.spooled; n > 0 {
		s.spooled.Add(uint64(n))
	}
	if n := t.tally.drained; n > 0 {
		s.drained.Add(uint64(n))
	}
	t.tally = tally{}
}

// Login counts a login that was accepted, or was refused.
func (s *Stats) Login(ok bool) {
	if ok {
		s.logins.Add(1)
	} else {
		s.refused.Add(1)
	}
}

// Totals is a sum of Stats. Received and Sent are indexed by stanza.Kind;
// Sent counts what sessions were given, which those that are detached get later.
type Totals struct {
	Received, Sent [kinds]uint64
	// ReceivedBytes and SentBytes are the sizes of those stanzas as they came
	// in: without TLS, and before the start tag of one that is passed on is
	// written anew.
	ReceivedBytes, SentBytes uint64
	Spooled, Drained         uint64 // messages that had to wait, and that were given to a session after
	Logins, Refused          uint64 // logins accepted and refused
	Commits                  LatencyTotals
}

// Totals returns the counts so far.
func (s *Stats) Totals() Totals {
	t := Totals{Logins: s.logins.Load(), Refused: s.refused.Load(), Commits: s.commit.totals()}
	for i := range s.shards {
		h := &s.shards[i]
		for k := range kinds {
			t.Received[k] += h.in[k].Load()
			t.Sent[k] += h.out[k].Load()
		}
		t.ReceivedBytes += h.inBytes.Load()
		t.SentBytes += h.outBytes.Load()
		t.Spooled += h.spooled.Load()
		t.Drained += h.drained.Load()
	}
	return t
}

// LatencyBounds are the upper bounds of the buckets of a Latency.
var LatencyBounds = [...]time.Duration{
	250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Latency is a histogram of durations. The committer alone adds to it.
type Latency struct {
	buckets [len(LatencyBounds) + 1]atomic.Uint64 // the last one is without a bound
	sum     atomic.Int64
}

func (l *Latency) observe(d time.Duration) {
	i := 0
	for i < len(LatencyBounds) && d > LatencyBounds[i] {
		i++
	}
	l.buckets[i].Add(1)
	l.sum.Add(int64(d))
}

// LatencyTotals is what a Latency holds at one time: Buckets[i] counts the
// durations up to LatencyBounds[i] that are above the bound before, the last one
// those above all bounds.
type LatencyTotals struct {
	Buckets [len(LatencyBounds) + 1]uint64
	Sum     time.Duration
}

func (l *Latency) totals() LatencyTotals {
	t := LatencyTotals{Sum: time.Duration(l.sum.Load())}
	for i := range l.buckets {
		t.Buckets[i] = l.buckets[i].Load()
	}
	return t
}

// counted is a session's stream that counts what it is given.
type counted struct{ Stream }

func (c counted) Deliver(t *Turn, st *stanza.Stanza, stamp *stanza.Stamp, d *Delivery) (uint32, bool) {
	seq, ok := c.Stream.Deliver(t, st, stamp, d)
	if ok {
		t.sent(st.Kind, len(st.Raw))
	}
	return seq, ok
}

func (c counted) DeliverRaw(t *Turn, b []byte) bool {
	ok := c.Stream.DeliverRaw(t, b)
	if ok {
		t.sentRaw(b, len(b))
	}
	return ok
}

func (c counted) DeliverShared(t *Turn, w *Wire, to []byte) bool {
	ok := c.Stream.DeliverShared(t, w, to)
	if ok {
		t.sentRaw(w.Head, w.Len(to))
	}
	return ok
}

// sentRaw counts a stanza of n bytes by how it begins.
func (t *Turn) sentRaw(b []byte, n int) {
	if len(b) > 1 {
		switch b[1] {
		case 'm':
			t.sent(stanza.Message, n)
		case 'p':
			t.sent(stanza.Presence, n)
		case 'i':
			t.sent(stanza.IQ, n)
		}
	}
}
