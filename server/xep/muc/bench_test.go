package muc

import (
	"fmt"
	"testing"
	"time"

	"natter/server"
	"natter/stanza"
)

// sink is the output of a session that takes everything and keeps nothing.
type sink struct {
	server.Stream
	out [1 << 10]byte
}

func (s *sink) DeliverShared(_ *server.Turn, w *server.Wire, to []byte) bool {
	w.Append(s.out[:0], to)
	return true
}

// BenchmarkBroadcast is one message to a room with 1,000 occupants: per
// occupant it costs the copy and nothing for the collector. What the stream of
// each does then is BenchmarkBatch in server/c2s.
func BenchmarkBroadcast(b *testing.B) {
	r := &room{history: history{most: 20, mostBytes: 64 << 10}}
	for i := range 1000 {
		jid, err := stanza.ParseJID(fmt.Sprintf("user%d@localhost/bench", i))
		if err != nil {
			b.Fatal(err)
		}
		s := &server.Session{Out: new(sink)}
		r.clients = append(r.clients, &client{jid: jid, attr: stanza.AppendAttr(nil, jid.String()), session: s})
	}
	st, err := stanza.ParseIn([]byte("<message type='groupchat' to='garden@conference.localhost' id='m1'><body>It is the east, and Juliet is the sun</body></message>"),
		stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		b.Fatal(err)
	}
	x := new(exchange)
	b.ReportAllocs()
	for b.Loop() {
		w := wireOf(st, []byte("garden@conference.localhost/Romeo"), nil, nil, nil)
		r.say(x, line{at: time.Unix(0, 0), wire: w})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/delivery")
}
