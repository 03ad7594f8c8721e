package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// TestARequestIsShownUntilItIsAnswered: at every login, with what it said (RFC 6121
// §3.1.3), also after a restart.
func TestARequestIsShownUntilItIsAnswered(t *testing.T) {
	bubble(t, "at each login", func(t *testing.T) {
		w := onDisk(t)
		w.Account(t, "juliet@example.org")
		romeo := online(t, w.Server, "romeo@localhost/garden", 0)
		romeo.Send(`<presence type='subscribe' id='please' to='juliet@example.org'><status>from the ball</status><nick xmlns='http://jabber.org/protocol/nick'>Romeo</nick></presence>`)
		settled(romeo)
		shown := func(addr string) (*servertest.Client, int) {
			c, got := arrive(t, w.Server, addr)
			n := 0
			for _, st := range ofKind(stanzas(t, got), stanza.Presence) {
				if st.Type != stanza.Subscribe {
					continue
				}
				n++
				if raw := string(st.Raw); string(st.From()) != "romeo@localhost" || string(st.ID()) != "please" || !strings.Contains(raw, "from the ball") || !strings.Contains(raw, ">Romeo<") {
					t.Errorf("she is shown %s", raw)
				}
			}
			return c, n
		}
		for i := range 3 {
			c, n := shown("juliet@example.org/balcony")
			if n != 1 {
				t.Fatalf("at login %d she is shown it %d times", i, n)
			}
			// Away and back is no login.
			if got := requests(t, available(c, 3)); len(got) > 0 {
				t.Errorf("presence once more shows %q", got)
			}
			if i == 1 {
				w.restart()
			} else {
				c.Close()
			}
		}
		c, _ := shown("juliet@example.org/balcony")
		_, n := shown("juliet@example.org/phone")
		if n != 1 {
			t.Errorf("her second resource is shown it %d times", n)
		}
		c.Send(`<presence type='unsubscribed' to='romeo@localhost'/>`)
		settled(c)
		if _, n := shown("juliet@example.org/laptop"); n != 0 {
			t.Errorf("after it was denied it is shown %d times", n)
		}
	})
	bubble(t, "a request that is taken back is not shown", func(t *testing.T) {
		srv := twoDomains(t)
		srv.Account(t, "juliet@example.org")
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		romeo.Send(`<presence type='subscribe' to='juliet@example.org'/>`, `<presence type='unsubscribe' to='juliet@example.org'/>`)
		settled(romeo)
		_, got := arrive(t, srv, "juliet@example.org/balcony")
		if r := requests(t, got); len(r) > 0 {
			t.Errorf("she is shown requests of %q", r)
		}
	})
	bubble(t, "no more of them are kept than are allowed", func(t *testing.T) {
		srv := twoDomains(t, func(c *server.Config) { c.PendingRequests = 2 })
		srv.Account(t, "juliet@example.org")
		for _, who := range []string{"romeo", "tybalt", "paris"} {
			c := online(t, srv, who+"@localhost/x", 0)
			c.Send(`<presence type='subscribe' to='juliet@example.org'/>`)
			settled(c)
		}
		_, got := arrive(t, srv, "juliet@example.org/balcony")
		if r := requests(t, got); len(r) != 2 {
			t.Errorf("she is shown requests of %q", r)
		}
	})
}

// TestDirectedPresenceEnds for whoever got it and would not hear otherwise (RFC
// 6121 §4.6.1), however the session ends; and only once.
func TestDirectedPresenceEnds(t *testing.T) {
	ends := map[string]func(*servertest.Client){
		"unavailable presence": func(c *servertest.Client) { c.Send(`<presence type='unavailable'/>`); c.Sync() },
		"the stream's end":     func(c *servertest.Client) { c.Close() },
		"a dead socket":        func(c *servertest.Client) { c.Conn.Close() },
	}
	for name, end := range ends {
		for _, before := range []bool{false, true} {
			when := ", after initial presence"
			if before {
				when = ", without initial presence"
			}
			bubble(t, name+when, func(t *testing.T) {
				srv := twoDomains(t)
				subscribe(t, srv, "romeo@localhost", "juliet@example.org") // hears anyway
				watchers := map[string]*servertest.Client{}
				for _, a := range []string{"romeo@localhost/garden", "nurse@localhost/kitchen", "paris@example.org/church", "tybalt@localhost/street"} {
					watchers[a] = online(t, srv, a, 0)
				}
				juliet := srv.Login(t, "juliet@example.org/balcony")
				if !before {
					available(juliet, 0)
				}
				for _, a := range []string{"romeo@localhost", "nurse@localhost/kitchen", "paris@example.org", "tybalt@localhost"} {
					juliet.Send(`<presence to='` + a + `'/>`)
				}
				juliet.Send(`<presence type='unavailable' to='tybalt@localhost'/>`) // taken back
				settled(juliet)
				for _, c := range watchers {
					settled(c)
				}
				end(juliet)
				for a, c := range watchers {
					want := 1
					if strings.HasPrefix(a, "tybalt") {
						want = 0
					}
					if n := unavailable(t, settled(c), "juliet@example.org/balcony"); n != want {
						t.Errorf("%s heard %d times that she is gone, and should %d times", a, n, want)
					}
				}
			})
		}
	}
}

// TestPresenceFollowsTheSubscription: it comes with the approval and ends with it,
// and does not go the other way.
func TestPresenceFollowsTheSubscription(t *testing.T) {
	bubble(t, "granted, withdrawn, granted again", func(t *testing.T) {
		srv := twoDomains(t)
		romeo, juliet := online(t, srv, "romeo@localhost/garden", 0), online(t, srv, "juliet@example.org/balcony", 0)
		// heard are the types of presence that he hears from her resource.
		heard := func() []string {
			settled(juliet)
			out := []string{}
			for _, st := range ofKind(stanzas(t, settled(romeo)), stanza.Presence) {
				if string(st.From()) == "juliet@example.org/balcony" {
					out = append(out, st.Type.String())
				}
			}
			return out
		}
		step := func(what string, want ...string) {
			t.Helper()
			if got := heard(); !slices.Equal(got, append([]string{}, want...)) {
				t.Errorf("%s: he hears %q, and should %q", what, got, want)
			}
		}
		romeo.Send(`<presence type='subscribe' to='juliet@example.org'/>`)
		settled(romeo)
		step("asked")
		available(juliet, 1)
		step("asked, and she changes")
		juliet.Send(`<presence type='subscribed' to='romeo@localhost'/>`)
		step("granted", "")
		available(juliet, 2)
		step("granted, and she changes", "")
		juliet.Send(`<presence type='unsubscribed' to='romeo@localhost'/>`)
		step("withdrawn", "unavailable")
		available(juliet, 3)
		step("withdrawn, and she changes")
		juliet.Send(`<presence type='subscribed' to='romeo@localhost'/>`) // for the next time he asks
		step("approved beforehand")
		romeo.Send(`<presence type='subscribe' to='juliet@example.org'/>`)
		settled(romeo)
		settled(juliet)
		available(juliet, 4)
		if got := heard(); len(got) == 0 || got[0] != "" {
			t.Errorf("approved beforehand and asked: he hears %q", got)
		}
		romeo.Send(`<presence type='unsubscribe' to='juliet@example.org'/>`)
		settled(romeo)
		if got := heard(); len(got) > 1 || len(got) == 1 && got[0] != "unavailable" {
			t.Errorf("given up: he hears %q", got)
		}
		available(juliet, 5)
		step("given up, and she changes")
	})
}

// TestARemovedAccountIsGoneForItsContacts, those who are there and those who come
// later, at both domains (RFC 6121 §3.2, §3.3).
func TestARemovedAccountIsGoneForItsContacts(t *testing.T) {
	bubble(t, "removed by an administrator", func(t *testing.T) {
		srv := twoDomains(t)
		const romeo = "romeo@localhost"
		for _, contact := range []string{"juliet@example.org", "nurse@localhost"} {
			srv.Account(t, contact)
			subscribe(t, srv, contact, romeo)
			subscribe(t, srv, romeo, contact)
		}
		tybalt := online(t, srv, "tybalt@localhost/street", 0)
		tybalt.Send(`<presence type='subscribe' to='` + romeo + `'/>`)
		settled(tybalt)
		garden := online(t, srv, romeo+"/garden", 0)
		detached := manage(t, online(t, srv, romeo+"/mantua", 0))
		juliet := online(t, srv, "juliet@example.org/balcony", 0)
		settled(juliet)
		settled(garden)
		detached.cut()

		done := make(chan error, 1)
		srv.Core.Do(func(turn *server.Turn) {
			if err := srv.Core.Host("localhost").Remove(turn, "romeo", func(_ *server.Turn, err error) { done <- err }); err != nil {
				done <- err
			}
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		garden.ExpectStreamError("not-authorized")
		got := settled(juliet)
		for _, from := range []string{romeo + "/garden", romeo + "/mantua"} {
			if n := unavailable(t, got, from); n != 1 {
				t.Errorf("a contact heard %d times that %s is gone", n, from)
			}
		}
		if srv.Core.Session(romeo+"/mantua") != nil {
			t.Error("its session waits to be resumed")
		}
		for _, c := range []string{"juliet@example.org", "nurse@localhost", "tybalt@localhost"} {
			client := srv.Login(t, c+"/after")
			client.Send(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`)
			for _, e := range settled(client) {
				if strings.Contains(e, "item jid='"+romeo) && !strings.Contains(e, "subscription='none'") || strings.Contains(e, "ask=") {
					t.Errorf("in the roster of %s: %s", c, e)
				}
			}
		}
		srv.Core.Host("localhost").Settled(t.Context(), "romeo")
		if err := srv.EnsureAccount(romeo, "another"); err != nil {
			t.Fatal(err)
		}
		if got := refused(t, srv, romeo, "secret"); got != "not-authorized" {
			t.Errorf("the old password of a new namesake: %q", got)
		}
	})
}

// TestLoginTimeoutIsNotExtendedByTraffic: from accept to a bound session there are
// 30 seconds, whatever comes meanwhile.
func TestLoginTimeoutIsNotExtendedByTraffic(t *testing.T) {
	bubble(t, "white space and features do not count", func(t *testing.T) {
		srv := twoDomains(t)
		c := srv.Connect(t)
		began := time.Now()
		for time.Since(began) < 25*time.Second {
			pass(5 * time.Second)
			c.Write(" ")
		}
		c.ExpectStreamError("connection-timeout")
		if d := time.Since(began); d < 29*time.Second || d > 35*time.Second {
			t.Errorf("it was ended after %v", d)
		}
	})
}
