package server_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
)

// TestHeartbeat: a quiet client is asked after 5 minutes, 15 while it is inactive,
// by <r/> where it acknowledges and a ping where it does not, and is given up when
// it has not answered for a minute.
func TestHeartbeat(t *testing.T) {
	const slack = 3 * time.Second // the wheel ticks once a second
	for _, row := range []struct {
		name     string
		setup    string
		after    time.Duration
		question string
		answer   func(q string) string
		stays    bool
	}{
		{"without acknowledgements it is pinged", "", 5 * time.Minute, "<ping xmlns='urn:xmpp:ping'/>", func(q string) string {
			_, id, _ := strings.Cut(q, "id='")
			id, _, _ = strings.Cut(id, "'")
			return `<iq type='result' id='` + id + `' to='localhost'/>`
		}, false},
		{"with acknowledgements it is asked for one", "<enable xmlns='urn:xmpp:sm:3'/>", 5 * time.Minute, "<r xmlns='urn:xmpp:sm:3'/>",
			func(string) string { return `<a xmlns='urn:xmpp:sm:3' h='0'/>` }, false},
		{"one that can be resumed stays, detached", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>", 5 * time.Minute, "<r xmlns='urn:xmpp:sm:3'/>",
			func(string) string { return `<a xmlns='urn:xmpp:sm:3' h='0'/>` }, true},
		{"an inactive client is left alone longer", "<enable xmlns='urn:xmpp:sm:3'/><inactive xmlns='urn:xmpp:csi:0'/>", 15 * time.Minute, "<r xmlns='urn:xmpp:sm:3'/>",
			func(string) string { return `<a xmlns='urn:xmpp:sm:3' h='0'/>` }, false},
		{"an inactive client is left alone longer, without acknowledgements", "<inactive xmlns='urn:xmpp:csi:0'/>", 15 * time.Minute, "<ping xmlns='urn:xmpp:ping'/>",
			func(string) string { return ` ` }, false},
	} {
		bubble(t, row.name, func(t *testing.T) {
			srv := twoDomains(t)
			c := srv.Online(t, "juliet@localhost/balcony")
			c.Send(row.setup + ` `)
			if strings.HasPrefix(row.setup, "<enable") {
				c.Next() // <enabled/>
			}
			for round := range 3 {
				quiet := time.Now()
				q := next(t, c)
				if d := time.Since(quiet); !strings.Contains(q, row.question) || d < row.after || d > row.after+slack {
					t.Fatalf("round %d: after %v it is asked %s", round, d, q)
				}
				if round == 2 {
					break
				}
				c.Send(row.answer(q))
			}
			// Now it does not answer.
			asked := time.Now()
			for {
				if _, err := c.Read(); err != nil && !isTimeout(err) {
					break
				}
				if time.Since(asked) > 10*time.Minute {
					t.Fatal("it is not given up")
				}
			}
			if d := time.Since(asked); d < time.Minute || d > time.Minute+slack {
				t.Errorf("it is given up after %v", d)
			}
			synctest.Wait() // the connection goes before the session does
			if s := srv.Core.Session("juliet@localhost/balcony"); (s != nil) != row.stays {
				t.Errorf("the session is there: %v", s != nil)
			}
		})
	}
}

// next is Next that waits as long as it takes, up to an hour.
func next(t *testing.T, c *servertest.Client) string {
	t.Helper()
	for began := time.Now(); time.Since(began) < time.Hour; {
		e, err := c.Read()
		if err == nil {
			return e
		}
		if !isTimeout(err) {
			t.Fatal(err)
		}
	}
	t.Fatal("nothing came")
	return ""
}

func isTimeout(err error) bool {
	t, ok := err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}
