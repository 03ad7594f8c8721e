package store_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"natter/server/store"
)

// TestMigrations adds versions to come: each is made once, in order, a failed
// one leaves the version before it, and a database that has them is refused by
// a program that does not.
func TestMigrations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natter.db")
	open := func(later ...string) error {
		t.Helper()
		restore := store.AddMigrations(later...)
		defer restore()
		s, err := store.Open(store.Options{Path: path})
		if err == nil {
			err = put(s, "x", 1)
			s.Close()
		}
		return err
	}
	second := `CREATE TABLE second(x); INSERT INTO second VALUES(1);`
	if err := open(); err != nil {
		t.Fatal(err)
	}
	if err := open(second, `CREATE TABLE third(x); INSERT INTO nowhere VALUES(1);`); err == nil || !strings.Contains(err.Error(), "version 4") {
		t.Errorf("a failing migration: %v", err)
	}
	if err := open(); !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "3") {
		t.Errorf("a newer database: %v", err)
	}
	if err := open(second, `CREATE TABLE third(x);`); err != nil {
		t.Errorf("the migration put right: %v", err)
	}
	if err := open(second, `CREATE TABLE third(x);`); err != nil {
		t.Errorf("nothing left to do: %v", err)
	}
}
