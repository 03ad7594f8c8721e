// Package storetest is the conformance test of stores: what package store
// promises, run against any way of opening one.
package storetest

import (
	"context"
	"errors"
	"testing"

	"natter/server/store"
)

// Run runs the suite. Each test calls open for a fresh and empty store, and
// closes it.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, s *store.Store)
	}{
		{"a document is read as it was put", putAndGet},
		{"versions count up or are the caller's", versions},
		{"a failed condition fails its own batch alone", conditions},
		{"conditions see the batches before them", conditionsInOrder},
		{"documents are listed by prefix, in pages", listing},
		{"documents are found by index strings", indexStrings},
		{"accounts are listed by kind", accounts},
		{"all of an account's documents go at once", deleteAll},
		{"ids go up and carry the time", ids},
		{"callbacks come once and in order", callbacks},
		{"a barrier comes after what was enqueued before", barrier},
		{"an invalid batch is refused at once", invalid},
		{"a batch can be used again from its callback", reuse},
		{"a confirmed record leaves the owner's spool", confirm},
		{"a confirmation marks the rows of other sessions", confirmOthers},
		{"spool rows move between sessions and offline", move},
		{"a dropped session's rows go", dropSession},
		{"a transient record lives while it is in a spool", transient},
		{"the spool is paged without parting an id", spoolPages},
		{"the spool is summed up", spoolSums},
		{"ranges select by peer, time and id", ranges},
		{"a record to oneself is there once", toOneself},
		{"a range stops at its bound", rangeBound},
		{"a record is found by id until removed", getRecord},
		{"an account leaves the log, the other owner keeps the record", deleteOwner},
		{"an account that comes back finds nothing", ownerComesBack},
		{"old records go, what waits stays", deleteBefore},
		{"an archive is trimmed to its newest", trim},
		{"a cancelled context ends a read", cancelled},
		{"random batches leave what a plain model leaves", random},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			defer s.Close()
			tt.run(t, s)
		})
	}
}

// commit commits what fill puts into a batch and waits for it.
func commit(t *testing.T, s *store.Store, fill func(b *store.Batch)) {
	t.Helper()
	if err := try(s, fill); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func try(s *store.Store, fill func(b *store.Batch)) error {
	var b store.Batch
	fill(&b)
	return s.CommitWait(context.Background(), &b)
}

func mustFail(t *testing.T, s *store.Store, want error, fill func(b *store.Batch)) {
	t.Helper()
	if err := try(s, fill); !errors.Is(err, want) {
		t.Fatalf("commit: %v, want %v", err, want)
	}
}

// settle waits until nothing is left to remove in the background.
func settle(t *testing.T, s *store.Store) {
	t.Helper()
	for range 100_000 {
		done := make(chan error, 1)
		s.Barrier(func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatalf("barrier: %v", err)
		}
		if !s.Stats().Sweeping {
			return
		}
	}
	t.Fatal("the background work does not end")
}

func ctx() context.Context { return context.Background() }
