// Package store keeps natter's data: documents (accounts, rosters, sessions,
// whatever a module puts under a key), one Log of messages, and the spool,
// which says who has which message of the Log still to get.
//
// Everything is in one SQLite database, in a file or in memory. Changes are
// gathered in a Batch and handed to Commit, which never waits. One committer
// goroutine writes what has come as soon as its last transaction is done, many
// batches to one transaction, and synced before their callbacks run, so that a
// caller may acknowledge what Then reported. Reads see what is committed, on
// connections of their own.
//
// The package imports nothing of ours.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// Options say where a store is and what bounds it has; the zero value is a
// store in memory with the defaults.
type Options struct {
	// Path of the database file; its directory must exist. SQLite puts a log
	// and a shared-memory file beside it, and we a lock. Empty keeps the data
	// in memory.
	Path string

	QueueBytes   int64 // bound on what is queued or being written, default 64 MiB
	QueueBatches int   // the same as a number of batches, default 65,536
	GroupBytes   int64 // how much goes into one transaction, default 4 MiB
	CacheBytes   int64 // page cache of the committer, default 32 MiB
	MaxBytes     int64 // bound on the size of the database, 0 for none; over it batches fail as on a full disk
	Readers      int   // connections for reads, default 4; they are opened when needed

	// Gate, if set, is called by the committer before each transaction, for
	// fault injection: while it blocks, the disk is stalled; with an error the
	// transaction fails.
	Gate func() error

	tune tuning
}

func (o Options) withDefaults() Options {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.QueueBytes, 64<<20)
	def(&o.GroupBytes, 4<<20)
	def(&o.CacheBytes, 32<<20)
	if o.QueueBatches <= 0 {
		o.QueueBatches = 65536
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.tune == (tuning{}) {
		o.tune = defaultTuning
	}
	return o
}

// Store is an open store. Its methods may be called from any goroutine.
type Store struct {
	opt    Options
	lock   *os.File // nil in memory, as is file
	file   *os.File // the database
	lastID atomic.Uint64
	pages  atomic.Int64 // MaxBytes in pages, 0 for none

	queue queue
	done  chan struct{} // closed when the committer has ended

	// readers holds the connections not in use, nil for one not opened yet. In
	// memory there is one connection, which the committer borrows too.
	readers chan *conn

	tail  tail
	ckpt  checkpointer
	count counters

	sweeping atomic.Bool // w.sweep.pending, for Stats

	w committer // the committer's goroutine's own
}

// Open opens or creates a store. ErrLocked: another process has it open.
// ErrNewer: a later version of the program wrote it.
func Open(o Options) (*Store, error) {
	s := &Store{opt: o.withDefaults(), done: make(chan struct{})}
	s.queue.init()
	s.pages.Store(s.opt.MaxBytes / pageSize)
	if o.Path != "" {
		var err error
		if s.lock, err = lockFile(o.Path + ".lock"); err != nil {
			return nil, err
		}
		// What is in it is nobody else's: SQLite would go by the umask alone.
		// The handle stays open as long as SQLite has the file, whose locks
		// would go with any handle of the process that is closed.
		if s.file, err = os.OpenFile(o.Path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			s.lock.Close()
			return nil, fmt.Errorf("store: open: %w", err)
		}
	}
	c, err := s.openWriter()
	if err == nil {
		if err = s.load(c); err != nil {
			c.close()
		}
	}
	if err != nil {
		s.unlock()
		return nil, err
	}
	n := s.opt.Readers
	if s.inMemory() {
		n = 1
	}
	s.readers = make(chan *conn, n)
	if s.inMemory() {
		s.readers <- c
	} else {
		s.w.conn = c
		for range n {
			s.readers <- nil
		}
	}
	if !s.inMemory() {
		syncDir(filepath.Dir(o.Path))
		s.ckpt.begin(s)
	}
	go s.run()
	return s, nil
}

func (s *Store) inMemory() bool { return s.opt.Path == "" }

// load migrates the database and reads what the store keeps in memory.
func (s *Store) load(c *conn) error {
	if err := migrate(c); err != nil {
		return err
	}
	if err := s.w.load(s, c); err != nil {
		return fmt.Errorf("store: open: %w", err)
	}
	return nil
}

// Close commits what is queued, ends the committer and closes the database.
// Later calls of Commit answer ErrClosed.
func (s *Store) Close() error {
	if !s.queue.close() {
		<-s.done
		return nil
	}
	<-s.done
	s.ckpt.end()
	for range cap(s.readers) {
		if c := <-s.readers; c != nil {
			c.close()
		}
	}
	close(s.readers)
	if s.w.conn != nil {
		s.w.conn.close()
	}
	s.unlock()
	return nil
}

// unlock closes the files that are not SQLite's, after those that are.
func (s *Store) unlock() {
	if !s.inMemory() {
		s.file.Close()
		s.lock.Close()
	}
}

// syncDir makes the creation of files durable. What does not let its
// directories be synced, such as Windows, does not need it.
func syncDir(path string) {
	if d, err := os.Open(path); err == nil {
		d.Sync()
		d.Close()
	}
}

const pageSize = 4096

// openWriter opens a connection for the committer.
func (s *Store) openWriter() (*conn, error) {
	c, err := openConn(s.opt.Path)
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", s.opt.Path, err)
	}
	script := fmt.Sprintf("PRAGMA page_size=%d; PRAGMA busy_timeout=5000; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;",
		pageSize, s.opt.CacheBytes>>10)
	if !s.inMemory() {
		script += "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;"
	}
	err = c.exec(script)
	if err == nil && !s.inMemory() {
		var mode string
		mode, err = c.queryText("PRAGMA journal_mode=WAL")
		if err == nil && mode != "wal" {
			err = fmt.Errorf("journal mode is %s; does the file system have shared memory?", mode)
		}
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("store: open %s: %w", s.opt.Path, err)
	}
	return c, nil
}

// openReader opens a connection for reads.
func (s *Store) openReader() (*conn, error) {
	c, err := openConn(s.opt.Path)
	if err != nil {
		return nil, err
	}
	if err := c.exec("PRAGMA busy_timeout=5000; PRAGMA cache_size=-4096; PRAGMA query_only=ON"); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// read runs f with a connection of the pool, which is interrupted when ctx
// ends.
func (s *Store) read(ctx context.Context, f func(c *conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var c *conn
	select {
	case got, open := <-s.readers:
		if !open {
			return ErrClosed
		}
		c = got
	case <-ctx.Done():
		return ctx.Err()
	}
	if c == nil {
		var err error
		if c, err = s.openReader(); err != nil {
			s.readers <- nil
			return fmt.Errorf("store: open for reading: %w", err)
		}
	}
	release := c.watch(ctx)
	err := f(c)
	release()
	if broken(err) && !s.inMemory() {
		c.close()
		c = nil // the next read opens another
	}
	s.readers <- c
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, ErrInvalid) {
		return fmt.Errorf("store: read: %w", err)
	}
	return err
}
