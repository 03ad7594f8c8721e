package storetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"natter/server/store"
)

// at is the id of a record made so many seconds after a fixed moment.
func at(seconds int) uint64 {
	return store.IDAt(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(seconds)*time.Second)) + uint64(seconds)
}

func timeAt(seconds int) time.Time { return store.TimeOf(at(seconds)) }

// wantRange compares a range with the letters that records are named by.
func wantRange(t *testing.T, s *store.Store, owner string, q store.RangeQuery, want string) {
	t.Helper()
	list, err := s.Range(ctx(), owner, q)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range list {
		got += r.Text
	}
	if got != want {
		t.Errorf("range %+v of %s: %q, want %q", q, owner, got, want)
	}
}

// letters appends records a second apart, named a, b, c ...: each from Juliet
// to the JID given.
func letters(t *testing.T, s *store.Store, to ...string) {
	t.Helper()
	commit(t, s, func(b *store.Batch) {
		for i, jid := range to {
			bare, _, _ := strings.Cut(jid, "/")
			b.Append(store.Record{
				ID: at(i), Owners: [2]string{juliet, bare}, From: juliet + "/balcony", To: jid,
				Stanza: []byte("<message/>"), Text: string(rune('a' + i)),
			})
		}
	})
}

func ranges(t *testing.T, s *store.Store) {
	letters(t, s, romeo+"/garden", nurse, romeo, romeo+"/street", nurse+"/house", romeo+"/garden", "rome.example", romeo+"/x/y")
	tests := []struct {
		owner string
		q     store.RangeQuery
		want  string
	}{
		{juliet, store.RangeQuery{}, "abcdefgh"},
		{juliet, store.RangeQuery{Reverse: true}, "hgfedcba"},
		{romeo, store.RangeQuery{}, "acdfh"},
		{nurse, store.RangeQuery{}, "be"},
		{"nobody@localhost", store.RangeQuery{}, ""},
		{juliet, store.RangeQuery{With: romeo}, "acdfh"},
		{juliet, store.RangeQuery{With: romeo + "/garden"}, "af"},
		{juliet, store.RangeQuery{With: romeo + "/x/y"}, "h"},
		{juliet, store.RangeQuery{With: "rome.example"}, "g"},
		{juliet, store.RangeQuery{With: "localhost"}, ""},
		{romeo, store.RangeQuery{With: juliet}, "acdfh"},
		{romeo, store.RangeQuery{With: juliet + "/balcony"}, "acdfh"},
		{romeo, store.RangeQuery{With: romeo}, ""},
		{juliet, store.RangeQuery{N: 3}, "abc"},
		{juliet, store.RangeQuery{N: 3, Reverse: true}, "hgf"},
		{juliet, store.RangeQuery{N: 2, With: romeo, AfterID: at(0)}, "cd"},
		{juliet, store.RangeQuery{N: 2, With: romeo, BeforeID: at(5), Reverse: true}, "dc"},
		{juliet, store.RangeQuery{Bytes: len("<message/>") + 1}, "ab"},
		{juliet, store.RangeQuery{Bytes: 1, Reverse: true}, "h"},
		{juliet, store.RangeQuery{AfterID: at(2), BeforeID: at(5)}, "de"},
		{juliet, store.RangeQuery{AfterID: at(5), BeforeID: at(5)}, ""},
		{juliet, store.RangeQuery{AfterID: at(5), BeforeID: at(2)}, ""},
		{juliet, store.RangeQuery{AfterID: 1<<64 - 1}, ""},
		{juliet, store.RangeQuery{BeforeID: 1<<64 - 1, N: 1}, "a"},
		{juliet, store.RangeQuery{Start: timeAt(3)}, "defgh"},
		{juliet, store.RangeQuery{End: timeAt(3)}, "abcd"},
		{juliet, store.RangeQuery{Start: timeAt(3), End: timeAt(3)}, "d"},
		{juliet, store.RangeQuery{Start: timeAt(3).Add(time.Millisecond)}, "efgh"},
		{juliet, store.RangeQuery{End: timeAt(3).Add(-time.Millisecond), Reverse: true}, "cba"},
		{juliet, store.RangeQuery{Start: timeAt(4), End: timeAt(2)}, ""},
		{juliet, store.RangeQuery{Start: timeAt(1), AfterID: at(2), End: timeAt(6), BeforeID: at(5), With: romeo}, "d"},
		{juliet, store.RangeQuery{Start: time.Unix(-1<<40, 0), End: time.Unix(1<<40, 0)}, "abcdefgh"},
	}
	for _, tt := range tests {
		wantRange(t, s, tt.owner, tt.q, tt.want)
	}
	list, err := s.Range(ctx(), romeo, store.RangeQuery{N: 1})
	want := []store.Record{{
		ID: at(0), Owners: [2]string{juliet, romeo}, From: juliet + "/balcony", To: romeo + "/garden",
		Stanza: []byte("<message/>"), Text: "a",
	}}
	if err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("first record: %+v %v, want %+v", list, err, want)
	}
	// Records between the others, as an import makes them.
	commit(t, s, func(b *store.Batch) {
		for i, n := range []int{7, 0, 3} {
			b.Append(store.Record{ID: at(n) + 1, Owners: [2]string{"", romeo}, From: romeo + "/nick", To: romeo, Text: fmt.Sprint(i)})
		}
	})
	wantRange(t, s, romeo, store.RangeQuery{}, "a1cd2fh0")
	wantRange(t, s, romeo, store.RangeQuery{With: romeo + "/nick", Reverse: true}, "021")
	if n, err := s.Count(ctx(), romeo); n != 8 || err != nil {
		t.Errorf("count: %d %v", n, err)
	}
}

func toOneself(t *testing.T, s *store.Store) {
	letters(t, s, juliet+"/tomb", romeo)
	wantRange(t, s, juliet, store.RangeQuery{}, "ab")
	wantRange(t, s, juliet, store.RangeQuery{With: juliet}, "a")
	wantRange(t, s, juliet, store.RangeQuery{With: juliet + "/tomb"}, "a")
	wantRange(t, s, juliet, store.RangeQuery{With: juliet + "/balcony"}, "a")
	wantRange(t, s, juliet, store.RangeQuery{With: juliet + "/none"}, "")
	if n, err := s.Count(ctx(), juliet); n != 2 || err != nil {
		t.Errorf("count: %d %v", n, err)
	}
}

func rangeBound(t *testing.T, s *store.Store) {
	const n = store.MaxPage + 5
	commit(t, s, func(b *store.Batch) {
		for i := range n {
			b.Append(message(at(i), 0))
			b.SpoolAdd(store.Spool{Owner: romeo, ID: at(i)})
			b.Put(doc("juliet", "k", fmt.Sprintf("%05d", i), ""))
		}
	})
	for _, ask := range []int{0, -1, n, store.MaxPage} {
		list, err := s.Range(ctx(), romeo, store.RangeQuery{N: ask})
		if len(list) != store.MaxPage || err != nil {
			t.Errorf("range of %d: %d records, %v", ask, len(list), err)
		}
		page, err := s.SpoolPage(ctx(), romeo, 0, ask, "")
		if len(page) != store.MaxPage || err != nil {
			t.Errorf("spool page of %d: %d rows, %v", ask, len(page), err)
		}
		docs, err := s.List(ctx(), "localhost", "juliet", "k", "", "", ask)
		if len(docs) != store.MaxPage || err != nil {
			t.Errorf("list of %d: %d documents, %v", ask, len(docs), err)
		}
	}
	if got, err := s.Count(ctx(), romeo); got != n || err != nil {
		t.Errorf("count: %d %v, want %d", got, err, n)
	}
	rest, err := s.Range(ctx(), romeo, store.RangeQuery{AfterID: at(store.MaxPage - 1)})
	if len(rest) != n-store.MaxPage || err != nil {
		t.Errorf("the rest: %d records, %v", len(rest), err)
	}
}

func getRecord(t *testing.T, s *store.Store) {
	id := append1(t, s, 7, "", "s1")
	r, ok, err := s.GetRecord(ctx(), id)
	if want := message(id, 7); !ok || err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("record: %+v %v %v, want %+v", r, ok, err, want)
	}
	commit(t, s, func(b *store.Batch) { b.Remove(id); b.Remove(id); b.Remove(12345) })
	wantRecord(t, s, id, false)
	wantSpool(t, s, romeo)
	wantRange(t, s, romeo, store.RangeQuery{}, "")
	for _, owner := range []string{juliet, romeo} {
		if n, err := s.Count(ctx(), owner); n != 0 || err != nil {
			t.Errorf("count of %s: %d %v", owner, n, err)
		}
	}
	commit(t, s, func(b *store.Batch) { b.Append(message(id, 8)) }) // the id is free again
	if r, _, _ := s.GetRecord(ctx(), id); r.Flags != 8 {
		t.Errorf("record: %+v", r)
	}
}

func deleteOwner(t *testing.T, s *store.Store) {
	both := append1(t, s, 0)
	waiting := append1(t, s, 0, "", "s1")
	passing := append1(t, s, store.FlagTransient, "s1")
	own := s.NextID()
	commit(t, s, func(b *store.Batch) {
		b.Append(store.Record{ID: own, Owners: [2]string{romeo, ""}, From: romeo, To: "x@elsewhere.example"})
		b.SpoolAdd(store.Spool{Owner: nurse, ID: own})
		b.DeleteOwner("nobody@localhost")
	})
	commit(t, s, func(b *store.Batch) { b.DeleteOwner(romeo) })
	check := func() {
		t.Helper()
		wantRange(t, s, romeo, store.RangeQuery{}, "")
		wantSpool(t, s, romeo)
		wantSpool(t, s, nurse, ":0")
		if n, err := s.Count(ctx(), romeo); n != 0 || err != nil {
			t.Errorf("count: %d %v", n, err)
		}
		if n, err := s.Count(ctx(), juliet); n != 2 || err != nil {
			t.Errorf("count of the other owner: %d %v", n, err)
		}
		wantRecord(t, s, both, true)
		wantRecord(t, s, waiting, true)
		wantRecord(t, s, own, true) // the nurse still waits for it
	}
	check()
	settle(t, s)
	check()
	wantRecord(t, s, passing, false)
	if r, _, _ := s.GetRecord(ctx(), both); r.Owners != [2]string{juliet, ""} {
		t.Errorf("owners: %q", r.Owners)
	}
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(nurse, own, "") })
	wantRecord(t, s, own, false)
	commit(t, s, func(b *store.Batch) { b.DeleteOwner(juliet) })
	settle(t, s)
	wantRecord(t, s, both, false)
	wantRecord(t, s, waiting, false)
}

func ownerComesBack(t *testing.T, s *store.Store) {
	old := append1(t, s, 0, "s1")
	id, late := s.NextID(), s.NextID()
	commit(t, s, func(b *store.Batch) {
		b.Append(message(id, 0))
		b.SpoolAdd(store.Spool{Owner: romeo, ID: id, Session: "s2"})
		b.DeleteOwner(romeo)
		b.Append(message(late, 0))
		b.SpoolAdd(store.Spool{Owner: romeo, ID: late, Session: "s3", Seq: 1})
		b.SpoolConfirm(romeo, old, "s1") // no longer theirs
	})
	check := func() {
		t.Helper()
		wantSpool(t, s, romeo, "s3:1")
		list, err := s.Range(ctx(), romeo, store.RangeQuery{})
		if err != nil || len(list) != 1 || list[0].ID != late {
			t.Errorf("archive of one who came back: %v %v", list, err)
		}
		if n, err := s.Count(ctx(), juliet); n != 3 || err != nil {
			t.Errorf("count of the other: %d %v", n, err)
		}
	}
	check()
	settle(t, s)
	check()
}

func deleteBefore(t *testing.T, s *store.Store) {
	letters(t, s, romeo, nurse, romeo, romeo, juliet, romeo)
	commit(t, s, func(b *store.Batch) {
		b.SpoolAdd(store.Spool{Owner: romeo, ID: at(2), Session: "s1"})
		b.DeleteBefore(timeAt(4))
	})
	check := func() {
		t.Helper()
		wantRange(t, s, juliet, store.RangeQuery{}, "ef")
		wantRange(t, s, juliet, store.RangeQuery{Reverse: true, With: romeo}, "f")
		wantRange(t, s, romeo, store.RangeQuery{}, "f")
		wantRange(t, s, nurse, store.RangeQuery{}, "")
		wantSpool(t, s, romeo, "s1:0")
		for owner, want := range map[string]int{juliet: 2, romeo: 1, nurse: 0} {
			if n, err := s.Count(ctx(), owner); n != want || err != nil {
				t.Errorf("count of %s: %d %v, want %d", owner, n, err, want)
			}
		}
	}
	check()
	settle(t, s)
	check()
	wantRecord(t, s, at(0), false)
	wantRecord(t, s, at(2), true)
	wantRecord(t, s, at(3), false)
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(romeo, at(2), "s1") })
	wantRecord(t, s, at(2), false)
	// What is imported later stays.
	commit(t, s, func(b *store.Batch) { b.Append(message(at(1), 0)) })
	settle(t, s)
	wantRecord(t, s, at(1), true)
}

func trim(t *testing.T, s *store.Store) {
	letters(t, s, romeo, romeo, nurse, romeo, nurse, romeo)
	step := func(keep int, wantJuliet, wantRomeo string) {
		t.Helper()
		commit(t, s, func(b *store.Batch) { b.Trim(juliet, keep) })
		for range 2 {
			wantRange(t, s, juliet, store.RangeQuery{}, wantJuliet)
			wantRange(t, s, romeo, store.RangeQuery{}, wantRomeo)
			if n, err := s.Count(ctx(), juliet); n != len(wantJuliet) || err != nil {
				t.Errorf("count: %d %v, want %d", n, err, len(wantJuliet))
			}
			settle(t, s)
		}
	}
	step(10, "abcdef", "abdf")
	step(6, "abcdef", "abdf")
	step(4, "cdef", "abdf")
	step(4, "cdef", "abdf")
	commit(t, s, func(b *store.Batch) { b.Remove(at(4)) })
	step(2, "df", "abdf")
	commit(t, s, func(b *store.Batch) {
		b.Append(store.Record{ID: at(9), Owners: [2]string{juliet}, From: juliet, To: nurse, Text: "z"})
		b.Trim(juliet, 2)
	})
	step(2, "fz", "abdf")
	step(0, "", "abdf")
	wantRecord(t, s, at(9), false)
	wantRecord(t, s, at(0), true)
	if r, _, _ := s.GetRecord(ctx(), at(0)); r.Owners != [2]string{"", romeo} {
		t.Errorf("owners of a record trimmed from one archive: %q", r.Owners)
	}
}
