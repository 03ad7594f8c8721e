package muc

import (
	"context"
	"sync"

	"natter/server"
	"natter/stanza"
)

// queue holds what a room has accepted and not yet told: broadcasts that wait for
// their commit, and whatever their senders did after. It is let out in order. Its
// lock ranks after the room's, and is held for nothing else.
type queue struct {
	mu      sync.Mutex
	items   []*queued
	bytes   int
	running bool // a goroutine is letting out what is ready
}

// queued is one of them.
type queued struct {
	from  stanza.JID
	size  int // in bytes
	ready bool
	err   error
	// run lets it out, with the room locked; err is why it cannot be.
	run func(x *exchange, err error)
}

// maxQueued and maxQueuedBytes bound what waits in one room while the store does not
// commit.
const (
	maxQueued      = 10_000
	maxQueuedBytes = 16 << 20
)

// empty reports whether nothing waits.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) == 0
}

// has reports whether something of this sender's waits, and whether the queue is
// full.
func (q *queue) has(from stanza.JID) (has, full bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.items {
		if i.from == from {
			has = true
			break
		}
	}
	return has, len(q.items) >= maxQueued || q.bytes >= maxQueuedBytes
}

// put adds an item at the end.
func (q *queue) put(i *queued) {
	q.mu.Lock()
	q.items = append(q.items, i)
	q.bytes += i.size
	q.mu.Unlock()
}

// drop takes out an item that will never be ready.
func (q *queue) drop(i *queued) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := range q.items {
		if q.items[n] == i {
			q.items = append(q.items[:n:n], q.items[n+1:]...)
			q.bytes -= i.size
			return
		}
	}
}

// done says that an item is ready, or cannot be let out; it does not block. The
// room's goroutine lets out what has become due.
func (r *room) done(i *queued, err error) {
	q := &r.queue
	q.mu.Lock()
	i.ready, i.err = true, err
	start := !q.running && q.items[0].ready
	if start {
		q.running = true
	}
	q.mu.Unlock()
	if start {
		r.svc.srv.Go(func(context.Context) { r.drain() })
	}
}

// drain lets out what is ready, in order, until the first that is not.
func (r *room) drain() {
	for more := true; more; {
		r.svc.srv.Do(func(t *server.Turn) { more = r.drainSome(t) })
	}
}

// drainSome lets out what is ready now; false when nothing was.
func (r *room) drainSome(t *server.Turn) bool {
	q := &r.queue
	q.mu.Lock()
	n := 0
	for n < len(q.items) && q.items[n].ready {
		n++
	}
	due := q.items[:n:n]
	if n == 0 {
		q.running = false
	}
	q.mu.Unlock()
	if n == 0 {
		return false
	}
	x := &exchange{t: t, svc: r.svc}
	r.mu.Lock()
	done := 0
	for _, i := range due {
		i.run(x, i.err)
		done += i.size
	}
	q.mu.Lock()
	q.bytes -= done
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil
	}
	q.mu.Unlock()
	r.mu.Unlock()
	x.end()
	return true
}
