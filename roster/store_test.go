package roster

import (
	"bytes"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"natter/stanza"
)

// documents yields a roster's documents as a store would.
func documents(docs []Document) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, d := range docs {
			if !yield(d.Key, d.Data) {
				return
			}
		}
	}
}

func reloaded(t testing.TB, r *Roster) *Roster {
	t.Helper()
	again, err := Load(r.owner, "another", r.limits, documents(r.Documents()))
	if err != nil {
		t.Fatalf("load what was stored: %v", err)
	}
	same(t, again, r)
	return again
}

// same fails the test unless both rosters are in the same documents.
func same(t testing.TB, got, want *Roster) {
	t.Helper()
	g, w := got.Documents(), want.Documents()
	equal := slices.EqualFunc(g, w, func(a, b Document) bool { return a.Key == b.Key && bytes.Equal(a.Data, b.Data) })
	if !equal || got.Version() != want.Version() {
		t.Errorf("the rosters differ:\n%q at %s\n%q at %s", g, got.Version(), w, want.Version())
	}
}

// lively is a roster with a contact in every state and every kind of document.
func lively(t testing.TB) *Roster {
	r := romeos(t)
	for name, reach := range map[string][]func(*Roster, stanza.JID){
		"none": nil, "out": ask, "in": in, "outin": slices.Concat(ask, in), "to": to, "toin": slices.Concat(to, in),
		"from": from, "fromout": slices.Concat(from, ask), "both": both, "approved": approve,
		"outapproved": slices.Concat(ask, approve), "toapproved": slices.Concat(to, approve),
	} {
		j := jid(t, name+"@example.com")
		for _, step := range reach {
			step(r, j)
		}
		if name != "in" {
			set(t, r, j.String(), "Name of "+name, "A", "group of "+name)
		}
	}
	set(t, r, "gone@example.com", "")
	set(t, r, "goneyetin@example.com", "")
	received(t, r, "goneyetin@example.com", Subscribe)
	for _, j := range []string{"gone@example.com", "goneyetin@example.com"} {
		if _, err := r.Remove(jid(t, j)); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, r)
	return r
}

func TestWhatIsStoredIsLoaded(t *testing.T) {
	r := lively(t)
	again := reloaded(t, r)
	sound(t, again)
	if again.Len() != r.Len() || names(again) != names(r) || again.Waiting() != r.Waiting() {
		t.Errorf("loaded %s", names(again))
	}
	for item := range r.All() {
		got, ok := again.Get(item.JID)
		if !ok || got.Name != item.Name || got.State != item.State || !slices.Equal(got.Groups, item.Groups) {
			t.Errorf("%+v is loaded as %+v", item, got)
		}
	}
	for j, raw := range r.Requests() {
		if !bytes.Equal(again.Request(j), raw) {
			t.Errorf("the request of %v is loaded as %s", j, again.Request(j))
		}
	}
	if again.Changes() != nil {
		t.Error("what was just loaded is to be stored")
	}
	if _, ok := again.Since(r.Version()); !ok {
		t.Error("a version does not outlive a restart")
	}
	set(t, again, "none@example.com", "another")
	if docs := again.Changes(); len(docs) != 1 || docs[0].Key != "none@example.com" {
		t.Errorf("one change after loading stores %q", docs)
	}
}

func TestDocumentsAreLoadedInAnyOrder(t *testing.T) {
	r := lively(t)
	docs := r.Documents()
	slices.Reverse(docs)
	again, err := Load(r.owner, "x", r.limits, documents(docs))
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, r)
	sound(t, again)
}

func TestChangesAloneBuildTheStore(t *testing.T) {
	r := lively(t)
	store := map[string][]byte{}
	for range 2 {
		for _, d := range r.Changes() {
			if d.Data == nil {
				delete(store, d.Key)
			} else {
				store[d.Key] = d.Data
			}
		}
		again, err := Load(r.owner, "x", r.limits, maps.All(store))
		if err != nil {
			t.Fatal(err)
		}
		same(t, again, r)
		sent(t, r, "in@example.com", Unsubscribed)
		received(t, r, "goneyetin@example.com", Unsubscribe)
		received(t, r, "approved@example.com", Subscribe)
	}
}

func TestAnAccountWithoutDocumentsHasAnEmptyRoster(t *testing.T) {
	r, err := Load(jid(t, "romeo@example.net/home"), "e7", DefaultLimits, documents(nil))
	if err != nil || r.Len() != 0 || r.Version() != "e7-0" || r.Owner() != jid(t, "romeo@example.net") {
		t.Fatalf("%v, %v", r, err)
	}
	if r.Changes() != nil {
		t.Error("an empty roster is to be stored")
	}
	set(t, r, "nurse@example.com", "")
	if docs := r.Changes(); len(docs) != 2 || docs[0].Key != HeaderKey {
		t.Errorf("the first change stores %q", docs)
	}
}

func TestADocumentStaysSmallInABigRoster(t *testing.T) {
	r := romeos(t)
	for i := range 5000 {
		set(t, r, "contact"+strconv.Itoa(i)+"@example.com", "Name", "Group")
	}
	r.Changes()
	set(t, r, "contact77@example.com", "Another Name", "Group")
	docs := r.Changes()
	if len(docs) != 1 || len(docs[0].Data) > 40 {
		t.Errorf("a change stores %q", docs)
	}
}

func TestDamagedDocumentsAreRefused(t *testing.T) {
	r := romeos(t)
	set(t, r, "nurse@example.com", "Nurse", "Servants")
	received(t, r, "nurse@example.com", Subscribe)
	good := r.Documents()
	header, contact := string(good[0].Data), string(good[1].Data)
	for _, row := range []struct{ name, key, data, wantInError string }{
		{"a key that is no JID", "@", contact, `"@"`},
		{"a key with a resource", "nurse@example.com/chamber", contact, "nurse@example.com/chamber"},
		{"an empty document", "nurse@example.com", "", "nurse@example.com"},
		{"a document cut short", "nurse@example.com", contact[:len(contact)-1], "nurse@example.com"},
		{"a document with something after it", "nurse@example.com", contact + "x", "nurse@example.com"},
		{"a format yet to come", "nurse@example.com", "\x02" + contact[1:], "nurse@example.com"},
		{"a state that is none", "nurse@example.com", contact[:1] + "\x0c" + contact[2:], "nurse@example.com"},
		{"a flag that is none", "nurse@example.com", contact[:2] + "\x03" + contact[3:], "nurse@example.com"},
		{"a subscription of someone not listed", "nurse@example.com", "\x01\x08\x00\x01", "nurse@example.com"},
		{"more groups than there is room for", "nurse@example.com", "\x01\x00\x01\x01\x00\xff\xff\xff\xff\x0f", "nurse@example.com"},
		{"a number without end", "nurse@example.com", "\x01\x00\x01" + strings.Repeat("\xff", 20), "nurse@example.com"},
		{"an empty header", HeaderKey, "", "header"},
		{"a header with something after it", HeaderKey, header + "x", "header"},
		{"a header with an epoch that is none", HeaderKey, "\x01\x01'\x00", "header"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Load(r.owner, "e", r.limits, documents([]Document{{row.key, []byte(row.data)}}))
			if err == nil || !strings.Contains(err.Error(), row.wantInError) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("a contact stored twice", func(t *testing.T) {
		if _, err := Load(r.owner, "e", r.limits, documents([]Document{good[1], good[1]})); err == nil {
			t.Error("no error")
		}
	})
}

func FuzzLoad(f *testing.F) {
	for _, d := range lively(f).Documents() {
		f.Add(d.Key, d.Data)
	}
	owner := jid(f, "romeo@example.net")
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		r, err := Load(owner, "e", DefaultLimits, documents([]Document{{key, data}}))
		if err != nil {
			return
		}
		reloaded(t, r)
		r.AppendResult(nil)
		r.Since("e-0")
		for item := range r.All() {
			Outbound(item.State, Subscribe)
		}
		r.Remove(jid(t, "nurse@example.com"))
	})
}
