package store

import (
	"context"
	"sync"
)

// queue is what waits for the committer.
type queue struct {
	mu     sync.Mutex
	list   []*Batch
	n      int   // batches queued and being written
	bytes  int64 // their size
	closed bool
	wake   chan struct{} // one token: look at the list
	room   chan struct{} // closed and replaced when a group is done
}

func (q *queue) init() {
	q.wake = make(chan struct{}, 1)
	q.room = make(chan struct{})
}

func (q *queue) close() (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	q.signal()
	return true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Commit hands a batch to the committer and returns at once; b.Then tells the
// outcome. On an error the batch is the caller's again and Then is not called:
// ErrBusy when the queue is at its bound (the answer to a client is a wait
// error), ErrTooLarge, ErrInvalid, ErrClosed. Batches are committed in the
// order of the calls.
func (s *Store) Commit(b *Batch) error {
	if b.bad != nil {
		return b.bad
	}
	size := b.Bytes()
	if size > s.opt.QueueBytes {
		return ErrTooLarge
	}
	q := &s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.n >= s.opt.QueueBatches || q.bytes+size > s.opt.QueueBytes {
		return ErrBusy
	}
	q.add(b, size)
	return nil
}

// Full tells whether the queue is within a sixteenth of its bound, or closed, so
// that Commit might refuse a batch: for callers that have something to do first
// which they could not take back.
func (s *Store) Full() bool {
	q := &s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed || q.n >= s.opt.QueueBatches-s.opt.QueueBatches/16 || q.bytes >= s.opt.QueueBytes-s.opt.QueueBytes/16
}

func (q *queue) add(b *Batch, size int64) {
	b.err = nil
	q.list = append(q.list, b)
	q.n++
	q.bytes += size
	if len(q.list) == 1 {
		q.signal()
	}
}

// CommitWait commits a batch and waits until it is durable or has failed, for
// callers that may block; when the queue is full it waits for room. If ctx
// ends first the batch may still be committed. Not to be called from Then.
func (s *Store) CommitWait(ctx context.Context, b *Batch) error {
	done := make(chan error, 1)
	then := b.Then
	b.Then = func(err error) {
		if then != nil {
			then(err)
		}
		done <- err
	}
	for {
		s.queue.mu.Lock()
		room := s.queue.room
		s.queue.mu.Unlock()
		err := s.Commit(b)
		if err == nil {
			break
		}
		if err != ErrBusy {
			b.Then = then
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			b.Then = then
			return ctx.Err()
		}
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Barrier calls fn on the committer's goroutine once everything enqueued
// before has been decided: its callbacks have run. The error is that of the
// transaction before it, if that failed, or ErrClosed. The queue's bound does
// not hold a barrier back. On a closed store fn is called at once.
func (s *Store) Barrier(fn func(error)) {
	q := &s.queue
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		fn(ErrClosed)
		return
	}
	q.add(&Batch{Then: fn}, batchOverhead)
	q.mu.Unlock()
}

// take waits for batches and moves a group of them to buf, in order. An empty
// group stands for time to spare, given only if idleWork; open is false when
// the store is closed and the queue empty.
func (q *queue) take(buf []*Batch, maxBytes int64, idleWork bool) (group []*Batch, open bool) {
	for {
		q.mu.Lock()
		if len(q.list) > 0 {
			var size int64
			n := 0
			for n < len(q.list) && (n == 0 || size+q.list[n].Bytes() <= maxBytes) {
				size += q.list[n].Bytes()
				n++
			}
			group = append(buf, q.list[:n]...)
			rest := copy(q.list, q.list[n:])
			clear(q.list[rest:])
			q.list = q.list[:rest]
			q.mu.Unlock()
			return group, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return buf, false
		}
		if idleWork {
			return buf, true
		}
		<-q.wake
	}
}

// finished gives back the room that a group took.
func (q *queue) finished(n int, bytes int64) {
	q.mu.Lock()
	q.n -= n
	q.bytes -= bytes
	close(q.room)
	q.room = make(chan struct{})
	q.mu.Unlock()
}
