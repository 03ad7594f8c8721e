package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"natter/server/store"
)

func key(account, kind, k string) store.Key {
	return store.Key{Host: "localhost", Account: account, Kind: kind, Key: k}
}

func doc(account, kind, k, data string) store.Doc {
	return store.Doc{Key: key(account, kind, k), Data: []byte(data)}
}

func get(t *testing.T, s *store.Store, k store.Key) (store.Doc, bool) {
	t.Helper()
	d, ok, err := s.Get(ctx(), k)
	if err != nil {
		t.Fatalf("get %v: %v", k, err)
	}
	return d, ok
}

func putAndGet(t *testing.T, s *store.Store) {
	docs := []store.Doc{
		{Key: key("juliet", "roster", "romeo@localhost"), Version: 7, Index: [2]string{"x", "y"}, Data: []byte("<item/>")},
		{Key: key("juliet", "vcard", ""), Version: 1, Data: []byte(strings.Repeat("photo", 100_000))},
		{Key: key("", "host", "key"), Version: 1},
		{Key: store.Key{Host: "", Account: "", Kind: "k", Key: "nul\x00 and \xff bytes"}, Version: 1, Data: []byte("\x00\x01")},
		{Key: key("Juliet", "roster", "romeo@localhost"), Version: 1, Data: []byte("case matters")},
	}
	commit(t, s, func(b *store.Batch) {
		for _, d := range docs {
			b.Put(d)
		}
	})
	for _, want := range docs {
		got, ok := get(t, s, want.Key)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v %.80v, want %.80v", ok, got, want)
		}
	}
	if _, ok := get(t, s, key("juliet", "roster", "nurse@localhost")); ok {
		t.Error("a document that was never put is there")
	}
	commit(t, s, func(b *store.Batch) { b.Delete(docs[0].Key); b.Delete(key("no", "such", "key")) })
	if _, ok := get(t, s, docs[0].Key); ok {
		t.Error("a deleted document is there")
	}
}

func versions(t *testing.T, s *store.Store) {
	k := key("juliet", "roster", "r")
	steps := []struct {
		what string
		do   func(b *store.Batch)
		want uint64
	}{
		{"a new document has version 1", func(b *store.Batch) { b.Put(store.Doc{Key: k}) }, 1},
		{"each put counts, in one batch too", func(b *store.Batch) { b.Put(store.Doc{Key: k}); b.Put(store.Doc{Key: k}) }, 3},
		{"a version given is stored", func(b *store.Batch) { b.Put(store.Doc{Key: k, Version: 40}) }, 40},
		{"and counted on from", func(b *store.Batch) { b.Put(store.Doc{Key: k}) }, 41},
		{"within a batch as well", func(b *store.Batch) { b.Put(store.Doc{Key: k, Version: 9}); b.Put(store.Doc{Key: k}) }, 10},
		{"a deleted document starts anew", func(b *store.Batch) { b.Delete(k); b.Put(store.Doc{Key: k}) }, 1},
		{"so does one of a wiped account", func(b *store.Batch) {
			b.Put(store.Doc{Key: k, Version: 5})
			b.DeleteAll(k.Host, k.Account)
			b.Put(store.Doc{Key: k})
		}, 1},
		{"a conditional put counts from what it found", func(b *store.Batch) { b.PutIf(store.Doc{Key: k}, 1) }, 2},
		{"after puts of its own batch", func(b *store.Batch) { b.Put(store.Doc{Key: k}); b.PutIf(store.Doc{Key: k}, 3) }, 4},
	}
	for _, st := range steps {
		commit(t, s, st.do)
		if d, _ := get(t, s, k); d.Version != st.want {
			t.Errorf("%s: version %d, want %d", st.what, d.Version, st.want)
		}
	}
}

func conditions(t *testing.T, s *store.Store) {
	k := key("juliet", "account", "")
	other := key("juliet", "other", "")
	commit(t, s, func(b *store.Batch) { b.PutNew(store.Doc{Key: k, Data: []byte("first")}) })
	fail := func(want error, op func(b *store.Batch)) {
		t.Helper()
		id := s.NextID()
		mustFail(t, s, want, func(b *store.Batch) {
			b.Put(store.Doc{Key: other, Data: []byte("must not be there")})
			b.DeleteAll(k.Host, "romeo")
			op(b)
			b.Append(store.Record{ID: id, Owners: [2]string{"juliet@localhost"}})
		})
		if _, ok := get(t, s, other); ok {
			t.Error("a failed batch left a document")
		}
		if _, ok, err := s.GetRecord(ctx(), id); ok || err != nil {
			t.Error("a failed batch left a record", err)
		}
		if d, _ := get(t, s, k); string(d.Data) != "first" {
			t.Errorf("a failed batch changed a document to %q", d.Data)
		}
	}
	fail(store.ErrExists, func(b *store.Batch) { b.PutNew(store.Doc{Key: k}) })
	fail(store.ErrConflict, func(b *store.Batch) { b.PutIf(store.Doc{Key: k}, 2) })
	fail(store.ErrConflict, func(b *store.Batch) { b.PutIf(store.Doc{Key: k}, 0) })
	fail(store.ErrConflict, func(b *store.Batch) { b.PutIf(store.Doc{Key: key("no", "such", "key")}, 1) })
	fail(store.ErrExists, func(b *store.Batch) {
		b.Put(store.Doc{Key: key("x", "y", "z")})
		b.PutNew(store.Doc{Key: key("x", "y", "z")})
	})
	taken := s.NextID()
	commit(t, s, func(b *store.Batch) { b.Append(store.Record{ID: taken}) })
	fail(store.ErrExists, func(b *store.Batch) { b.Append(store.Record{ID: taken}) })
	twice := s.NextID()
	fail(store.ErrExists, func(b *store.Batch) { b.Append(store.Record{ID: twice}); b.Append(store.Record{ID: twice}) })
	commit(t, s, func(b *store.Batch) { b.Append(store.Record{ID: twice}) })

	// Others that come along with failing ones are not touched.
	const n = 200
	errs := make([]error, n)
	for i := range n {
		b := new(store.Batch)
		if i%3 == 0 {
			b.PutIf(doc("group", "k", "shared", "x"), 77)
		}
		b.Put(doc("group", "k", fmt.Sprint(i), "x"))
		b.Then = func(err error) { errs[i] = err }
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, s)
	for i, err := range errs {
		_, ok := get(t, s, key("group", "k", fmt.Sprint(i)))
		if fails := i%3 == 0; fails != errors.Is(err, store.ErrConflict) || ok == fails {
			t.Errorf("batch %d: %v, its document there: %v", i, err, ok)
		}
	}
}

func conditionsInOrder(t *testing.T, s *store.Store) {
	const n = 100
	won := 0
	for i := range n { // everyone wants to be the first, and the third version
		b := new(store.Batch)
		b.PutNew(doc("a", "k", "first", fmt.Sprint(i)))
		b.Then = func(err error) {
			if err == nil {
				won++
			}
		}
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
		c := new(store.Batch)
		c.PutIf(doc("a", "k", "counter", fmt.Sprint(i)), uint64(i))
		c.Then = func(err error) {
			if err != nil {
				t.Errorf("the count to %d: %v", i+1, err)
			}
		}
		if err := s.Commit(c); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, s)
	if d, _ := get(t, s, key("a", "k", "first")); won != 1 || string(d.Data) != "0" {
		t.Errorf("%d were first, the document says %q", won, d.Data)
	}
	if d, _ := get(t, s, key("a", "k", "counter")); d.Version != n || string(d.Data) != fmt.Sprint(n-1) {
		t.Errorf("counter at version %d with %q", d.Version, d.Data)
	}
}

func listing(t *testing.T, s *store.Store) {
	keys := []string{"", "a", "a\x00", "a/1", "a/2", "ab", "b", "ä", "\xff", "\xff\xff"}
	commit(t, s, func(b *store.Batch) {
		for _, k := range keys {
			b.Put(doc("juliet", "k", k, k))
			b.Put(doc("juliet", "l", k, k))
			b.Put(doc("julia", "k", k, k))
			b.Put(store.Doc{Key: store.Key{Host: "other", Account: "juliet", Kind: "k", Key: k}})
		}
	})
	tests := []struct {
		prefix, after string
		n             int
		want          []string
	}{
		{"", "", 0, keys},
		{"", "", 3, keys[:3]},
		{"", "a\x00", 3, keys[3:6]},
		{"a", "", 0, keys[1:6]},
		{"a/", "", 0, keys[3:5]},
		{"a/", "a/1", 0, keys[4:5]},
		{"a/", "b", 0, nil},
		{"b", "a", 0, keys[6:7]},
		{"\xff", "", 0, keys[8:]},
		{"\xff", "\xff", 0, keys[9:]},
		{"zzz", "", 0, nil},
	}
	for _, tt := range tests {
		got, err := s.Keys(ctx(), "localhost", "juliet", "k", tt.prefix, tt.after, tt.n)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("keys of prefix %q after %q: %q %v, want %q", tt.prefix, tt.after, got, err, tt.want)
		}
		docs, err := s.List(ctx(), "localhost", "juliet", "k", tt.prefix, tt.after, tt.n)
		if err != nil || len(docs) != len(tt.want) {
			t.Fatalf("list of prefix %q after %q: %v %v", tt.prefix, tt.after, docs, err)
		}
		for i, d := range docs {
			if d.Key != key("juliet", "k", tt.want[i]) || string(d.Data) != tt.want[i] {
				t.Errorf("list of prefix %q after %q: %v at %d", tt.prefix, tt.after, d, i)
			}
		}
	}
}

func indexStrings(t *testing.T, s *store.Store) {
	put := func(account, i0, i1 string) store.Doc {
		d := doc(account, "session", "s", account)
		d.Index = [2]string{i0, i1}
		return d
	}
	commit(t, s, func(b *store.Batch) {
		b.Put(put("a", "red", "round"))
		b.Put(put("b", "red", ""))
		b.Put(put("c", "blue", "red"))
		b.Put(put("d", "", "round"))
	})
	commit(t, s, func(b *store.Batch) { b.Put(put("d", "red", "square")) })
	tests := []struct {
		i     int
		value string
		n     int
		want  string
	}{
		{0, "red", 0, "abd"}, {0, "red", 2, "ab"}, {0, "blue", 0, "c"}, {1, "red", 0, "c"},
		{1, "round", 0, "a"}, {0, "", 0, ""}, {1, "", 0, ""}, {0, "green", 0, ""},
	}
	for _, tt := range tests {
		docs, err := s.FindIndex(ctx(), "localhost", "session", tt.i, tt.value, tt.n)
		got := ""
		for _, d := range docs {
			got += string(d.Data)
		}
		if err != nil || got != tt.want {
			t.Errorf("index %d %q: %q %v, want %q", tt.i, tt.value, got, err, tt.want)
		}
	}
	if _, err := s.FindIndex(ctx(), "localhost", "session", 2, "red", 0); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("index 2: %v", err)
	}
}

func accounts(t *testing.T, s *store.Store) {
	commit(t, s, func(b *store.Batch) {
		for _, a := range []string{"romeo", "juliet", "nurse"} {
			b.Put(doc(a, "account", "", a))
			b.Put(doc(a, "session", "1", a+"1"))
			b.Put(doc(a, "session", "2", a+"2"))
		}
		b.Put(doc("tybalt", "other", "", ""))
	})
	got, err := s.Accounts(ctx(), "localhost", "session", "", 0)
	if want := []string{"juliet", "nurse", "romeo"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("accounts: %v %v, want %v", got, err, want)
	}
	got, err = s.Accounts(ctx(), "localhost", "session", "juliet", 1)
	if want := []string{"nurse"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("one account after juliet: %v %v, want %v", got, err, want)
	}
	if got, err := s.Accounts(ctx(), "elsewhere", "session", "", 0); len(got) != 0 || err != nil {
		t.Errorf("accounts of another host: %v %v", got, err)
	}
	var all []string
	after := store.Key{}
	for {
		docs, err := s.ListKind(ctx(), "localhost", "session", after.Account, after.Key, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(docs) == 0 {
			break
		}
		for _, d := range docs {
			all = append(all, string(d.Data))
		}
		after = docs[len(docs)-1].Key
	}
	if want := []string{"juliet1", "juliet2", "nurse1", "nurse2", "romeo1", "romeo2"}; !reflect.DeepEqual(all, want) {
		t.Errorf("all sessions: %v, want %v", all, want)
	}
	all = nil
	add := func(account string, data []byte) { all = append(all, account+":"+string(data)) }
	last, err := s.EachOfKind(ctx(), "localhost", "session", "", 4, add)
	if want := []string{"juliet:juliet1", "juliet:juliet2", "nurse:nurse1", "nurse:nurse2"}; err != nil || last != "nurse" || !reflect.DeepEqual(all, want) {
		t.Errorf("four sessions: %v up to %q, %v, want %v", all, last, err, want)
	}
	all = nil
	last, err = s.EachOfKind(ctx(), "localhost", "session", last, 4, add)
	if want := []string{"romeo:romeo1", "romeo:romeo2"}; err != nil || last != "" || !reflect.DeepEqual(all, want) {
		t.Errorf("the others: %v up to %q, %v, want %v", all, last, err, want)
	}
}

func deleteAll(t *testing.T, s *store.Store) {
	commit(t, s, func(b *store.Batch) {
		for _, kind := range []string{"account", "roster", "vcard"} {
			b.Put(doc("juliet", kind, "1", ""))
			b.Put(doc("juliet", kind, "2", ""))
			b.Put(doc("romeo", kind, "1", ""))
		}
	})
	commit(t, s, func(b *store.Batch) {
		b.Put(doc("juliet", "roster", "3", ""))
		b.DeleteAll("localhost", "juliet")
		b.DeleteAll("elsewhere", "romeo")
		b.Put(doc("juliet", "tombstone", "", ""))
	})
	for _, kind := range []string{"account", "roster", "vcard"} {
		if got, err := s.Keys(ctx(), "localhost", "juliet", kind, "", "", 0); len(got) != 0 || err != nil {
			t.Errorf("%s of a wiped account: %v %v", kind, got, err)
		}
		if got, err := s.Keys(ctx(), "localhost", "romeo", kind, "", "", 0); len(got) != 1 || err != nil {
			t.Errorf("%s of another account: %v %v", kind, got, err)
		}
	}
	if _, ok := get(t, s, key("juliet", "tombstone", "")); !ok {
		t.Error("what was put after the wipe is gone")
	}
}

func cancelled(t *testing.T, s *store.Store) {
	c, cancel := context.WithCancel(ctx())
	cancel()
	if _, _, err := s.Get(c, key("a", "b", "c")); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if _, err := s.Range(c, "juliet@localhost", store.RangeQuery{}); !errors.Is(err, context.Canceled) {
		t.Errorf("range: %v", err)
	}
	// A context that can end but does not changes nothing.
	c, cancel = context.WithCancel(ctx())
	defer cancel()
	if _, ok, err := s.Get(c, key("a", "b", "c")); ok || err != nil {
		t.Errorf("get: %v %v", ok, err)
	}
}
