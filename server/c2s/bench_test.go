package c2s

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/server/xep"
	"natter/stanza"
)

// sink is a transport that takes everything and keeps nothing.
type sink struct{}

func (sink) Read() (*Buffer, error)              { return nil, io.EOF }
func (sink) Serve(func(*Buffer) error) error     { return io.EOF }
func (sink) TryWrite(p []byte) (int, int, error) { return len(p), 0, nil }
func (sink) Pending() bool                       { return false }
func (sink) WriteAll(p []byte) (int, int, error) { return len(p), 0, nil }
func (sink) SetDeadline(time.Time) error         { return nil }
func (sink) Net() net.Conn                       { return nil }
func (sink) CloseWrite() error                   { return nil }
func (sink) Close() error                        { return nil }

// benchSession binds a session over a sink and makes it available.
func benchSession(b *testing.B, c *Server, local string) *server.Session {
	b.Helper()
	sess, _ := benchStream(b, c, local)
	return sess
}

func benchStream(b *testing.B, c *Server, local string) (*server.Session, *Stream) {
	b.Helper()
	host := c.core.Default()
	if err := host.Create(context.Background(), local, "secret"); err != nil {
		b.Fatal(err)
	}
	s := newStream(c, sink{})
	t := c.core.Turn()
	defer t.End()
	sess, err := host.Bind(t, server.Binding{Local: local, Resource: "r", Out: s})
	if err != nil {
		b.Fatal(err)
	}
	s.bound(sess)
	c.core.Route(t, &sess.Origin, parse(b, "<presence/>"))
	return sess, s
}

func parse(b *testing.B, xml string) *stanza.Stanza {
	b.Helper()
	st, err := stanza.ParseIn([]byte(xml), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		b.Fatal(err)
	}
	return st
}

// benchCore returns a server that keeps its data in memory.
func benchCore(b testing.TB) *server.Server {
	db, err := store.Open(store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	core, err := server.New(server.Config{Domains: []string{"localhost"}}, db, slog.New(slog.DiscardHandler), xep.All)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { core.Close(); db.Close() })
	return core
}

// BenchmarkRoute is Route and Send, with a flush each eight messages, for a
// recipient that is online: archive off, no acknowledgements.
func BenchmarkRoute(b *testing.B) {
	core := benchCore(b)
	c := New(core, nil)
	juliet := benchSession(b, c, "juliet")
	benchSession(b, c, "romeo")
	for _, to := range []string{"romeo@localhost/r", "romeo@localhost"} {
		name := "full"
		if to == "romeo@localhost" {
			name = "bare"
		}
		st := parse(b, "<message to='"+to+"' type='chat' id='8b7a2c10'><body>What man art thou that, thus bescreen'd in night, so stumblest on my counsel?</body>"+
			"<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>")
		b.Run(name, func(b *testing.B) {
			t := core.Turn()
			defer t.End()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				core.Route(t, &juliet.Origin, st)
				if i%8 == 7 {
					t.Flush()
				}
			}
		})
	}
}

// BenchmarkBatch is what one occupant of a room costs: ten messages that others get
// too, one flush, and with acknowledgements what confirms them. An operation is one
// message.
func BenchmarkBatch(b *testing.B) {
	for _, managed := range []bool{false, true} {
		b.Run(fmt.Sprintf("acks=%v", managed), func(b *testing.B) {
			core := benchCore(b)
			juliet, s := benchStream(b, New(core, nil), "juliet")
			if managed {
				s.acks = &acks{stream: s}
			}
			w := &server.Wire{
				Head: []byte("<message from='garden@conference.localhost/Romeo' to='"),
				Tail: []byte("' type='groupchat'><body>" + strings.Repeat("x", 350) + "</body></message>"),
			}
			t := core.Turn()
			defer t.End()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				juliet.Out.DeliverShared(t, w, juliet.Attr)
				if i%10 != 9 {
					continue
				}
				t.Flush()
				if managed {
					s.acks.confirm(s.acks.sent)
					s.acks.asked = false
				}
			}
		})
	}
}
