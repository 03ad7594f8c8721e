//go:build linux || darwin

package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"natter/server/store"
)

// TestWriteErrors has a process whose files may grow to half a megabyte only,
// so that the system refuses its writes, and looks at what it reports.
func TestWriteErrors(t *testing.T) {
	cmd := child("limit", filepath.Join(t.TempDir(), "natter.db"))
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	t.Logf("%s", out.Bytes())
}

// writeToTheLimit commits until the system refuses to write, goes on for a
// while, lifts the limit and commits again; then all that was acknowledged
// must be there, and nothing that failed.
func writeToTheLimit(path string) int {
	fail := func(format string, args ...any) int {
		fmt.Printf(format+"\n", args...)
		return 1
	}
	s, err := store.Open(store.Options{Path: path}.Stepwise())
	if err != nil {
		return fail("open: %v", err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return fail("%v", err)
	}
	limit := func(n uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: before.Max})
	}
	if err := limit(512 << 10); err != nil {
		return fail("%v", err)
	}
	stored, failed := make(map[string]bool), make(map[string]bool)
	write := func(i int) error {
		var b store.Batch
		id := s.NextID()
		key := fmt.Sprint(i)
		b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: key}, Data: make([]byte, 9000)})
		b.Append(store.Record{ID: id, Owners: [2]string{"a@h", "b@h"}, From: "a@h", To: "b@h", Text: key})
		err := s.CommitWait(context.Background(), &b)
		stored[key], failed[key] = err == nil, err != nil
		return err
	}
	i, errs := 0, 0
	for ; errs < 20 && i < 1000; i++ {
		if err := write(i); err != nil {
			if errs == 0 {
				fmt.Printf("batch %d: %v\n", i, err)
			}
			errs++
		}
		if _, err := s.Count(context.Background(), "a@h"); err != nil {
			return fail("read while writes fail: %v", err)
		}
	}
	if errs == 0 {
		return fail("no write failed")
	}
	if err := limit(before.Cur); err != nil {
		return fail("%v", err)
	}
	for end := i + 50; i < end; i++ {
		if err := write(i); err != nil {
			return fail("after the limit was lifted: %v", err)
		}
	}
	check := func() error {
		n := 0
		for key, want := range stored {
			_, ok, err := s.Get(context.Background(), store.Key{Host: "h", Account: "a", Kind: "k", Key: key})
			if err != nil || ok != want {
				return fmt.Errorf("document %s: there %v, want %v, %v", key, ok, want, err)
			}
			if want {
				n++
			}
		}
		list, err := s.Range(context.Background(), "b@h", store.RangeQuery{With: "a@h"})
		if err != nil || len(list) != n {
			return fmt.Errorf("%d records, want %d, %v", len(list), n, err)
		}
		if got, err := s.Count(context.Background(), "b@h"); err != nil || got != n {
			return fmt.Errorf("count %d, want %d, %v", got, n, err)
		}
		fmt.Printf("%d batches stored, %d failed\n", n, len(stored)-n)
		return nil
	}
	if err := check(); err != nil {
		return fail("%v", err)
	}
	s.Close()
	if s, err = store.Open(store.Options{Path: path}); err != nil {
		return fail("open again: %v", err)
	}
	defer s.Close()
	if err := check(); err != nil {
		return fail("opened again: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		return fail("%v", err)
	}
	return 0
}
