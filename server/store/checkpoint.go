package store

// checkpointer copies pages from SQLite's write-ahead log to the database
// beside the committer, which would otherwise hold up everybody's commit while
// some thousand pages are written here and there and synced. A log can begin
// anew only when all of it is copied and nobody is writing; under constant load
// that moment does not come by itself, so when the log has grown too long the
// committer copies the rest, which is short by then.
type checkpointer struct {
	kick chan struct{} // one token; closed by end
	done chan struct{}

	// The committer's own.
	last  int64 // conn.written at the last commit
	since int64 // pages written since the last kick
	total int64 // pages written since the whole log was copied
}

const (
	kickPages = 4000  // 16 MiB
	waitPages = 16000 // 64 MiB
)

// begin starts the goroutine, which ends with end.
func (k *checkpointer) begin(s *Store) {
	k.kick, k.done = make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(k.done)
		for range k.kick {
			// An error here is one of the disk. The log keeps what is not
			// copied, and the next round tries again.
			if c, err := openConn(s.opt.Path); err == nil {
				c.checkpoint()
				c.close()
			}
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
	if k.total >= waitPages && k.since >= kickPages/2 {
		k.since = 0
		if all, err := c.checkpoint(); all && err == nil {
			k.total = 0
		}
		return
	}
	if k.since >= kickPages {
		k.since = 0
		select {
		case k.kick <- struct{}{}:
		default: // still at it
		}
	}
}
