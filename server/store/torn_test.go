//go:build linux || darwin

package store_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"natter/server/store"
)

// TestTornLog cuts SQLite's write-ahead log at every kind of place, as a loss
// of power may, with junk where the cut is: what was durable before that place
// must be there, and no batch by half.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "natter.db")
	s, err := store.Open(store.Options{Path: path}.Stepwise())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids := make(map[int]uint64)
	var durable []int64 // size of the log after each batch
	for i := range 120 {
		var b store.Batch
		fillBatch(s, &b, i, ids)
		if err := s.CommitWait(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		durable = append(durable, fi.Size())
	}
	main, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		cut := rand.IntN(len(wal) + 1)
		torn := append([]byte(nil), wal[:cut]...)
		for range rand.IntN(5000) {
			torn = append(torn, byte(rand.Uint32()))
		}
		acked := -1
		for i, size := range durable {
			if size <= int64(cut) {
				acked = i
			}
		}
		copied := filepath.Join(t.TempDir(), "natter.db")
		for name, data := range map[string][]byte{copied: main, copied + "-wal": torn} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := checkKilled(copied, acked, true); err != nil {
			t.Fatalf("log of %d bytes cut at %d, %d batches durable before: %v", len(wal), cut, acked+1, err)
		}
	}
}
