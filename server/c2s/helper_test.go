package c2s_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"natter/server/servertest"
	"natter/stanza"
)

const (
	header    = "<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	streamEnd = "</stream:stream>"
	patience  = 30 * time.Second // real time outside of bubbles: slow machines
)

// world is a server with two people on it who chat, and who are not to notice
// what somebody else does to the server.
type world struct {
	*servertest.Server
	juliet, romeo *servertest.Client
	said          int
}

func newWorld(t testing.TB, opts ...servertest.Options) *world {
	t.Helper()
	return peopled(t, servertest.New(t, opts...))
}

func peopled(t testing.TB, srv *servertest.Server) *world {
	t.Helper()
	return &world{
		Server: srv,
		juliet: srv.Online(t, "juliet@localhost/balcony"),
		romeo:  srv.Online(t, "romeo@localhost/garden"),
	}
}

// untouched has the two exchange a message each way: it arrives, and nothing else
// has or does.
func (w *world) untouched(t testing.TB) {
	t.Helper()
	say := func(from, to *servertest.Client) {
		t.Helper()
		w.said++
		from.Send(fmt.Sprintf("<message to='%s' type='chat' id='m%d'><body>%d</body></message>", to.JID, w.said, w.said))
		to.Expect(fmt.Sprintf("<message from='%s' id='m%d'><body>%d</body></message>", from.JID, w.said, w.said))
	}
	say(w.juliet, w.romeo)
	say(w.romeo, w.juliet)
	w.juliet.Silent()
	w.romeo.Silent()
}

// peer is somebody who sends whatever bytes he likes. What the server sends is
// read with the scanner, so that an answer that is no XMPP fails the test.
type peer struct {
	net.Conn
	t   testing.TB
	sc  *stanza.Scanner
	buf []byte
	all []byte // everything received

	wait time.Duration // for input, patience if zero
	each func(string)  // told of what until reads
}

func (w *world) dial(t testing.TB) *peer { return newPeer(t, w.Dial()) }

func newPeer(t testing.TB, conn net.Conn) *peer {
	t.Cleanup(func() { conn.Close() })
	return &peer{Conn: conn, t: t, sc: stanza.NewScanner(stanza.Limits{Bytes: 64 << 20})}
}

// send writes bytes and does not mind when the server has closed meanwhile.
func (p *peer) send(s string) {
	p.t.Helper()
	p.SetWriteDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(p, s); errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("the server does not read: %v", err)
	}
}

// flood writes bytes while the test goes on; stop waits for the end of it.
func (p *peer) flood(parts ...[]byte) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, b := range parts {
			if _, err := p.Write(b); err != nil {
				return
			}
		}
	}()
	return func() {
		p.Close()
		<-done
	}
}

// within makes the peer read on in the middle of a stream.
func (p *peer) within() *peer {
	if _, _, err := p.sc.Next([]byte(header)); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// event reads up to the next event of the stream.
func (p *peer) event() (stanza.Event, string, error) {
	for {
		for len(p.buf) > 0 {
			ev, n, err := p.sc.Next(p.buf)
			if err != nil {
				return 0, "", fmt.Errorf("the server sent what is not XMPP: %w in %q", err, p.buf)
			}
			got := string(p.buf[:n])
			p.buf = p.buf[n:]
			if ev != stanza.More {
				return ev, strings.TrimSpace(got), nil
			}
			break
		}
		b := make([]byte, 16<<10)
		p.SetReadDeadline(time.Now().Add(max(p.wait, patience)))
		n, err := p.Conn.Read(b)
		if n == 0 && err != nil {
			return 0, "", err
		}
		p.buf, p.all = append(p.buf, b[:n]...), append(p.all, b[:n]...)
	}
}

// next returns the next element; stream headers are passed over.
func (p *peer) next() string {
	p.t.Helper()
	for {
		ev, got, err := p.event()
		if err != nil {
			p.t.Fatalf("reading: %v", err)
		}
		switch ev {
		case stanza.Element:
			return got
		case stanza.StreamClose:
			p.t.Fatal("the server closed the stream")
		}
	}
}

// open opens a stream and returns the features.
func (p *peer) open() string {
	p.t.Helper()
	p.sc.Restart()
	p.send(header)
	got := p.next()
	if !strings.HasPrefix(got, "<stream:features>") {
		p.t.Fatalf("expected features, got %s", got)
	}
	return got
}

// expect reads the next element, which has to be or to begin with want.
func (p *peer) expect(want string) string {
	p.t.Helper()
	got := p.next()
	if !strings.HasPrefix(got, want) {
		p.t.Fatalf("expected\n  %s\nand received\n  %s", want, brief(got))
	}
	return got
}

// ended reads to the end of the connection: elements, the closing tag, and the
// close. It returns the elements.
func (p *peer) ended() []string {
	p.t.Helper()
	var list []string
	closed := false
	for {
		ev, got, err := p.event()
		switch {
		case err != nil && !closed:
			p.t.Fatalf("the connection ended (%v) before the stream was closed, after %q", err, brief(string(p.all)))
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.t.Fatalf("the server closed the stream and not the connection, after %q", brief(string(p.all)))
		case err != nil:
			return list
		case ev == stanza.StreamClose:
			closed = true
		case ev == stanza.Element:
			list = append(list, got)
		}
	}
}

// fails reads to the end, where the stream error has to be, with this condition
// and no other, and before it only what is in pass.
func (p *peer) fails(condition string, pass ...string) string {
	p.t.Helper()
	list := p.ended()
	if len(list) == 0 {
		p.t.Fatalf("expected the stream error %s and the stream was just closed", condition)
	}
	last := list[len(list)-1]
	want := "<stream:error><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
	if !strings.HasPrefix(last, want) || strings.Count(last, "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>") != 1 {
		p.t.Fatalf("expected the stream error %s and received\n  %s", condition, brief(last))
	}
	list = list[:len(list)-1]
	for i, got := range list {
		if i >= len(pass) || !strings.HasPrefix(got, pass[i]) {
			p.t.Fatalf("received before the stream error\n  %s", brief(got))
		}
	}
	p.Close()
	return last
}

// brief is what is shown of something long.
func brief(s string) string {
	if len(s) > 2000 {
		return s[:1000] + " … " + s[len(s)-1000:]
	}
	return s
}

// until waits for something that the server does in its own time.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// live is how many bytes of the heap are in use.
func live() int64 {
	runtime.GC()
	runtime.GC() // what pools held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// allocated is how many bytes were ever allocated.
func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}
