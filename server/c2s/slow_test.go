package c2s_test

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// bodies returns the numbers in the bodies of the messages among what a stream's
// bytes hold; what is cut off at the end is left out.
func bodies(t testing.TB, raw string) (list []int) {
	t.Helper()
	sc := stanza.NewScanner(stanza.Limits{Bytes: 64 << 20})
	sc.Next([]byte(header))
	for b := []byte(raw); len(b) > 0; {
		ev, n, err := sc.Next(b)
		if err != nil {
			t.Fatalf("received what is not XMPP: %v", err)
		}
		if ev == stanza.More {
			break
		}
		if ev == stanza.Element && sc.Stanza.Kind == stanza.Message {
			number, _, _ := strings.Cut(sc.Stanza.Body(), " ")
			i, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("received %s", brief(string(b[:n])))
			}
			list = append(list, i)
		}
		b = b[n:]
	}
	return list
}

// TestClientThatNeverReads: the session ends at its bound, the connection 5 s later;
// nobody else waits for it, and what it had not received comes at the next login,
// in order.
func TestClientThatNeverReads(t *testing.T) {
	const many, size = 500, 4 << 10 // 2 MB: more than a pipe and the queue hold, less than offline storage does
	for _, row := range []struct {
		what   string
		config server.Config
		tls    bool
		enable string
		again  bool // what was written but not acknowledged comes again
	}{
		{what: "archive on", config: server.Config{Archive: true}},
		{what: "archive off", config: server.Config{}},
		{what: "archive on, TLS", config: server.Config{Archive: true}, tls: true},
		{what: "archive off, TLS", config: server.Config{}, tls: true},
		{what: "acknowledgements", config: server.Config{Archive: true}, enable: "<enable xmlns='urn:xmpp:sm:3'/>", again: true},
		{what: "acknowledgements, archive off", config: server.Config{}, enable: "<enable xmlns='urn:xmpp:sm:3'/>", again: true},
		{what: "resumption", config: server.Config{Archive: true}, enable: "<enable xmlns='urn:xmpp:sm:3' resume='true'/>", again: true},
		{what: "resumption, archive off, TLS", config: server.Config{}, tls: true, enable: "<enable xmlns='urn:xmpp:sm:3' resume='true'/>", again: true},
	} {
		t.Run(row.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				row.config.Dev = true
				w := newWorld(t, servertest.Options{Strict: true, Config: row.config})
				w.Account(t, "tybalt@localhost")
				p := w.dial(t)
				p.open()
				if row.tls {
					p.send(startTLS)
					p.expect(proceed)
					p, _ = p.handshake(w, 0)
				}
				p.login("tybalt")
				p.bind("street")
				if row.enable != "" {
					p.send(row.enable)
					p.expect("<enabled ")
				}
				p.send("<presence/>")
				p.expect("<presence ")
				p.all, p.buf = nil, nil // from here on nothing is read

				began := time.Now()
				var cut time.Time
				for i := range many {
					w.juliet.Send(fmt.Sprintf("<message to='tybalt@localhost' type='chat'><body>%d %s</body></message>", i, strings.Repeat("x", size)))
					if i%25 == 0 {
						w.untouched(t)
						synctest.Wait()
						if cut.IsZero() && w.Core.Session("tybalt@localhost/street") == nil {
							cut = time.Now()
							if sent := i * size; sent < 1<<20-64<<10 || sent > 1<<20+600<<10 {
								t.Errorf("the session ended after %d bytes", sent)
							}
						}
					}
				}
				w.untouched(t)
				if d := time.Since(began); d > 0 {
					t.Errorf("the others were held up for %v", d)
				}
				if cut.IsZero() {
					t.Fatal("the session never ended")
				}
				if n, _ := w.Clients.Connections(); n != 3 {
					t.Errorf("%d connections: the stream error has 5 s to arrive", n)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if n, _ := w.Clients.Connections(); n != 2 {
					t.Errorf("%d connections are left", n)
				}

				p.SetReadDeadline(time.Now().Add(time.Hour))
				rest, _ := io.ReadAll(p.Conn) // what was on its way
				got := bodies(t, string(rest))
				if n := len(got) * size; n > 300<<10 {
					t.Errorf("%d bytes were on their way", n)
				}
				next := w.bound(t, "tybalt", "street")
				next.send("<presence/><iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
				if row.again {
					got = nil
				}
				seen := len(got)
				for len(got) < many {
					raw := next.next()
					got = append(got, bodies(t, raw)...)
					if strings.HasPrefix(raw, "<message") && !strings.Contains(raw, "<delay xmlns='urn:xmpp:delay'") {
						t.Fatalf("not delayed: %s", brief(raw))
					}
				}
				for i, n := range got {
					if n != i {
						t.Fatalf("message %d arrived in place of %d; %d had arrived before", n, i, seen)
					}
				}
				w.untouched(t)
			})
		})
	}
}

// TestReaderThatComesTooLate is told why the session ended, if it reads in time.
func TestReaderThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.bound(t, "tybalt", "street")
		p.send("<presence/>")
		p.expect("<presence ")
		for i := range 400 {
			w.juliet.Send(fmt.Sprintf("<message to='tybalt@localhost' type='chat'><body>%d %s</body></message>", i, strings.Repeat("x", 4<<10)))
		}
		w.untouched(t)
		list := p.ended()
		if last := list[len(list)-1]; !strings.HasPrefix(last, "<stream:error><resource-constraint ") {
			t.Errorf("ended with %s", brief(last))
		}
		w.untouched(t)
	})
}
