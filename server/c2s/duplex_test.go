package c2s_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/web"
	"natter/server/web/webconn"
)

// TestTwoWhoTalkAndDoNotListen: two clients send each other 10 MB and read nothing
// before they are done. The queue of a session is made to hold that much, as what
// is to be shown is that a reader never waits for another one's socket: did the
// server stop reading one of them until he reads, neither would ever be done.
func TestTwoWhoTalkAndDoNotListen(t *testing.T) {
	const size = 10 << 10
	many := 1000 // 10 MB
	if raced {
		many = 100
	}
	body := strings.Repeat("x", size)
	for _, row := range []struct {
		what string
		dial func(t *testing.T, w *world) net.Conn
	}{
		{"over pipes", func(t *testing.T, w *world) net.Conn { return w.Dial() }},
		{"over TCP", func(t *testing.T, w *world) net.Conn { return dialTCP(t, w.Listen(t).String()) }},
		{"over TLS on TCP", func(t *testing.T, w *world) net.Conn {
			conn := tls.Client(dialTCP(t, w.Listen(t).String()), w.TLS())
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			return conn
		}},
		{"over TLS on pipes", func(t *testing.T, w *world) net.Conn {
			conn := tls.Client(w.Dial(), w.TLS())
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			return conn
		}},
		{"over WebSocket on pipes", func(t *testing.T, w *world) net.Conn { return dialWeb(t, w, "ws") }},
		{"over WebSocket on TCP", func(t *testing.T, w *world) net.Conn {
			url := "ws" + strings.TrimPrefix(w.HTTP(t), "http") + web.WebSocketPath
			conn, err := webconn.DialWebSocket(t.Context(), url, webconn.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}},
		{"over WebSocket on TLS on TCP", func(t *testing.T, w *world) net.Conn {
			url := "wss" + strings.TrimPrefix(w.HTTPS(t), "https") + web.WebSocketPath
			conn, err := webconn.DialWebSocket(t.Context(), url, webconn.Options{TLS: w.TLS()})
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}},
	} {
		for _, acks := range []string{"", "<enable xmlns='urn:xmpp:sm:3'/>"} {
			what := row.what
			if acks != "" {
				what += " with acknowledgements"
			}
			t.Run(what, func(t *testing.T) {
				w := newWorld(t, servertest.Options{Config: server.Config{QueueBytes: 32 << 20, NoLimits: true}})
				login := func(name string) *peer {
					w.Account(t, name+"@localhost")
					p := newPeer(t, row.dial(t, w))
					p.open()
					p.login(name)
					p.bind("x")
					if acks != "" {
						p.send(acks)
						p.expect("<enabled ")
					}
					return p
				}
				a, b := login("tybalt"), login("mercutio")
				done := make(chan struct{}, 2)
				talk := func(from *peer, to string) {
					defer func() { done <- struct{}{} }()
					for i := range many {
						if _, err := fmt.Fprintf(from, "<message to='%s@localhost/x' type='chat'><body>%d %s</body></message>", to, i, body); err != nil {
							t.Error(err)
							return
						}
					}
				}
				began := time.Now()
				a.SetWriteDeadline(began.Add(patience))
				b.SetWriteDeadline(began.Add(patience))
				go talk(a, "mercutio")
				go talk(b, "tybalt")
				<-done
				<-done
				w.untouched(t) // while megabytes wait
				listen := func(p *peer) {
					defer func() { done <- struct{}{} }()
					p.SetReadDeadline(time.Now().Add(patience))
					for i := 0; i < many; {
						_, got, err := p.event()
						if err != nil {
							t.Errorf("after %d messages: %v", i, err)
							return
						}
						if strings.HasPrefix(got, "<message") {
							if n := bodies(t, got); n[0] != i {
								t.Errorf("message %d arrived in place of %d", n[0], i)
								return
							}
							i++
						}
					}
				}
				go listen(a)
				go listen(b)
				<-done
				<-done
				w.untouched(t)
			})
		}
	}
}
