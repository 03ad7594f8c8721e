package c2s_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"natter/server"
	"natter/server/c2s"
	"natter/server/cert"
	"natter/server/servertest"
	"natter/server/store"
	"natter/server/xep"
	"natter/stanza"
)

// withModule is a server with one more module.
func withModule(t *testing.T, log *bytes.Buffer, m *server.Module) *servertest.Server {
	t.Helper()
	db, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	certs, err := cert.Local("", []string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(&locked{w: log}, nil))
	core, err := server.New(server.Config{Domains: []string{"localhost"}, Dev: true}, db, logger,
		func(h *server.Host) []*server.Module { return append(xep.All(h), m) })
	if err != nil {
		t.Fatal(err)
	}
	srv := &servertest.Server{Core: core, Store: db, Certs: certs, Clients: c2s.New(core, certs.Config("xmpp-client"))}
	t.Cleanup(srv.Close)
	if err := srv.Clients.Restore(context.Background()); err != nil {
		t.Fatal(err)
	}
	return srv
}

type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// TestPanicEndsOneStream: a bug of ours costs the client that met it its stream, is
// told as internal-server-error (RFC 6120 §4.9.3.8), logged, and nobody else's
// matter; and the client may come back.
func TestPanicEndsOneStream(t *testing.T) {
	explode := func(*server.IQ) error {
		var none []string
		_ = none[len(none)] // as bugs do
		return nil
	}
	m := &server.Module{
		Name: "faulty",
		IQ: []server.IQHandler{
			{NS: "urn:x:faulty", Name: "explode", To: server.AtHost | server.AtSelf | server.AtAccount | server.BeforeLogin, Handle: explode},
		},
		Nonzas: []server.NonzaHandler{{NS: "urn:x:faulty", Handle: func(*server.Turn, *server.Session, *stanza.Stanza) { panic("nonza") }}},
		Hooks: []server.Hook{
			{Stage: server.FromAccount, NS: "urn:x:faulty", Run: func(*server.Passage) server.Verdict { panic("from") }},
			{Stage: server.ToAccount, NS: "urn:x:faulty:to", Run: func(*server.Passage) server.Verdict { panic("to") }},
			{Stage: server.ToSession, NS: "urn:x:faulty:session", Run: func(*server.Passage) server.Verdict { panic("session") }},
		},
	}
	var log bytes.Buffer
	w := peopled(t, withModule(t, &log, m))
	for _, row := range []struct{ what, sent string }{
		{"in a handler of requests to the host", "<iq type='get' id='1' to='localhost'><explode xmlns='urn:x:faulty'/></iq>"},
		{"in a handler of requests to oneself", "<iq type='set' id='1'><explode xmlns='urn:x:faulty'/></iq>"},
		{"in a handler of requests to another account", "<iq type='get' id='1' to='romeo@localhost'><explode xmlns='urn:x:faulty'/></iq>"},
		{"in a handler of what is no stanza", "<explode xmlns='urn:x:faulty'/>"},
		{"in a hook on the way out", "<message to='romeo@localhost'><explode xmlns='urn:x:faulty'/></message>"},
		{"in a hook on the way in", "<message to='romeo@localhost'><explode xmlns='urn:x:faulty:to'/></message>"},
		{"in a hook before delivery", "<message to='romeo@localhost' type='chat'><body>x</body><explode xmlns='urn:x:faulty:session'/></message>"},
	} {
		for _, sm := range []string{"", "<enable xmlns='urn:xmpp:sm:3'/>"} {
			t.Run(row.what+" "+sm, func(t *testing.T) {
				p := w.bound(t, "tybalt", "street")
				if sm != "" {
					p.send(sm)
					p.expect("<enabled ")
				}
				p.send(row.sent + "<message to='romeo@localhost' type='chat'><body>after</body></message>")
				list := p.ended()
				if last := list[len(list)-1]; !strings.HasPrefix(last, "<stream:error><internal-server-error ") {
					t.Errorf("received %q", list)
				}
				p.Close()
				if strings.Contains(row.what, "delivery") { // it was with its recipient by then
					w.romeo.Expect("<message><body>x</body></message>")
				}
				w.untouched(t)
			})
		}
	}
	t.Run("before login", func(t *testing.T) {
		p := w.dial(t)
		p.open()
		p.send("<iq type='get' id='1' to='localhost'><explode xmlns='urn:x:faulty'/></iq>")
		p.fails("internal-server-error")
	})
	w.untouched(t)
	w.juliet.Conn.Close()
	w.romeo.Conn.Close()
	w.Close()
	if s := log.String(); strings.Count(s, "msg=panic") != 15 || !strings.Contains(s, "panic_test.go") {
		t.Errorf("%d panics are in the log, and where they came from", strings.Count(s, "msg=panic"))
	}
}

// TestPanicInACallbackEndsNothing: where there is no stream to end, a bug of ours is
// logged and the committer, the timers and the rest of the server go on.
func TestPanicInACallbackEndsNothing(t *testing.T) {
	m := &server.Module{Name: "faulty", IQ: []server.IQHandler{
		{NS: "urn:x:faulty", Name: "commit", To: server.AtHost, Handle: func(q *server.IQ) error {
			b := new(store.Batch)
			b.Put(store.Doc{Key: q.Host.Key("", "faulty", ""), Data: []byte("x")})
			return q.Commit(b, nil, func(*server.Turn) { panic("after a commit") })
		}},
		{NS: "urn:x:faulty", Name: "later", To: server.AtHost, Handle: func(q *server.IQ) error {
			k := q.Keep()
			q.Host.Server.Go(func(context.Context) {
				defer q.Host.Server.Do(func(t *server.Turn) { k.Reply(t, nil) })
				panic("in the background")
			})
			return server.Pending
		}},
	}}
	var log bytes.Buffer
	w := peopled(t, withModule(t, &log, m))
	p := w.bound(t, "tybalt", "street")
	for _, name := range []string{"commit", "later"} {
		p.send("<iq type='set' id='1' to='localhost'><" + name + " xmlns='urn:x:faulty'/></iq>")
		p.expect("<iq ")
		w.untouched(t)
	}
	w.juliet.Conn.Close()
	w.romeo.Conn.Close()
	p.Close()
	w.Close()
	if s := log.String(); strings.Count(s, "msg=panic") != 2 {
		t.Errorf("%d panics are in the log", strings.Count(s, "msg=panic"))
	}
}
