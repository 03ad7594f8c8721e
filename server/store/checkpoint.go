package store

import "sync/atomic"

// checkpointer copies pages from SQLite's write-ahead log to the database
// beside the committer, which would otherwise hold up everybody's commit while
// some thousand pages are written here and there and synced. A log can begin
// anew only when all of it is copied and nobody is writing; under constant load
// that moment does not come by itself. So when the log has grown long the
// committer waits until a pass is done, and then copies the short rest.
type checkpointer struct {
	kick   chan struct{} // one token: make a pass; closed by end
	done   chan struct{}
	passes atomic.Int64 // passes made

	// The committer's own.
	kicks int64 // passes asked for
	last  int64 // conn.written at the last commit
	since int64 // pages written since the last pass was asked for
	total int64 // pages written since the whole log was copied
}

// In pages of 4 KiB.
const (
	passPages = 4000        // written between passes
	longLog   = 16000       // from here on the log is to begin anew
	shortRest = 1000        // what the committer copies itself
	hugeLog   = 4 * longLog // from here on whatever the rest is
)

// begin starts the goroutine, which ends with end.
func (k *checkpointer) begin(s *Store) {
	k.kick, k.done = make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(k.done)
		for range k.kick {
			// An error here is one of the disk. The log keeps what is not
			// copied, and the next pass tries again.
			if c, err := openConn(s.opt.Path); err == nil {
				if all, err := c.checkpoint(); err == nil && !all {
					// SQLite syncs only when all is copied, which would leave
					// that to the committer.
					s.file.Sync()
				}
				c.close()
			}
			k.passes.Add(1)
		}
	}()
}

func (k *checkpointer) end() {
	if k.kick != nil {
		close(k.kick)
		<-k.done
	}
}

// committed notes what a transaction wrote, on the committer's goroutine.
func (k *checkpointer) committed(c *conn) {
	if k.kick == nil {
		return
	}
	n := c.written()
	if n < k.last {
		k.last = 0 // another connection
	}
	k.since, k.total, k.last = k.since+n-k.last, k.total+n-k.last, n
	switch {
	case k.passes.Load() < k.kicks:
		// Still at it.
	case k.total >= longLog && k.since <= shortRest || k.total >= hugeLog:
		if all, err := c.checkpoint(); err != nil || !all {
			k.total -= passPages // a reader is in the way, or the disk: later
			return
		}
		k.since, k.total = 0, 0
	case k.since >= passPages || k.total >= longLog:
		k.since = 0
		k.kicks++
		k.kick <- struct{}{}
	}
}
