package server_test

import (
	"strings"
	"testing"

	"natter/server"
	"natter/stanza"
)

// TestFromIsWhoSentIt whatever the client wrote, as far as it may write anything
// (RFC 6120 §8.1.2.1).
func TestFromIsWhoSentIt(t *testing.T) {
	for _, from := range []string{"", "romeo@localhost", "romeo@localhost/garden", "ROMEO@localhost", "Romeo@LOCALHOST/garden"} {
		bubble(t, "written as "+from, func(t *testing.T) {
			srv := twoDomains(t)
			subscribe(t, srv, "romeo@localhost", "juliet@example.org")
			juliet := online(t, srv, "juliet@example.org/balcony", 0)
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			settled(juliet)
			attr := ""
			if from != "" {
				attr = ` from='` + from + `'`
			}
			for _, st := range []string{
				`<message` + attr + ` to='juliet@example.org'><body>x</body></message>`,
				`<message` + attr + ` to='juliet@example.org/balcony'><body>x</body></message>`,
				`<message` + attr + ` type='headline' to='juliet@example.org'><body>x</body></message>`,
				`<presence` + attr + ` to='juliet@example.org'/>`,
				`<presence` + attr + ` to='juliet@example.org/balcony' type='unavailable'/>`,
				`<iq` + attr + ` type='get' id='1' to='juliet@example.org/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`,
				`<iq` + attr + ` type='result' id='2' to='juliet@example.org/balcony'/>`,
			} {
				romeo.Send(st)
				settled(romeo)
				got := stanzas(t, settled(juliet))
				if len(got) != 1 || string(got[0].From()) != "romeo@localhost/garden" {
					t.Errorf("%s: %d stanzas arrived", st, len(got))
					for _, g := range got {
						t.Errorf("  %s", g.Raw)
					}
				}
			}
		})
	}
}

// TestForgedFromEndsTheStream and nothing is delivered (RFC 6120 §4.9.3.9).
func TestForgedFromEndsTheStream(t *testing.T) {
	for _, from := range []string{"juliet@localhost", "romeo@localhost/other", "romeo@example.org", "romeo@example.org/garden", "localhost", "@"} {
		bubble(t, from, func(t *testing.T) {
			srv := twoDomains(t)
			juliet := online(t, srv, "juliet@example.org/balcony", 0)
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			settled(juliet)
			romeo.Send(`<message from='` + from + `' to='juliet@example.org'><body>x</body></message><message to='juliet@example.org'><body>y</body></message>`)
			romeo.ExpectStreamError("invalid-from")
			if got := settled(juliet); len(got) > 0 {
				t.Errorf("%q arrived", got)
			}
		})
	}
}

// TestAddressesGoOnInNormalForm (RFC 7622 §3.1) and find the session they name.
func TestAddressesGoOnInNormalForm(t *testing.T) {
	for _, row := range []struct{ name, written, normal string }{
		{"case of a bare JID", "JULIET@Example.ORG", "juliet@example.org"},
		{"case of a full JID but for its resource", "Juliet@EXAMPLE.org/balcony", "juliet@example.org/balcony"},
		{"a final dot", "juliet@example.org./balcony", "juliet@example.org/balcony"},
		{"an entity", "juliet@example.org/balc&#x6f;ny", "juliet@example.org/balcony"},
		{"full width letters", "ｊｕｌｉｅｔ@example.org", "juliet@example.org"},
	} {
		bubble(t, row.name, func(t *testing.T) {
			srv := twoDomains(t)
			juliet := online(t, srv, "juliet@example.org/balcony", 0)
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			settled(juliet)
			for _, st := range []string{
				`<message to='` + row.written + `'><body>x</body></message>`,
				`<presence to='` + row.written + `'/>`,
			} {
				romeo.Send(st)
				settled(romeo)
				got := stanzas(t, settled(juliet))
				if len(got) != 1 || string(got[0].To()) != row.normal {
					t.Errorf("%s: %d arrived", st, len(got))
					for _, g := range got {
						t.Errorf("  %s", g.Raw)
					}
				}
			}
		})
	}
}

// TestErrorsAreNeverAnswered: two clients that answer every stanza with an error
// come to rest (RFC 6120 §8.3.1).
func TestErrorsAreNeverAnswered(t *testing.T) {
	bubble(t, "between two clients, and to everybody else", func(t *testing.T) {
		srv := twoDomains(t)
		srv.Account(t, "nurse@localhost")
		romeo, juliet := online(t, srv, "romeo@localhost/garden", 0), online(t, srv, "juliet@example.org/balcony", 0)
		settled(juliet)
		romeo.Send(`<message to='juliet@example.org' id='1'><body>x</body></message>`)
		settled(romeo)
		for round := range 5 {
			who, got := juliet, settled(juliet)
			if round%2 == 1 {
				who, got = romeo, settled(romeo)
			}
			if round > 0 && len(got) != 1 || len(got) > 1 {
				t.Fatalf("round %d: %q", round, got)
			}
			for _, e := range got {
				st := parse(t, e)
				who.Send(`<message type='error' to='` + string(st.From()) + `'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
			}
			settled(who)
		}
		settled(romeo)
		settled(juliet)
		const cause = `<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
		for _, addr := range []string{"", "localhost", "example.org/x", "nobody@localhost", "nurse@localhost", "nurse@localhost/x", "juliet@example.org/x", "x@elsewhere.example", "@"} {
			for _, kind := range []string{"message", "presence", "iq"} {
				romeo.Send(`<` + kind + ` type='error' id='1'` + to(addr) + `>` + cause + `</` + kind + `>`)
				if got := settled(romeo); len(got) > 0 {
					t.Errorf("an error in a %s to %q is answered %q", kind, addr, got)
				}
			}
			romeo.Send(`<iq type='result' id='1'` + to(addr) + `/>`)
			if got := settled(romeo); len(got) > 0 {
				t.Errorf("a result to %q is answered %q", addr, got)
			}
		}
		if got := settled(juliet); len(got) > 0 {
			t.Errorf("the other got %q", got)
		}
	})
}

// TestHostsAreApart: what one account has is not what its namesake at the other
// domain has.
func TestHostsAreApart(t *testing.T) {
	bubble(t, "namesakes", func(t *testing.T) {
		srv := twoDomains(t)
		if err := srv.EnsureAccount("romeo@localhost", "first password"); err != nil {
			t.Fatal(err)
		}
		if err := srv.EnsureAccount("romeo@example.org", "second password"); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct{ addr, password, want string }{
			{"romeo@localhost", "first password", ""},
			{"romeo@localhost", "second password", "not-authorized"},
			{"romeo@example.org", "second password", ""},
			{"romeo@example.org", "first password", "not-authorized"},
		} {
			if got := refused(t, srv, row.addr, row.password); got != row.want {
				t.Errorf("%s with the %s: %q", row.addr, row.password, got)
			}
		}
	})
	bubble(t, "an account of one domain is unknown at the other", func(t *testing.T) {
		srv := twoDomains(t)
		srv.Account(t, "mercutio@localhost")
		if got := refused(t, srv, "mercutio@example.org", "secret"); got != "not-authorized" {
			t.Errorf("logging in: %q", got)
		}
	})
	bubble(t, "sessions, presence, roster, private data, block lists, messages", func(t *testing.T) {
		srv := twoDomains(t, func(c *server.Config) { c.Archive = true })
		here, there := online(t, srv, "romeo@localhost/garden", 0), online(t, srv, "romeo@example.org/garden", 0)
		for _, e := range []string{`<enable xmlns='urn:xmpp:carbons:2'/>`} {
			there.Send(`<iq type='set' id='c'>` + e + `</iq>`)
		}
		juliet := online(t, srv, "juliet@localhost/balcony", 0)
		settled(there)
		for _, e := range []string{
			`<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query></iq>`,
			`<iq type='set' id='2'><query xmlns='jabber:iq:private'><x xmlns='urn:x'>mine</x></query></iq>`,
			`<iq type='set' id='3'><vCard xmlns='vcard-temp'><FN>mine</FN></vCard></iq>`,
			`<iq type='set' id='4'><block xmlns='urn:xmpp:blocking'><item jid='tybalt@localhost'/></block></iq>`,
			`<presence><show>away</show></presence>`,
			`<message to='juliet@localhost' type='chat'><body>mine</body></message>`,
			`<message type='chat'><body>to myself</body></message>`,
		} {
			here.Send(e)
		}
		settled(here)
		if got := bodies(t, settled(juliet)); len(got) != 1 {
			t.Errorf("juliet got %q", got)
		}
		if got := settled(there); len(got) > 0 {
			t.Errorf("the namesake heard %q", got)
		}
		for _, get := range []string{
			`<query xmlns='jabber:iq:roster'/>`, `<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>`,
			`<vCard xmlns='vcard-temp'/>`, `<blocklist xmlns='urn:xmpp:blocking'/>`,
		} {
			there.Send(`<iq type='get' id='g'>` + get + `</iq>`)
			if got := strings.Join(settled(there), ""); strings.Contains(got, "mine") || strings.Contains(got, "nurse") || strings.Contains(got, "tybalt") {
				t.Errorf("the namesake is told %s", got)
			}
		}
		durable(t, srv.Store)
		if n, err := srv.Store.Count(t.Context(), "romeo@example.org"); n != 0 || err != nil {
			t.Errorf("the namesake's archive holds %d (%v)", n, err)
		}
	})
	bubble(t, "a session of one is not resumed by the other", func(t *testing.T) {
		srv := twoDomains(t)
		m := manage(t, online(t, srv, "romeo@localhost/garden", 0))
		srv.Account(t, "romeo@example.org")
		srv.Account(t, "juliet@localhost")
		m.cut()
		for _, thief := range []string{"romeo@example.org", "juliet@localhost"} {
			c := authenticated(t, srv, thief)
			c.Send(`<resume xmlns='urn:xmpp:sm:3' previd='` + m.id + `' h='0'/>`)
			if st := parse(t, c.Next()); !strings.HasPrefix(string(st.Raw), "<failed") || !strings.Contains(string(st.Raw), "item-not-found") {
				t.Errorf("%s got %s", thief, st.Raw)
			}
		}
		if _, _, ok := resume(t, srv, m, 0); !ok {
			t.Error("its owner cannot resume it any more")
		}
	})
	bubble(t, "an account that is removed at one domain stays at the other", func(t *testing.T) {
		srv := twoDomains(t)
		here, there := online(t, srv, "romeo@localhost/garden", 0), online(t, srv, "romeo@example.org/garden", 0)
		there.Send(`<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query></iq>`)
		settled(there)
		here.Send(`<iq type='set' id='bye'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
		here.Expect(`<iq type='result' id='bye'/>`)
		here.ExpectStreamError("not-authorized")
		there.Send(`<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>`)
		if got := strings.Join(settled(there), ""); !strings.Contains(got, "nurse@localhost") {
			t.Errorf("the namesake is told %s", got)
		}
		if srv.Core.Host("localhost").Exists("romeo") || !srv.Core.Host("example.org").Exists("romeo") {
			t.Error("the wrong one is gone")
		}
	})
	bubble(t, "the same resource at both domains is no conflict", func(t *testing.T) {
		srv := twoDomains(t)
		here, there := online(t, srv, "romeo@localhost/garden", 0), online(t, srv, "romeo@example.org/garden", 0)
		here.Silent()
		there.Silent()
		here.Send(`<message type='chat' to='romeo@example.org/garden'><body>hello, me</body></message>`)
		settled(here)
		if got := ofKind(stanzas(t, settled(there)), stanza.Message); len(got) != 1 || string(got[0].From()) != "romeo@localhost/garden" {
			t.Errorf("there arrived %d", len(got))
		}
	})
}
