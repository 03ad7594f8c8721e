package store

import (
	"errors"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// committer is the state of the goroutine that writes. No other touches it, and
// whatever it has can be read from the database again, which is what happens
// when a connection is given up after an error.
type committer struct {
	conn      *conn            // nil in memory, and after an error until the next group
	owners    map[string]int64 // numbers of owners, a cache
	nextOwner int64
	maxStored uint64 // highest id in the log, at least
	hot       hotSpool
	group     group
	index     indexer
	sweep     sweeper
	words     words
	pages     int64 // the bound on the size that conn has
	paused    bool  // no work in idle time until a transaction succeeds
}

// load reads what the committer keeps in memory.
func (w *committer) load(s *Store, c *conn) error {
	w.owners = make(map[string]int64)
	w.index = indexer{closing: w.index.closing}
	w.hot = hotSpool{recs: make(map[uint64]*hotRecord), max: s.opt.tune.maxHot}
	last, err := c.meta(metaLastID)
	if err != nil {
		return err
	}
	top, _, err := c.queryInt(`SELECT max(id) FROM log`)
	if err != nil {
		return err
	}
	w.maxStored = uint64(top)
	s.raiseID(max(last, w.maxStored))
	if w.nextOwner, _, err = c.queryInt(`SELECT seq FROM sqlite_sequence WHERE name = 'owners'`); err != nil {
		return err
	}
	w.nextOwner++
	if err := s.tail.load(c); err != nil {
		return err
	}
	if err := w.words.load(c, w.maxStored); err != nil {
		return err
	}
	err = w.sweep.load(c)
	s.sweeping.Store(w.sweep.pending)
	return err
}

// run is the committer's goroutine.
func (s *Store) run() {
	defer close(s.done)
	var group []*Batch
	for {
		var open bool
		group, open = s.queue.take(group[:0], s.opt.GroupBytes, s.idleWork())
		if !open {
			break
		}
		s.commitGroup(group)
		clear(group)
	}
	s.finish()
}

// idleWork tells whether there is something to do when no batch waits.
func (s *Store) idleWork() bool {
	return !s.w.paused && (s.tail.frozen != nil || s.w.sweep.pending)
}

// commitGroup decides every batch of a group and calls their callbacks.
func (s *Store) commitGroup(group []*Batch) {
	var bytes int64
	for _, b := range group {
		bytes += b.Bytes()
	}
	err := s.transactAny(group)
	s.queue.finished(len(group), bytes)
	for _, b := range group {
		if err != nil {
			b.err = err
		}
		s.count.batches.Add(1)
		if b.err != nil && !isCondition(b.err) {
			s.count.failed.Add(1)
		}
		// After Then the batch is the caller's again.
		if then := b.Then; then != nil {
			then(b.err)
		}
	}
}

// work is what a transaction does for the store itself.
type work uint8

const (
	workSweep work = 1 << iota // rows that were cut
	workIndex                  // a slice of the index
	workAll   = workIndex | workSweep
)

// transactAny writes a group with some of the work in the background, or with
// less of that if the disk is full: what is asked for comes first, and what
// makes room before what takes it.
func (s *Store) transactAny(group []*Batch) error {
	for _, todo := range []work{workAll, workSweep, 0} {
		err := s.transact(group, todo)
		if codeOf(err) == sqlite3.SQLITE_FULL && todo != 0 {
			continue
		}
		// In idle time, go on only as long as there is progress.
		s.w.paused = err != nil || todo != workAll && !s.w.sweep.pending
		return err
	}
	return nil
}

// transact writes a group in one transaction. A batch whose condition fails
// has its err set and is left out; the returned error met them all.
func (s *Store) transact(group []*Batch, todo work) (err error) {
	defer func() {
		if err != nil {
			s.count.errors.Add(1)
		}
	}()
	if s.opt.Gate != nil {
		if err := s.opt.Gate(); err != nil {
			return err
		}
	}
	began := time.Now()
	c, err := s.writer()
	if err != nil {
		return err
	}
	defer func() { s.giveBack(c, err) }()

	g := &s.w.group
	if err := g.begin(s, c, group); err != nil {
		return err
	}
	for _, b := range group {
		if err := g.plan(b); err != nil {
			return err
		}
	}
	// Before the group's own changes, which may remove what is indexed here.
	if todo&workIndex != 0 {
		if err := s.w.index.step(s, g, len(group) == 0); err != nil {
			return err
		}
	}
	if err := g.write(); err != nil {
		return err
	}
	if n := g.words; n > 0 && todo&workIndex != 0 {
		if err := s.w.words.step(g, n); err != nil {
			return err
		}
	}
	if todo&workSweep != 0 {
		if err := s.w.sweep.step(s, g, len(group) == 0); err != nil {
			return err
		}
	}
	written := time.Now()
	if err := g.commit(); err != nil {
		return err
	}
	s.count.groups.Add(1)
	s.count.write.Add(int64(written.Sub(began)))
	s.count.sync.Add(int64(time.Since(written)))
	s.ckpt.committed(c)
	g.publish()
	s.w.index.publish(s)
	s.w.sweep.publish(s)
	s.w.words.publish(s.w.maxStored)
	s.sweeping.Store(s.w.sweep.pending)
	return nil
}

// writer returns the connection for a transaction.
func (s *Store) writer() (*conn, error) {
	if s.inMemory() {
		c := <-s.readers
		err := s.limitPages(c)
		if err != nil {
			s.readers <- c
		}
		return c, err
	}
	if s.w.conn == nil {
		c, err := s.openWriter()
		if err != nil {
			return nil, err
		}
		// What a transaction that failed has left is not known for sure.
		if err := s.w.load(s, c); err != nil {
			c.close()
			return nil, err
		}
		s.w.conn = c
		s.w.pages = 0
	}
	return s.w.conn, s.limitPages(s.w.conn)
}

// SetMaxBytes changes Options.MaxBytes from the next transaction on; 0 lifts
// the bound.
func (s *Store) SetMaxBytes(n int64) { s.pages.Store(n / pageSize) }

// limitPages gives the connection the bound on the size that holds now.
func (s *Store) limitPages(c *conn) error {
	pages := s.pages.Load()
	if pages == s.w.pages {
		return nil
	}
	n := pages
	if n == 0 {
		n = maxPages
	}
	if err := c.exec(fmt.Sprintf("PRAGMA max_page_count=%d", n)); err != nil {
		return err
	}
	s.w.pages = pages
	return nil
}

// maxPages is SQLite's own bound, https://sqlite.org/limits.html.
const maxPages = 4294967294

// giveBack ends the use of the connection; after an error it undoes the
// transaction and all that memory has of it.
func (s *Store) giveBack(c *conn, err error) {
	if err != nil {
		clear(s.w.owners)
		s.w.index.abort()
		s.w.words.abort()
		s.w.sweep.abort()
		if c.inTx() {
			c.exec("ROLLBACK")
		}
	}
	if s.inMemory() {
		s.readers <- c
		return
	}
	if err != nil && (c.inTx() || broken(err)) {
		c.close()
		s.w.conn = nil
	}
}

// broken tells errors after which a connection is not used again.
func broken(err error) bool {
	switch codeOf(err) {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY:
		return true
	}
	return false
}

// finishTime bounds how long closing a store takes for what Open can make up for.
const finishTime = 3 * time.Second

// finish brings the index up to date before the store closes, so that the next
// Open has nothing to rebuild. An error here, or too little time on a busy disk, costs
// that time and no data.
func (s *Store) finish() {
	s.w.index.closing = true
	for began := time.Now(); !s.tail.empty() && time.Since(began) < finishTime; {
		// What is to be swept is left for the next time.
		if err := s.transact(nil, workIndex); err != nil {
			return
		}
	}
	if c, err := s.writer(); err == nil {
		err = c.setMeta(metaLastID, s.lastID.Load())
		s.giveBack(c, err)
	}
}

// isCondition tells the errors that concern one batch only.
func isCondition(err error) bool {
	return errors.Is(err, ErrExists) || errors.Is(err, ErrConflict)
}
