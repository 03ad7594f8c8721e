package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"natter/server/store"
)

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSmoke(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "natter.db")} {
		s := open(t, path)
		ctx := context.Background()
		var b store.Batch
		b.PutNew(store.Doc{Key: store.Key{Host: "h", Account: "a", Kind: "k", Key: "x"}, Data: []byte("1"), Index: [2]string{"ix"}})
		for i := range 30 {
			id := s.NextID()
			b.Append(store.Record{ID: id, Owners: [2]string{"a@h", "b@h"}, From: "a@h/1", To: fmt.Sprintf("b@h/%d", i%3), Stanza: []byte("<m/>")})
			b.SpoolAdd(store.Spool{Owner: "b@h", ID: id})
		}
		if err := s.CommitWait(ctx, &b); err != nil {
			t.Fatal(err)
		}
		d, ok, err := s.Get(ctx, store.Key{Host: "h", Account: "a", Kind: "k", Key: "x"})
		if err != nil || !ok || d.Version != 1 {
			t.Fatal(d, ok, err)
		}
		r, err := s.Range(ctx, "a@h", store.RangeQuery{With: "b@h/1"})
		if err != nil || len(r) != 10 {
			t.Fatal(len(r), err)
		}
		n, err := s.Count(ctx, "b@h")
		if err != nil || n != 30 {
			t.Fatal(n, err)
		}
		p, err := s.SpoolPage(ctx, "b@h", 0, 0, "")
		if err != nil || len(p) != 30 {
			t.Fatal(len(p), err)
		}
		s.Close()
		if path == "" {
			continue
		}
		s = open(t, path)
		n, err = s.Count(ctx, "b@h")
		if err != nil || n != 30 {
			t.Fatal(n, err)
		}
		r, err = s.Range(ctx, "b@h", store.RangeQuery{With: "a@h", N: 5, Reverse: true})
		if err != nil || len(r) != 5 || r[0].To != "b@h/2" {
			t.Fatal(len(r), err)
		}
		s.Close()
	}
}
