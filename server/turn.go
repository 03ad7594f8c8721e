package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"natter/server/store"
	"natter/stanza"
)

// Turn is one turn of a loop that hands out stanzas: a read batch, a timer, a
// commit callback. It remembers the streams that were given bytes, so that each
// is flushed once, at the end of the turn and before the loop waits for
// anything. A Turn belongs to one goroutine; no lock may be held at Flush.
type Turn struct {
	srv     *Server
	touched []Deliverer
	stamp   stanza.Stamp // scratch of the fast path
	// tickets counts the batches committed on behalf of the stanza in hand;
	// the read loop resets it before each stanza and does not count the
	// stanza as handled (XEP-0198) before they are durable.
	tickets int
	// Acks, when set, is the acknowledged stream whose stanza is in hand.
	Acks Acks

	tally tally
	shard uint32 // where tally is added up
}

// Acks is an inbound stream that tells its client what has been handled
// (XEP-0198), which it may only when that is durable.
type Acks interface {
	// Ticket is told of a batch that the stanza in hand causes; it adds to b
	// what counts the stanza and returns what Done is to be told.
	Ticket(b *store.Batch) uint32
	// Done says that the batch with ticket h is durable; with h 0, that it has
	// failed and the sender was answered with an error.
	Done(t *Turn, h uint32)
}

// turns are kept per core, and so is the shard that each of them counts to.
var turns = sync.Pool{New: func() any { return &Turn{shard: turnCount.Add(1) % statShards} }}

var turnCount atomic.Uint32

// Turn starts a turn; End gives it back.
func (srv *Server) Turn() *Turn {
	t := turns.Get().(*Turn)
	t.srv = srv
	return t
}

// Do runs fn in a turn of its own and flushes what it touched.
func (srv *Server) Do(fn func(*Turn)) {
	t := srv.Turn()
	defer t.End()
	fn(t)
}

// Touch notes that d has bytes to flush. A stream calls it once when its queue
// turns from clean to dirty.
func (t *Turn) Touch(d Deliverer) { t.touched = append(t.touched, d) }

// Flush writes what this turn has queued so far, without ending it. Handlers
// call it before a read that may block.
func (t *Turn) Flush() {
	t.settle()                            // before anybody can see what was counted
	for i := 0; i < len(t.touched); i++ { // a flush may touch further streams
		t.touched[i].Flush(t)
		t.touched[i] = nil
	}
	t.touched = t.touched[:0]
}

// End flushes and gives the turn back; t must not be used after.
func (t *Turn) End() {
	t.Flush()
	t.settle()
	t.tickets, t.Acks = 0, nil
	if cap(t.touched) > 4096 {
		t.touched = nil
	}
	turns.Put(t)
}

// Tickets returns how many batches were handed to the store since the last
// call, and starts over.
func (t *Turn) Tickets() int {
	n := t.tickets
	t.tickets = 0
	return n
}

// Commit hands b to the store; it never blocks and may be called under an
// account's lock. The stanza in hand counts as handled only when b is durable.
// then, which may be nil, runs on the committer's goroutine in a turn of its
// own, with nil once b is durable or with why it is not; it must not block.
// When Commit itself returns an error (store.ErrBusy: the queue is at its
// bound), b was not taken and then is not called.
func (t *Turn) Commit(b *store.Batch, then func(*Turn, error)) error {
	srv, acks := t.srv, t.Acks
	var h uint32
	if acks != nil {
		h = acks.Ticket(b)
	}
	began := time.Now()
	b.Then = func(err error) {
		srv.Stats.commit.observe(time.Since(began))
		// What was there already, or is another by now, is an answer to who asked.
		if err != nil && !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrConflict) {
			srv.Log.Error("commit failed", "err", err)
		}
		if then == nil && acks == nil {
			return
		}
		srv.Do(func(t *Turn) {
			if then != nil {
				srv.guarded(t, then, err)
			}
			if acks != nil {
				if err != nil {
					h = 0
				}
				acks.Done(t, h)
			}
		})
	}
	err := srv.Store.Commit(b)
	switch {
	case err == nil:
		t.tickets++
	case acks != nil:
		acks.Done(t, 0)
	}
	return err
}

// guarded calls the callback of a commit; a panic in it does not end the committer.
func (srv *Server) guarded(t *Turn, then func(*Turn, error), err error) {
	defer srv.survive()
	then(t, err)
}

// Settle waits until what was handed to the store before is decided, at most
// Config.StoreTimeout; it flushes first. Whether it was kept is what the answers to
// the changes say. The error is that of the time that ran out.
func (t *Turn) Settle() error {
	t.Flush()
	ctx, cancel := context.WithTimeout(t.srv.ctx, t.srv.Config.StoreTimeout)
	defer cancel()
	done := make(chan struct{})
	t.srv.Store.Barrier(func(error) { close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Await waits until everything handed to the store so far is durable and its
// callbacks have run, rounds times over as these may hand on more. It flushes
// first, and gives up when the server stops.
func (t *Turn) Await(rounds int) {
	t.Flush()
	for range rounds {
		done := make(chan struct{})
		t.srv.Store.Barrier(func(error) { close(done) })
		select {
		case <-done:
		case <-t.srv.ctx.Done():
			return
		}
	}
}
