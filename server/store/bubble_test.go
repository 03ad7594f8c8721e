package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/store"
)

// TestBubble has a store live and die in a synctest bubble: the test fails if
// a goroutine is left, and time is the bubble's.
func TestBubble(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "natter.db")} {
		synctest.Test(t, func(t *testing.T) {
			s, err := store.Open(store.Options{Path: path}.Stepwise())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			start := time.Now()
			for i := range 30 {
				time.Sleep(time.Second)
				id := s.NextID()
				if got := store.TimeOf(id); !got.Equal(start.Add(time.Duration(i+1) * time.Second)) {
					t.Errorf("id %d is of %v", i, got)
				}
				var b store.Batch
				b.Append(store.Record{ID: id, Owners: [2]string{"a@h", "b@h"}, From: "a@h/x", To: "b@h/y", Text: fmt.Sprint(i)})
				b.SpoolAdd(store.Spool{Owner: "b@h", ID: id})
				b.Put(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: fmt.Sprint(i)}})
				done := false
				b.Then = func(err error) { done = err == nil }
				if err := s.Commit(&b); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // the committer is idle again
				if !done {
					t.Fatal("an idle committer has not committed")
				}
			}
			list, err := s.Range(ctx, "b@h", store.RangeQuery{Start: start.Add(10 * time.Second), End: start.Add(19 * time.Second)})
			if err != nil || len(list) != 10 || list[0].Text != "9" {
				t.Errorf("range: %d records, %v", len(list), err)
			}
			if time.Since(start) != 30*time.Second {
				t.Errorf("the store took %v of the bubble's time", time.Since(start)-30*time.Second)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestClockBack reopens a store in a bubble, where it is the year 2000.
func TestClockBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natter.db")
	open := func(t *testing.T) *store.Store {
		s, err := store.Open(store.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(t)
	id := s.NextID()
	var b store.Batch
	b.Append(store.Record{ID: id})
	if err := s.CommitWait(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	b.Remove(id) // gone, but not to be given out again
	if err := s.CommitWait(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	s.Close()
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		if next := s.NextID(); next <= id {
			t.Errorf("id %d after %d", next, id)
		}
	})
}
