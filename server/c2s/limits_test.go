package c2s_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
)

// endless are elements of many megabytes, by their front, what is repeated, and how
// often; none gets to its end.
var endless = []struct {
	what, front, repeat string
	times               int
}{
	{"10 MB of text", "<message to='romeo@localhost'><body>", "how now! ", 10 << 20 / 9},
	{"10 MB in one attribute", "<message to='romeo@localhost' id='", "x", 10 << 20},
	{"10 MB of a name", "<", "x", 10 << 20},
	{"10 MB of an end tag", "<message to='romeo@localhost'></message", " ", 10 << 20},
	{"10 MB of CDATA", "<message to='romeo@localhost'><body><![CDATA[", "]] >", 10 << 18},
	{"10 MB of a reference", "<message to='romeo@localhost'><body>&#", "0", 10 << 20},
	{"elements 100,000 deep", "<message to='romeo@localhost'>", "<a>", 100_000},
	{"namespaces 100,000 deep", "<message to='romeo@localhost'>", "<a xmlns='urn:x'>", 100_000},
	{"a million attributes", "<message to='romeo@localhost' ", "aAAAAA='' ", 1_000_000},
	{"a million declarations", "<message to='romeo@localhost' ", "xmlns:aAAAAA='urn:x' ", 1_000_000},
	{"a million children", "<message to='romeo@localhost'>", "<a/>", 1_000_000},
	{"a million attributes of children", "<message to='romeo@localhost'>", "<a b='' c='' d=''/>", 1_000_000},
}

// inUse bounds what one hostile stream may leave in use, in bytes: pooled buffers
// for the most part, and under the race detector its own.
const inUse = 4 << 20

// TestEndlessElementIsRefused: whatever grows, it ends with policy-violation (RFC
// 6120 §4.9.3.14, §13.12) and costs neither memory nor anybody else.
func TestEndlessElementIsRefused(t *testing.T) {
	w := newWorld(t)
	addr := w.Listen(t).String()
	for _, state := range []struct {
		name  string
		limit int // bytes the server may look at
		reach func(t *testing.T) net.Conn
	}{
		{"before login", 10_000, func(t *testing.T) net.Conn { return w.Attach(t, dialTCP(t, addr)).Conn }},
		{"after login", 256 << 10, func(t *testing.T) net.Conn {
			w.Account(t, "tybalt@localhost")
			c := w.Attach(t, dialTCP(t, addr))
			c.Authenticate("tybalt@localhost", servertest.Password)
			c.Bind("tybalt@localhost/street")
			return c.Conn
		}},
	} {
		for _, row := range endless {
			t.Run(state.name+" "+row.what, func(t *testing.T) {
				chunk := strings.Repeat(row.repeat, 1000)
				if strings.Contains(row.repeat, "AAAAA") { // attributes have to differ
					var b strings.Builder
					for i := range 1000 {
						b.WriteString(strings.ReplaceAll(row.repeat, "AAAAA", fmt.Sprint(i)))
					}
					chunk = b.String()
				}
				parts := [][]byte{[]byte(row.front)}
				for more := []byte(chunk); len(parts) <= row.times/1000; {
					parts = append(parts, more)
				}
				p := newPeer(t, state.reach(t)).within()
				heap, total := live(), allocated()
				defer p.flood(parts...)()
				last := p.fails("policy-violation")
				if strings.HasPrefix(row.what, "10 MB of text") && !strings.Contains(last, "<stanza-too-big xmlns='urn:xmpp:errors'/>") {
					t.Errorf("answered %s", last)
				}
				if got := live() - heap; got > inUse {
					t.Errorf("%d bytes more are in use", got)
				}
				// What input is gathered in doubles as it grows.
				if got := allocated() - total; got > int64(8*state.limit)+4<<20 {
					t.Errorf("%d bytes were allocated", got)
				}
			})
		}
	}
	w.untouched(t)
}

func dialTCP(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestSizeIsExact: what is announced (XEP-0478) is what may be sent, to the byte.
func TestSizeIsExact(t *testing.T) {
	w := newWorld(t)
	pad := func(front, back string, size int) string {
		return front + strings.Repeat("x", size-len(front)-len(back)) + back
	}
	t.Run("before login", func(t *testing.T) {
		const front, back = "<iq type='get' id='", "'><query xmlns='jabber:iq:register'/></iq>"
		p := w.dial(t)
		if got := p.open(); !strings.Contains(got, "<max-bytes>10000</max-bytes>") {
			t.Errorf("announced %s", got)
		}
		p.send(pad(front, back, 10_000))
		p.expect("<iq id='xxx")
		p.send(pad(front, back, 10_001))
		p.fails("policy-violation")
	})
	t.Run("after login", func(t *testing.T) {
		const front, back = "<message to='romeo@localhost' type='chat'><body>", "</body></message>"
		c := w.Authenticated(t, "tybalt@localhost")
		if !strings.Contains(c.Header, "<max-bytes>262144</max-bytes>") {
			t.Errorf("announced %s", c.Header)
		}
		c.Bind("tybalt@localhost/street")
		p := newPeer(t, c.Conn).within()
		p.send(pad(front, back, 256<<10))
		if got := w.romeo.Next(); len(got) < 256<<10 {
			t.Errorf("%d bytes arrived", len(got))
		}
		p.send(pad(front, back, 256<<10+1))
		p.fails("policy-violation")
	})
	w.untouched(t)
}

// TestOneByteASecond is slowloris: no traffic extends the one deadline from accept
// to bound session, and its end is told.
func TestOneByteASecond(t *testing.T) {
	for _, row := range []struct {
		what  string
		reach func(t *testing.T, w *world) *peer
		drip  string // what comes, a byte a second
	}{
		{"nothing", func(t *testing.T, w *world) *peer { return w.dial(t) }, ""},
		{"a stream header", func(t *testing.T, w *world) *peer { return w.dial(t) }, header},
		{"white space", func(t *testing.T, w *world) *peer { p := w.dial(t); p.open(); return p }, strings.Repeat(" ", 60)},
		{"a SASL element", func(t *testing.T, w *world) *peer { p := w.dial(t); p.open(); return p }, auth("SCRAM-SHA-256", b64("n,,n=juliet,r=abc"))},
		{"a bind request", func(t *testing.T, w *world) *peer {
			p := w.dial(t)
			p.open()
			p.login("juliet")
			return p
		}, "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"},
		{"a stanza over TLS", func(t *testing.T, w *world) *peer { p, _ := w.secured(t, 0); return p }, "<message to='romeo@localhost'><body>hello, hello, hello</body></message>"},
	} {
		t.Run(row.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				began := time.Now()
				p := row.reach(t, w)
				done := make(chan struct{})
				go func() {
					defer close(done)
					for i := range row.drip {
						time.Sleep(time.Second)
						if _, err := io.WriteString(p, row.drip[i:i+1]); err != nil {
							return
						}
					}
				}()
				patient(p)
				p.fails("connection-timeout")
				if d := time.Since(began); d < 30*time.Second || d > 36*time.Second {
					t.Errorf("closed after %v", d)
				}
				<-done
				w.untouched(t)
			})
		})
	}
}

// patient has the peer wait as long as it takes; for bubbles.
func patient(p *peer) { p.wait = time.Hour }

// TestDeadlineEndsWithTheBoundSession: who is in may be slow.
func TestDeadlineEndsWithTheBoundSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.bound(t, "tybalt", "street")
		for _, c := range "<message to='romeo@localhost' type='chat'><body>slow</body></message>" {
			time.Sleep(time.Second)
			p.send(string(c))
		}
		w.romeo.Expect("<message from='tybalt@localhost/street'><body>slow</body></message>")
		w.untouched(t)
	})
}

// TestThousandsBeforeLogin: the bound in all, what they cost, and that nothing is
// left of them: a second wave takes no more than the first.
func TestThousandsBeforeLogin(t *testing.T) {
	const many = 2000
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, servertest.Options{Config: server.Config{Connections: many}})
		w.untouched(t)
		goroutines, heap := runtime.NumGoroutine(), live()
		thousandsComeAndGo(t, w, many)
		first := live()
		// What leaks, leaks each time; the heap of the whole process also does
		// other things now and then.
		left := int64(1 << 62)
		for wave := 0; wave < 5 && left > 256<<10; wave++ {
			before := live()
			thousandsComeAndGo(t, w, many)
			left = min(left, live()-before)
		}
		if left > 256<<10 {
			t.Errorf("each further wave left %d bytes, the first %d", left, first-heap)
		}
		if n := runtime.NumGoroutine() - goroutines; n > 0 {
			t.Errorf("%d goroutines are left", n)
		}
		w.untouched(t)
	})
}

func thousandsComeAndGo(t *testing.T, w *world, many int) {
	heap := live()
	var conns []net.Conn
	for range many {
		conn := w.Dial()
		conns = append(conns, conn)
		if _, err := io.WriteString(conn, header[:len(header)-1]); err != nil { // not quite
			t.Fatal(err)
		}
	}
	synctest.Wait()
	if _, early := w.Clients.Connections(); early != many {
		t.Errorf("%d connections are served", early)
	}
	if each := (live() - heap) / int64(many); each > 16<<10 {
		t.Errorf("a connection costs %d bytes", each)
	}
	if b, err := io.ReadAll(w.Dial()); len(b) > 0 || err != nil { // one more is closed at once
		t.Errorf("one too many: %q, %v", b, err)
	}
	w.untouched(t)
	for _, c := range conns[:many/2] {
		c.Close()
	}
	synctest.Wait()
	p := w.bound(t, "tybalt", "street") // there is room again
	p.send(streamEnd)
	p.ended()
	p.Close()
	for _, c := range conns[many/2:] { // the deadline ends the others
		buf, err := io.ReadAll(c)
		if err != nil || !strings.Contains(string(buf), "<connection-timeout ") {
			t.Fatalf("ended with %q, %v", buf, err)
		}
		c.Close()
	}
	synctest.Wait()
	if n, early := w.Clients.Connections(); n != 2 || early != 0 {
		t.Errorf("%d connections are left, %d of them before login", n, early)
	}
}

// TestConnectionsOfOneAddress: the bound for an address counts those that have not
// logged in, and only these.
func TestConnectionsOfOneAddress(t *testing.T) {
	const few = 20
	w := newWorld(t, servertest.Options{Config: server.Config{ConnectionsPerAddress: few}})
	addr := w.Listen(t).String()
	w.Account(t, "tybalt@localhost")
	for range few { // these do not count
		c := w.Attach(t, dialTCP(t, addr))
		c.Authenticate("tybalt@localhost", servertest.Password)
		c.Bind("tybalt@localhost")
		c.Sync() // it is not counted as before login any more
	}
	var conns []*servertest.Client
	for range few {
		conns = append(conns, w.Attach(t, dialTCP(t, addr)))
	}
	conn := dialTCP(t, addr)
	conn.SetDeadline(time.Now().Add(patience))
	if b, err := io.ReadAll(conn); len(b) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("one too many received %q, %v", b, err)
	}
	conns[0].Close()
	until(t, "one less is counted", func() bool { _, early := w.Clients.Connections(); return early < few })
	w.Attach(t, dialTCP(t, addr)).Close()
	w.untouched(t)
}

// TestRateOfBytes: who sends more than the rate waits, and only he.
func TestRateOfBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, servertest.Options{Config: server.Config{BytesPerSecond: 10_000, BurstBytes: 100_000}})
		p := w.bound(t, "tybalt", "street")
		began := time.Now()
		message := "<message to='localhost' type='headline'><body>" + strings.Repeat("x", 10_000) + "</body></message>"
		for range 40 {
			p.send(message)
		}
		p.send("<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
		patient(p)
		for !strings.HasPrefix(p.next(), "<iq ") {
		}
		if d := time.Since(began); d < 29*time.Second || d > 33*time.Second {
			t.Errorf("400 kB took %v", d)
		}
		w.untouched(t)
	})
}
