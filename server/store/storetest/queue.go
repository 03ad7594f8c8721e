package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"natter/server/store"
)

func ids(t *testing.T, s *store.Store) {
	before := time.Now().Truncate(time.Millisecond)
	const workers, each = 4, 2000
	got := make([][]uint64, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				got[w] = append(got[w], s.NextID())
			}
		})
	}
	wg.Wait()
	after := time.Now()
	seen := make(map[uint64]bool)
	for _, list := range got {
		last := uint64(0)
		for _, id := range list {
			if id <= last || id>>63 != 0 || seen[id] {
				t.Fatalf("id %d after %d, seen %v", id, last, seen[id])
			}
			if at := store.TimeOf(id); at.Before(before) || at.After(after.Add(time.Millisecond)) {
				t.Fatalf("id %d is of %v, made between %v and %v", id, at, before, after)
			}
			last, seen[id] = id, true
		}
	}
	ahead := store.IDAt(time.Now().Add(time.Hour)) + 5
	commit(t, s, func(b *store.Batch) { b.Append(store.Record{ID: ahead}) })
	if id := s.NextID(); id <= ahead {
		t.Errorf("id %d is not above the stored %d", id, ahead)
	}
	if at := store.TimeOf(store.IDAt(before)); !at.Equal(before) {
		t.Errorf("time %v became %v", before, at)
	}
	if id := store.IDAt(time.Time{}); id != 1 {
		t.Errorf("id of the zero time: %d", id)
	}
}

func callbacks(t *testing.T, s *store.Store) {
	const n = 1000
	var order []int
	for i := range n {
		b := new(store.Batch)
		if i%7 != 0 { // some are empty
			b.Put(doc("a", "k", fmt.Sprint(i%10), fmt.Sprint(i)))
		}
		b.Then = func(err error) {
			if err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
			order = append(order, i)
		}
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, s)
	if len(order) != n {
		t.Fatalf("%d callbacks for %d batches", len(order), n)
	}
	for i := range order {
		if order[i] != i {
			t.Fatalf("callback %d came at place %d", order[i], i)
		}
	}
	if d, _ := get(t, s, key("a", "k", fmt.Sprint((n-1)%10))); string(d.Data) != fmt.Sprint(n-1) {
		t.Errorf("the last put is %q", d.Data)
	}
}

func barrier(t *testing.T, s *store.Store) {
	durable := 0
	const n = 50
	for range n {
		b := new(store.Batch)
		b.Put(doc("a", "k", "x", ""))
		b.Then = func(error) { durable++ }
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan int)
	s.Barrier(func(err error) {
		if err != nil {
			t.Error(err)
		}
		done <- durable
	})
	if got := <-done; got != n {
		t.Errorf("the barrier came after %d of %d", got, n)
	}
}

func invalid(t *testing.T, s *store.Store) {
	tests := map[string]func(b *store.Batch){
		"document without a kind":       func(b *store.Batch) { b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a"}}) },
		"version over 63 bits":          func(b *store.Batch) { b.Put(store.Doc{Key: key("a", "k", ""), Version: 1 << 63}) },
		"record without an id":          func(b *store.Batch) { b.Append(store.Record{}) },
		"id over 63 bits":               func(b *store.Batch) { b.Append(store.Record{ID: 1 << 63}) },
		"spool row without an owner":    func(b *store.Batch) { b.SpoolAdd(store.Spool{ID: 1}) },
		"spool row of the session *":    func(b *store.Batch) { b.SpoolAdd(store.Spool{ID: 1, Owner: "a", Session: "*"}) },
		"trim to less than nothing":     func(b *store.Batch) { b.Trim("a", -1) },
		"removal of an unnamed owner":   func(b *store.Batch) { b.DeleteOwner("") },
		"move to the session *":         func(b *store.Batch) { b.SpoolMove("a", 1, "", "*", 0) },
		"confirmation without an owner": func(b *store.Batch) { b.SpoolConfirm("", 1, "s") },
	}
	for name, fill := range tests {
		b := &store.Batch{Then: func(error) { t.Errorf("%s: callback", name) }}
		b.Put(doc("a", "k", "must not be there", ""))
		fill(b)
		if err := s.Commit(b); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	settle(t, s)
	if _, ok := get(t, s, key("a", "k", "must not be there")); ok {
		t.Error("part of an invalid batch was made")
	}
}

func reuse(t *testing.T, s *store.Store) {
	const n = 100
	b := new(store.Batch)
	i := 0
	done := make(chan error)
	var next func(err error)
	fill := func() {
		b.Reset()
		b.Put(doc("a", "k", fmt.Sprint(i), fmt.Sprint(i)))
		b.Then = next
	}
	next = func(err error) {
		if i++; err != nil || i == n {
			done <- err
			return
		}
		fill()
		if err := s.Commit(b); err != nil {
			done <- err
		}
	}
	fill()
	if err := s.Commit(b); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	keys, err := s.Keys(ctx(), "localhost", "a", "k", "", "", 0)
	if err != nil || len(keys) != n {
		t.Errorf("%d documents, %v", len(keys), err)
	}
}
