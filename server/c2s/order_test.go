package c2s_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
)

var logins = flag.Int("logins", 1000, "how often TestEachMessageOnceAndInOrder interleaves login and sending")

// TestEachMessageOnceAndInOrder has one client send without pause while the other
// comes and goes, so that messages fall before, into and after the delivery of what
// waited: each arrives once and in order (RFC 6120 §10.1).
func TestEachMessageOnceAndInOrder(t *testing.T) {
	for _, row := range []struct {
		what, enable string
		archive      bool
		again        func(w *world, t *testing.T, p *peer) *peer
		share        int // of the logins
	}{
		{"by presence", "", true, presenceAgain, 1},
		{"by presence, archive off", "", false, presenceAgain, 1},
		{"by presence, with acknowledgements", enableSM, true, presenceAgain, 1},
		{"by a new connection", "", true, connectAgain, 10},
		{"by a new connection, archive off", "", false, connectAgain, 10},
	} {
		t.Run(row.what, func(t *testing.T) {
			srv := servertest.New(t, servertest.Options{Strict: true, Config: server.Config{
				Dev: true, Archive: row.archive, NoLimits: true,
				OfflineMessages: 1 << 30, OfflineBytes: 1 << 40, QueueBytes: 1 << 30,
			}})
			w := &world{Server: srv}
			w.Account(t, "tybalt@localhost")
			from := w.bound(t, "juliet", "balcony")
			to := w.bound(t, "tybalt", "street")
			if row.enable != "" {
				to.send(row.enable)
				to.expect("<enabled ")
			}
			rounds := *logins / row.share
			const burst = 4
			said := make(chan struct{})
			go func() {
				defer close(said)
				for i := range rounds * burst {
					from.send(chat("tybalt@localhost", fmt.Sprint(i)))
					if i%64 == 63 { // not further ahead than that
						from.send("<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
						if _, _, err := from.event(); err != nil {
							t.Error(err)
							return
						}
					}
				}
			}()
			got, handled := 0, 0
			take := func(raw string) {
				if !strings.HasPrefix(raw, "<r ") {
					handled++
				} else {
					to.send(ack(handled))
				}
				for _, n := range bodies(t, raw) {
					if n != got {
						t.Fatalf("message %d arrived in place of %d", n, got)
					}
					got++
				}
			}
			to.each = take
			for range rounds {
				to = row.again(w, t, to)
				to.each = take
			}
			<-said
			to.send("<presence/>")
			for got < rounds*burst {
				take(to.next())
			}
			to.send("<iq type='get' id='end' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
			for {
				raw := to.next()
				take(raw)
				if strings.Contains(raw, "end") {
					break
				}
			}
			from.Close()
			to.Close()
		})
	}
}

// presenceAgain makes a session available and unavailable again. What arrives
// meanwhile goes to p.each.
func presenceAgain(_ *world, t *testing.T, p *peer) *peer {
	p.send("<presence/>")
	p.until("<presence ")
	for range rand.IntN(3) {
		p.send("<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
		p.until("<iq ")
	}
	p.send("<presence type='unavailable'/>")
	return p
}

// connectAgain ends the stream in order and logs in again.
func connectAgain(w *world, t *testing.T, p *peer) *peer {
	p.send(streamEnd)
	for _, raw := range p.ended() {
		p.each(raw)
	}
	p.Close()
	now := w.bound(t, "tybalt", "street")
	now.each = p.each
	now.send("<presence/>")
	now.until("<presence ")
	return now
}

// until reads up to an element that begins so.
func (p *peer) until(prefix string) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		raw := p.next()
		p.each(raw)
		if strings.HasPrefix(raw, prefix) {
			return
		}
	}
	p.t.Fatalf("%s never came", prefix)
}
