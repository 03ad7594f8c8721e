package store

import (
	"sync/atomic"
	"time"
)

// Stats counts what the committer has done since Open.
type Stats struct {
	Queued      int           // batches queued or being written now
	QueuedBytes int64         // their size
	Batches     uint64        // batches decided, those that failed included
	Failed      uint64        // batches that failed because a transaction did
	Groups      uint64        // transactions that were made durable
	Errors      uint64        // transactions that failed
	Write       time.Duration // time spent in changing pages
	Sync        time.Duration // time spent in making transactions durable
	TailRecords int           // records the per-owner index does not have yet
	Sweeping    bool          // rows of what was cut are still being removed
}

// counters are the atomic half of Stats.
type counters struct {
	batches, failed, groups, errors atomic.Uint64
	write, sync                     atomic.Int64
}

// Stats reports on the committer, for metrics.
func (s *Store) Stats() Stats {
	st := Stats{
		Sweeping: s.sweeping.Load(),
		Batches:  s.count.batches.Load(), Failed: s.count.failed.Load(),
		Groups: s.count.groups.Load(), Errors: s.count.errors.Load(),
		Write: time.Duration(s.count.write.Load()), Sync: time.Duration(s.count.sync.Load()),
	}
	s.queue.mu.Lock()
	st.Queued, st.QueuedBytes = s.queue.n, s.queue.bytes
	s.queue.mu.Unlock()
	s.tail.mu.RLock()
	st.TailRecords = s.tail.grown
	s.tail.mu.RUnlock()
	return st
}
