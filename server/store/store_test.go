package store_test

import (
	"path/filepath"
	"testing"

	"natter/server/store"
	"natter/server/store/storetest"
)

// TestConformance runs the suite over every way a store is opened, and with
// its background work in steps so small that they come between all others.
func TestConformance(t *testing.T) {
	file := func(t *testing.T) store.Options {
		return store.Options{Path: filepath.Join(t.TempDir(), "natter.db")}
	}
	memory := func(t *testing.T) store.Options { return store.Options{} }
	ways := []struct {
		name string
		opt  func(t *testing.T) store.Options
	}{
		{"memory", memory},
		{"file", file},
		{"memory in small steps", func(t *testing.T) store.Options { return memory(t).Stepwise() }},
		{"file in small steps", func(t *testing.T) store.Options { return file(t).Stepwise() }},
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) *store.Store {
				s, err := store.Open(w.opt(t))
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}
