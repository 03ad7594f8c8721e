package private_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

func query(typ, id, content string) string {
	return `<iq type='` + typ + `' id='` + id + `'><query xmlns='jabber:iq:private'>` + content + `</query></iq>`
}

// kept stores content and fails the test unless that is answered with a result.
func kept(c *servertest.Client, content string) {
	c.Send(query("set", "kept", content))
	c.Expect(`<iq type='result' id='kept'/>`)
}

// reads asks for name and expects the answer to hold exactly want.
func reads(t *testing.T, c *servertest.Client, name, want string) {
	t.Helper()
	c.Send(query("get", "reads", name))
	got := c.Next()
	if !strings.Contains(got, `<query xmlns='jabber:iq:private'>`+want+`</query>`) || !strings.Contains(got, "type='result'") {
		t.Errorf("asked for %s, got %s, want %s", name, got, want)
	}
}

func TestWhatIsKept(t *testing.T) {
	for name, c := range map[string]struct{ set, get, want string }{
		"an element comes back as it was sent": {
			`<exodus xmlns='exodus:prefs'><defaultnick a="&quot;">H&amp;mlet<![CDATA[<]]></defaultnick ></exodus>`, `<exodus xmlns='exodus:prefs'/>`,
			`<exodus xmlns='exodus:prefs'><defaultnick a="&quot;">H&amp;mlet<![CDATA[<]]></defaultnick ></exodus>`},
		"what was never kept comes back empty": {
			`<storage xmlns='storage:bookmarks'>x</storage>`, `<storage xmlns='storage:rosternotes'>y</storage>`,
			`<storage xmlns='storage:rosternotes'/>`},
		"two names of one namespace are two things": {
			`<roster xmlns='roster:delimiter'>::</roster><other xmlns='roster:delimiter'>2</other>`, `<roster xmlns='roster:delimiter'/>`,
			`<roster xmlns='roster:delimiter'>::</roster>`},
		"elements of one name are kept together": {
			`<p xmlns='a:b'>1</p><p xmlns='a:b'>2</p>`, `<p xmlns='a:b'/>`,
			`<p xmlns='a:b'>1</p><p xmlns='a:b'>2</p>`},
		"a prefix counts by its namespace and is declared when it comes back": {
			`<p:x xmlns:p='urn:example:p'><p:y/></p:x>`, `<x xmlns='urn:example:p'/>`,
			`<p:x xmlns='jabber:iq:private' xmlns:p='urn:example:p'><p:y/></p:x>`},
		"an empty element replaces what was kept": {
			`<x xmlns='a:b'/>`, `<x xmlns='a:b'/>`, `<x xmlns='a:b'/>`},
		"reserved namespaces are like others": {
			`<vCard xmlns='vcard-temp'><FN>Hamlet</FN></vCard>`, `<vCard xmlns='vcard-temp'/>`,
			`<vCard xmlns='vcard-temp'><FN>Hamlet</FN></vCard>`},
		"a namespace is compared unescaped": {
			`<x xmlns='a&amp;b'>1</x>`, `<x xmlns='a&#38;b'/>`, `<x xmlns='a&amp;b'>1</x>`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				hamlet := srv.Login(t, "hamlet@localhost/denmark")
				kept(hamlet, `<x xmlns='a:b'>old</x>`)
				kept(hamlet, c.set)
				reads(t, hamlet, c.get, c.want)
				elsewhere := srv.Login(t, "hamlet@localhost/england")
				reads(t, elsewhere, c.get, c.want)
			})
		})
	}
}

func TestPrefixesAndLanguageFromAroundComeAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		hamlet.Send(`<iq type='set' id='p1' xml:lang='da' xmlns:p='urn:example:p'><query xmlns='jabber:iq:private'><p:x/></query></iq>`)
		hamlet.Expect(`<iq type='result' id='p1'/>`)
		reads(t, hamlet, `<x xmlns='urn:example:p'/>`, `<p:x xmlns='jabber:iq:private' xml:lang='da' xmlns:p='urn:example:p'/>`)
	})
}

func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ request, condition string }{
		"a get of nothing": {
			query("get", "p", ""), "bad-request"},
		"a get of two things": {
			query("get", "p", `<a xmlns='a:b'/><b xmlns='a:b'/>`), "bad-request"},
		"a get without a namespace": {
			query("get", "p", `<a/>`), "bad-request"},
		"a get with the empty namespace": {
			query("get", "p", `<a xmlns=''/>`), "bad-request"},
		"a set of nothing": {
			query("set", "p", "text"), "not-acceptable"},
		"a set without a namespace": {
			query("set", "p", `<a>1</a>`), "not-acceptable"},
		"a set with the empty namespace": {
			query("set", "p", `<a xmlns=''>1</a>`), "not-acceptable"},
		"a set of which the second has no namespace": {
			query("set", "p", `<a xmlns='a:b'/><a/>`), "not-acceptable"},
		"a set of two namespaces": {
			query("set", "p", `<a xmlns='a:b'/><a xmlns='a:c'/>`), "bad-request"},
		"a get of another's": {
			`<iq type='get' id='p' to='claudius@localhost'><query xmlns='jabber:iq:private'><a xmlns='a:b'/></query></iq>`, "forbidden"},
		"a set of another's": {
			`<iq type='set' id='p' to='claudius@localhost'><query xmlns='jabber:iq:private'><a xmlns='a:b'>2</a></query></iq>`, "forbidden"},
		"a get of the host's": {
			`<iq type='get' id='p' to='localhost'><query xmlns='jabber:iq:private'><a xmlns='a:b'/></query></iq>`, "service-unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				claudius := srv.Login(t, "claudius@localhost/throne")
				hamlet := srv.Login(t, "hamlet@localhost/denmark")
				for _, who := range []*servertest.Client{claudius, hamlet} {
					kept(who, `<a xmlns='a:b'>1</a>`)
				}
				hamlet.Send(c.request)
				hamlet.ExpectError(c.condition)
				for _, who := range []*servertest.Client{claudius, hamlet} {
					reads(t, who, `<a xmlns='a:b'/>`, `<a xmlns='a:b'>1</a>`)
				}
			})
		})
	}
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{PrivateBytes: 2000, PrivateTotal: 6000}})
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		element := func(i, n int) string {
			return fmt.Sprintf("<e%d xmlns='a:b'>%s</e%d>", i, strings.Repeat("x", n), i)
		}
		hamlet.Send(query("set", "big", element(0, 2000)))
		hamlet.ExpectError("policy-violation")
		full := 0
		for {
			hamlet.Send(query("set", "one", element(full, 1000)))
			if got := hamlet.Next(); strings.Contains(got, "type='error'") {
				if !strings.Contains(got, "<resource-constraint ") {
					t.Errorf("got %s", got)
				}
				break
			}
			if full++; full > 6 {
				t.Fatal("there is no bound")
			}
		}
		if full < 3 {
			t.Errorf("only %d elements of 1,000 bytes went into 6,000", full)
		}
		kept(hamlet, element(0, 1000)) // the same again takes no more
		kept(hamlet, element(1, 10))
		hamlet.Send(query("set", "more", element(0, 1900)+element(2, 1900)+element(3, 1900)))
		hamlet.ExpectError("resource-constraint")
		kept(hamlet, element(full, 900)) // room was made
	})
}

func TestManySmallElementsCountForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{PrivateTotal: 10_000}})
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, "<e%d xmlns='a:b'/>", i)
		}
		hamlet.Send(query("set", "many", b.String()))
		hamlet.ExpectError("resource-constraint")
	})
}

func TestTheBoundOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "natter.db")
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{Config: server.Config{PrivateTotal: 3000}, Store: store.Options{Path: file}}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.EnsureAccount("hamlet@localhost", servertest.Password); err != nil {
			t.Fatal(err)
		}
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		kept(hamlet, `<a xmlns='a:b'>`+strings.Repeat("x", 2000)+`</a>`)
		srv.Close()
		srv = servertest.New(t, opts)
		hamlet = srv.Login(t, "hamlet@localhost/denmark")
		hamlet.Send(query("set", "more", `<b xmlns='a:b'>`+strings.Repeat("x", 1000)+`</b>`))
		hamlet.ExpectError("resource-constraint")
		reads(t, hamlet, `<a xmlns='a:b'/>`, `<a xmlns='a:b'>`+strings.Repeat("x", 2000)+`</a>`)
	})
}

func TestWhoDoesNotWaitReadsWhatItWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func() error { time.Sleep(200 * time.Millisecond); return nil }
		srv := servertest.New(t, servertest.Options{Store: store.Options{Gate: slow}})
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		kept(hamlet, `<a xmlns='a:b'>old</a>`)
		hamlet.Send(query("set", "p1", `<a xmlns='a:b'>new</a>`), query("get", "p2", `<a xmlns='a:b'/>`))
		hamlet.ExpectAll(`<iq type='result' id='p1'/>`, `<iq type='result' id='p2'><query xmlns='jabber:iq:private'><a xmlns='a:b'>new</a></query></iq>`)
	})
}

func TestWhatCouldNotBeStoredIsSaidAndNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		gate := func() error {
			if broken.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}
		srv := servertest.New(t, servertest.Options{
			Config: server.Config{PrivateTotal: 3000}, Store: store.Options{Gate: gate}, Log: t.Output()})
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		kept(hamlet, `<a xmlns='a:b'>old</a>`)
		large := `<a xmlns='a:b'>` + strings.Repeat("x", 2000) + `</a>`
		broken.Store(true)
		hamlet.Send(query("set", "p1", large))
		hamlet.Expect(`<iq type='error' id='p1'><error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		reads(t, hamlet, `<a xmlns='a:b'/>`, `<a xmlns='a:b'>old</a>`)
		broken.Store(false)
		kept(hamlet, strings.ReplaceAll(large, "a", "b"))
	})
}
