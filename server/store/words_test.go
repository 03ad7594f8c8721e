package store_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"natter/server/store"
)

// find returns the texts that a search finds.
func find(t *testing.T, s *store.Store, owner, text string) string {
	t.Helper()
	list, err := s.Search(t.Context(), owner, text, store.RangeQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, r.Text)
	}
	return strings.Join(got, ",")
}

func say(t *testing.T, s *store.Store, texts ...string) (ids []uint64) {
	t.Helper()
	b := new(store.Batch)
	for _, text := range texts {
		ids = append(ids, s.NextID())
		b.Append(store.Record{ID: ids[len(ids)-1], Owners: [2]string{"romeo@localhost", "juliet@localhost"},
			From: "romeo@localhost/garden", To: "juliet@localhost", Stanza: []byte("<message/>"), Text: text})
	}
	if err := s.CommitWait(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestWordsOfAnOlderDatabase: what was written by a version without the index is
// found, before it is indexed and after.
func TestWordsOfAnOlderDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natter.db")
	restore := store.OnlyMigrations(1)
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	say(t, s, "wherefore art thou")
	s.Close()
	restore()
	for range 2 {
		if s, err = store.Open(store.Options{Path: path}); err != nil {
			t.Fatal(err)
		}
		if got := find(t, s, "juliet@localhost", "ART"); got != "wherefore art thou" {
			t.Errorf("found %q", got)
		}
		if _, err := s.IndexWords(t.Context(), 100); err != nil || s.WordsBehind() {
			t.Errorf("indexing: %v", err)
		}
		s.Close()
	}
}

// TestASearchCatchesUp with an index that lacks more than can be looked through.
func TestASearchCatchesUp(t *testing.T) {
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	say(t, s, "the first")
	for range 30 {
		say(t, s, strings.Split(strings.Repeat("noise ", 100)+"x", " ")...)
	}
	ids := say(t, s, "the last")
	if got := find(t, s, "juliet@localhost", "the"); got != "the first,the last" || s.WordsBehind() {
		t.Errorf("found %q, behind %v", got, s.WordsBehind())
	}
	if got := find(t, s, "nurse@localhost", "the"); got != "" {
		t.Errorf("a stranger found %q", got)
	}
	// What is taken back is not found any more, nor what went with an archive.
	b := new(store.Batch)
	b.Replace(ids[0], []byte("<message/>"), "")
	if err := s.CommitWait(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := find(t, s, "juliet@localhost", "the"); got != "the first" {
		t.Errorf("after a replacement: %q", got)
	}
	b = new(store.Batch)
	b.DeleteOwner("juliet@localhost")
	if err := s.CommitWait(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	say(t, s, "anew")
	if got := find(t, s, "juliet@localhost", "the"); got != "" {
		t.Errorf("who has the name now found %q", got)
	}
	if got := find(t, s, "romeo@localhost", "the"); got != "the first" {
		t.Errorf("the other side found %q", got)
	}
}

func TestASearchEndsWithItsContext(t *testing.T) {
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	cancel()
	if _, err := s.Search(ctx, "juliet@localhost", "x", store.RangeQuery{}); err == nil {
		t.Error("no error")
	}
}

// FuzzSearch searches a text for whatever: with and without the index the same is
// found, and every word of a text finds it.
func FuzzSearch(f *testing.F) {
	for _, seed := range [][2]string{
		{"Hail to thee, lady!", "lady"}, {"你好世界", "好世"}, {"Größe ÜBER", `"größe über"`}, {"a b", `owner : o1 OR "b`},
		{"👩‍👩‍👧 ok", "👧"}, {"x", `" AND * NEAR(`}, {"İstanbul", "istanbul*"}, {"ก็", "ก"}, {"\xff\xfe", "\x00"},
	} {
		f.Add(seed[0], seed[1])
	}
	s, err := store.Open(store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, text, search string) {
		ids := say(t, s, text)
		only := store.RangeQuery{AfterID: ids[0] - 1}
		before, err := s.Search(t.Context(), "juliet@localhost", search, only)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.IndexWords(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		after, err := s.Search(t.Context(), "juliet@localhost", search, only)
		if err != nil || len(before) != len(after) {
			t.Fatalf("%q in %q: %d before it was indexed, %d after (%v)", search, text, len(before), len(after), err)
		}
	})
}
