package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"natter/server/store"
)

func put(s *store.Store, key string, size int) error {
	var b store.Batch
	b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: key}, Data: make([]byte, size)})
	return s.CommitWait(context.Background(), &b)
}

func has(t *testing.T, s *store.Store, key string) bool {
	t.Helper()
	_, ok, err := s.Get(context.Background(), store.Key{Host: "h", Account: "a", Kind: "k", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// gated opens a store whose committer stops before each transaction until the
// test lets it go on, with the error it sends.
func gated(t *testing.T, o store.Options) (s *store.Store, reached <-chan struct{}, pass chan<- error) {
	t.Helper()
	r, p := make(chan struct{}), make(chan error)
	var open atomic.Bool
	o.Gate = func() error {
		if open.Load() {
			return nil
		}
		r <- struct{}{}
		return <-p
	}
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		open.Store(true)
		s.Close()
	})
	return s, r, p
}

func TestStalledDisk(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "natter.db")} {
		s, reached, pass := gated(t, store.Options{Path: path, QueueBatches: 100})
		var done, busy int
		commit := func(i int) {
			b := &store.Batch{Then: func(err error) {
				if err != nil {
					t.Errorf("batch %d: %v", i, err)
				}
				done++
			}}
			b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: fmt.Sprint(i)}})
			switch err := s.Commit(b); {
			case errors.Is(err, store.ErrBusy):
				busy++
			case err != nil:
				t.Fatal(err)
			}
		}
		commit(0)
		<-reached // the disk stalls with one batch under way
		for i := 1; i < 150; i++ {
			commit(i)
		}
		if !s.Full() {
			t.Error("a queue at its bound is not full")
		}
		if busy != 50 {
			t.Errorf("%d of 150 batches were refused at a bound of 100", busy)
		}
		if has(t, s, "0") {
			t.Error("a batch is seen before it is durable")
		}
		groups := s.Stats().Groups
		pass <- nil
		<-reached
		if !has(t, s, "0") || has(t, s, "1") {
			t.Error("the first transaction is not what was there when it began")
		}
		pass <- nil
		// A full queue takes a barrier all the same.
		reachedEnd := make(chan error, 1)
		s.Barrier(func(err error) { reachedEnd <- err })
		for ended := false; !ended; {
			select {
			case <-reached:
				pass <- nil
			case err := <-reachedEnd:
				if err != nil {
					t.Error(err)
				}
				ended = true
			}
		}
		if s.Full() {
			t.Error("an empty queue is full")
		}
		if done != 100 {
			t.Errorf("%d batches of 100 came through", done)
		}
		if n := s.Stats().Groups - groups; n > 3 {
			t.Errorf("100 batches took %d transactions", n)
		}
	}
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	s, reached, pass := gated(t, store.Options{QueueBytes: 10_000})
	batch := func(size int) *store.Batch {
		b := new(store.Batch)
		b.Put(store.Doc{Key: store.Key{Kind: "k"}, Data: make([]byte, size)})
		return b
	}
	if err := s.Commit(batch(10_001)); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a batch above the bound: %v", err)
	}
	if err := s.Commit(batch(6_000)); err != nil {
		t.Error(err)
	}
	if err := s.Commit(batch(6_000)); !errors.Is(err, store.ErrBusy) {
		t.Errorf("a batch over the rest of the bound: %v", err)
	}
	if err := s.Commit(batch(3_000)); err != nil {
		t.Error(err)
	}
	waited := make(chan error)
	go func() { waited <- s.CommitWait(context.Background(), batch(6_000)) }()
	for {
		select {
		case <-reached:
			pass <- nil
			continue
		case err := <-waited:
			if err != nil {
				t.Errorf("a batch that waited for room: %v", err)
			}
		}
		break
	}
	if st := s.Stats(); st.Queued != 0 || st.QueuedBytes != 0 {
		t.Errorf("after all is done: %+v", st)
	}
}

func TestFailedTransaction(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "natter.db")} {
		s, reached, pass := gated(t, store.Options{Path: path})
		broken := errors.New("no disk")
		var errs []error
		for i := range 3 {
			b := &store.Batch{Then: func(err error) { errs = append(errs, err) }}
			b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: fmt.Sprint(i)}})
			id := s.NextID()
			b.Append(store.Record{ID: id, Owners: [2]string{"new@h"}, From: "new@h", To: "other@h"})
			if err := s.Commit(b); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				<-reached
			}
		}
		pass <- broken
		<-reached
		pass <- broken
		bar := make(chan error, 1)
		s.Barrier(func(err error) { bar <- err })
		<-reached
		pass <- nil
		if err := <-bar; err != nil {
			t.Errorf("barrier: %v", err)
		}
		if len(errs) != 3 || !errors.Is(errs[0], broken) || !errors.Is(errs[2], broken) {
			t.Errorf("callbacks of the failed: %v", errs)
		}
		if n, err := s.Count(context.Background(), "new@h"); n != 0 || err != nil {
			t.Errorf("count: %d %v", n, err)
		}
		go func() { <-reached; pass <- nil }()
		if err := put(s, "0", 1); err != nil {
			t.Errorf("after the disk has recovered: %v", err)
		}
		if st := s.Stats(); st.Errors != 2 || st.Failed != 3 {
			t.Errorf("stats: %+v", st)
		}
	}
}

// TestFullDisk fills the database to its bound, which SQLite meets as it does
// a full disk.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natter.db")
	s, err := store.Open(store.Options{Path: path, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stored := 0
	for err == nil {
		if err = put(s, fmt.Sprint(stored), 50_000); err == nil {
			stored++
		}
	}
	if stored < 10 || stored > 20 || !strings.Contains(err.Error(), "full") {
		t.Fatalf("after %d documents: %v", stored, err)
	}
	for i := range stored {
		if !has(t, s, fmt.Sprint(i)) {
			t.Errorf("document %d is gone", i)
		}
	}
	if has(t, s, fmt.Sprint(stored)) {
		t.Error("the one that failed is there")
	}
	// All of a batch or nothing: the small part would fit.
	var b store.Batch
	b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: "small"}, Data: []byte("x")})
	b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: "large"}, Data: make([]byte, 200_000)})
	if err := s.CommitWait(context.Background(), &b); err == nil || has(t, s, "small") {
		t.Errorf("half of a batch was made: %v", err)
	}
	// Deleting makes room by itself.
	b.Reset()
	b.DeleteAll("h", "a")
	if err := s.CommitWait(context.Background(), &b); err != nil {
		t.Fatalf("delete on a full disk: %v", err)
	}
	if err := put(s, "again", 50_000); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	s.SetMaxBytes(0)
	if err := put(s, "large", 3<<20); err != nil {
		t.Errorf("after the bound was lifted: %v", err)
	}
}

// TestFullDiskOfRecords fills the disk with messages, while the index is always
// behind, and makes room by what an administrator can do.
func TestFullDiskOfRecords(t *testing.T) {
	ctx := context.Background()
	for _, path := range []string{"", filepath.Join(t.TempDir(), "natter.db")} {
		s, err := store.Open(store.Options{Path: path, MaxBytes: 300_000}.Stepwise())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		fill := func() (n int, err error) {
			for err == nil {
				var b store.Batch
				b.Append(store.Record{ID: s.NextID(), Owners: [2]string{"a@h", "b@h"}, From: "a@h", To: "b@h", Stanza: make([]byte, 400)})
				if err = s.CommitWait(ctx, &b); err == nil {
					n++
				}
			}
			return n, err
		}
		n, err := fill()
		if n < 100 || !strings.Contains(err.Error(), "full") {
			t.Fatalf("after %d records: %v", n, err)
		}
		if got, err := s.Count(ctx, "a@h"); got != n || err != nil {
			t.Errorf("count: %d %v, want %d", got, err, n)
		}
		last, err := s.Range(ctx, "a@h", store.RangeQuery{N: 1, Reverse: true})
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		b.DeleteBefore(last[0].Time())
		if err := s.CommitWait(ctx, &b); err != nil {
			t.Fatalf("deletion on a full disk: %v", err)
		}
		for s.Stats().Sweeping {
			done := make(chan error, 1)
			s.Barrier(func(err error) { done <- err })
			<-done
		}
		if again, _ := fill(); again < n/2 {
			t.Errorf("%d records fit where %d were deleted", again, n)
		}
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natter.db")
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(store.Options{Path: path}); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second open: %v", err)
	}
	s.Close()
	s, err = store.Open(store.Options{Path: path})
	if err != nil {
		t.Errorf("an open after the close: %v", err)
	}
	s.Close()
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := store.Open(store.Options{Path: filepath.Join(dir, "none", "natter.db")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	junk := filepath.Join(dir, "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(store.Options{Path: junk}); err == nil {
		s.Close()
		t.Error("a file that is no database was opened")
	}
	if got, _ := os.ReadFile(junk); !strings.HasPrefix(string(got), "no database no database") {
		t.Error("the file that is no database was changed")
	}
}

func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natter.db")
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	const n = 500
	acked := 0
	for i := range n {
		b := &store.Batch{Then: func(err error) {
			if err == nil {
				acked++
			}
		}}
		b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: fmt.Sprint(i)}})
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil || acked != n {
		t.Errorf("close: %v, %d of %d batches durable", err, acked, n)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := s.Commit(new(store.Batch)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	if err := put(s, "x", 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("commit and wait: %v", err)
	}
	s.Barrier(func(err error) {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("barrier: %v", err)
		}
	})
	if _, _, err := s.Get(context.Background(), store.Key{Kind: "k"}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	s, err = store.Open(store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range n {
		if !has(t, s, fmt.Sprint(i)) {
			t.Fatalf("document %d is gone", i)
		}
	}
}

// TestNetting holds the committer, so that what follows is one group, and
// looks whether it writes.
func TestNetting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natter.db")
	s, reached, pass := gated(t, store.Options{Path: path})
	group := func(fill func(b *store.Batch) *store.Batch) (grown int64) {
		t.Helper()
		size := func() int64 {
			fi, err := os.Stat(path + "-wal")
			if err != nil {
				t.Fatal(err)
			}
			return fi.Size()
		}
		before := size()
		if err := s.Commit(new(store.Batch)); err != nil { // holds the committer
			t.Fatal(err)
		}
		<-reached
		for i := range 50 {
			b := new(store.Batch)
			b.Then = func(err error) {
				if err != nil {
					t.Errorf("batch %d: %v", i, err)
				}
			}
			if err := s.Commit(fill(b)); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		s.Barrier(func(err error) { done <- err })
		pass <- nil
		<-reached
		pass <- nil
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return size() - before
	}
	message := func(flags uint32) func(b *store.Batch) *store.Batch {
		var last uint64
		return func(b *store.Batch) *store.Batch {
			if last != 0 {
				b.SpoolConfirm("b@h", last, "s")
				last = 0
				return b
			}
			last = s.NextID()
			b.Append(store.Record{ID: last, Owners: [2]string{"a@h", "b@h"}, Flags: flags, Stanza: make([]byte, 300)})
			b.SpoolAdd(store.Spool{Owner: "b@h", ID: last, Session: "s"})
			return b
		}
	}
	group(message(0)) // the owners are new
	if n := group(message(store.FlagTransient)); n != 0 {
		t.Errorf("25 transient records, confirmed at once, wrote %d bytes", n)
	}
	archived := group(message(0))
	if archived == 0 || archived > 80_000 {
		t.Errorf("25 archived records, confirmed at once, wrote %d bytes", archived)
	}
	one := group(func(b *store.Batch) *store.Batch {
		b.Put(store.Doc{Key: store.Key{Host: "h", Kind: "k", Key: "one"}, Data: make([]byte, 3000)})
		return b
	})
	if one > 40_000 {
		t.Errorf("50 puts of 3000 bytes to one key wrote %d bytes", one)
	}
	if d, _, err := s.Get(context.Background(), store.Key{Host: "h", Kind: "k", Key: "one"}); d.Version != 50 || err != nil {
		t.Errorf("version %d after 50 puts, %v", d.Version, err)
	}
}
