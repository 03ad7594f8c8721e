package archive

import (
	"testing"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// FuzzQuery has any content of a query read: what it makes of it stays within the
// archive's bounds.
func FuzzQuery(f *testing.F) {
	st, err := store.Open(store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	defer st.Close()
	srv, err := server.New(server.Config{Domains: []string{"localhost"}, Archive: true}, st, nil, func(*server.Host) []*server.Module { return nil })
	if err != nil {
		f.Fatal(err)
	}
	defer srv.Close()
	a := &Archive{Host: srv.Default(), Owner: "juliet@localhost", Groupchat: true, Search: true}
	id := string(a.Host.AppendArchiveID(nil, a.Owner, 42))
	x := func(s string) string {
		return `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>` + NS + `</value></field>` + s + `</x>`
	}
	for _, seed := range []string{
		``, x(``), `<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set><flip-page/>`,
		x(`<field var='with'><value>juliet@localhost/a b</value></field><field var='start'><value>2010-07-10T23:08:25Z</value></field>`),
		x(`<field var='ids'><value>` + id + `</value><value/></field><field var='{urn:xmpp:fulltext:0}fulltext'><value>"</value></field>`),
		x(`<field var='before-id'><value>`+id+`</value></field>`) + `<set xmlns='http://jabber.org/protocol/rsm'><after>` + id + `</after></set>`,
		x(`<field var='end'><value>9999-12-31T23:59:60+24:00</value></field>`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		s, err := stanza.Parse([]byte(`<iq xmlns='jabber:client' type='set' id='1'><query xmlns='`+NS+`'>`+content+`</query></iq>`), stanza.AfterLogin)
		if err != nil || s.NumChildren() != 1 {
			return
		}
		q, err := a.parse(s, s.ChildAt(0))
		if err != nil {
			if _, ok := err.(*stanza.Error); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if n := q.size(); n < 0 || n > maxPage || len(q.ids) > maxPage || len(q.search) > maxSearch {
			t.Fatalf("%d messages, %d ids, a search of %d bytes", n, len(q.ids), len(q.search))
		}
	})
}

// FuzzArchiveID has any string read as an id: only what AppendArchiveID made is
// one, and only for its owner.
func FuzzArchiveID(f *testing.F) {
	st, err := store.Open(store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	defer st.Close()
	srv, err := server.New(server.Config{Domains: []string{"localhost"}}, st, nil, func(*server.Host) []*server.Module { return nil })
	if err != nil {
		f.Fatal(err)
	}
	defer srv.Close()
	h := srv.Default()
	f.Add("juliet@localhost", uint64(1), "x")
	f.Add("romeo@localhost", uint64(1)<<63-1, "AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("", uint64(0), "AAAAAAAAAAAAAAAAAAAAA_")
	f.Fuzz(func(t *testing.T, owner string, id uint64, s string) {
		if n, ok := h.ParseArchiveID(owner, s); ok && string(h.AppendArchiveID(nil, owner, n)) != s {
			t.Fatalf("%s is %d of %s", s, n, owner)
		}
		id &= 1<<63 - 1
		made := string(h.AppendArchiveID(nil, owner, id))
		if n, ok := h.ParseArchiveID(owner, made); ok != (id != 0) || ok && n != id {
			t.Fatalf("%d of %s is %s and back %d %v", id, owner, made, n, ok)
		}
		if n, ok := h.ParseArchiveID(owner+"x", made); ok {
			t.Fatalf("%s is %d of another", made, n)
		}
	})
}
