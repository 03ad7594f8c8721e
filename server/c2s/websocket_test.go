package c2s_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
	"natter/server/web"
)

// dialWeb opens an XML stream over HTTP.
func dialWeb(t testing.TB, w *world, transport string) net.Conn {
	t.Helper()
	c, err := w.DialWeb(t.Context(), transport)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handshake is an opening handshake that is right; headers are added or, when they
// are empty, taken away.
func handshake(headers ...string) string {
	h := map[string]string{
		"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "xmpp",
	}
	for i := 0; i < len(headers); i += 2 {
		h[headers[i]] = headers[i+1]
	}
	b := "GET " + web.WebSocketPath + " HTTP/1.1\r\n"
	for k, v := range h {
		if v != "" {
			b += k + ": " + v + "\r\n"
		}
	}
	return b + "\r\n"
}

// raw is a WebSocket client that sends whatever frames it likes.
type raw struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

func rawSocket(t testing.TB, srv *servertest.Server, request string) (*raw, *http.Response) {
	t.Helper()
	conn, err := srv.DialHTTP(t.Context(), "tcp", "localhost:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	r := &raw{conn, t, bufio.NewReader(conn)}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, resp
}

// send sends a frame that begins with this byte, masked with zeros.
func (r *raw) send(first byte, payload string) {
	r.t.Helper()
	if err := r.write(first, payload); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) write(first byte, payload string) error {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, 0, 0, 0, 0)
	_, err := r.Write(append(b, payload...))
	return err
}

func (r *raw) text(payload string) { r.t.Helper(); r.send(0x81, payload) }

// next reads a frame: its first byte, and the payload.
func (r *raw) next() (first byte, payload string, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil {
		return 0, "", err
	}
	n := int(h[1])
	if n == 126 {
		var l [2]byte
		if _, err := io.ReadFull(r.in, l[:]); err != nil {
			return 0, "", err
		}
		n = int(binary.BigEndian.Uint16(l[:]))
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r.in, b)
	return h[0], string(b), err
}

// expect reads a frame that begins so, with a payload that begins so.
func (r *raw) expect(first byte, payload string) string {
	r.t.Helper()
	f, p, err := r.next()
	if err != nil || f != first || !strings.HasPrefix(p, payload) {
		r.t.Fatalf("expected frame %#x %s, got %#x %s (%v)", first, payload, f, p, err)
	}
	return p
}

// closed reads the server's close frame and the end of the connection, which
// comes when the close is answered.
func (r *raw) closed(code int) {
	r.t.Helper()
	p := r.expect(0x88, "")
	if len(p) < 2 || int(binary.BigEndian.Uint16([]byte(p))) != code {
		r.t.Fatalf("expected status %d, got %q", code, p)
	}
	r.write(0x88, p) // the server may be gone already
	if f, p, err := r.next(); err == nil {
		r.t.Fatalf("after the close came %#x %s", f, p)
	}
}

const openFrame = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"

func (r *raw) open() {
	r.t.Helper()
	r.text(openFrame)
	r.expect(0x81, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' id='")
	r.expect(0x81, "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>")
}

// TestWebSocketHandshake: what is refused, and with which status (RFC 6455 §4.2,
// RFC 7395 §3.1).
func TestWebSocketHandshake(t *testing.T) {
	o := servertest.Options{}
	o.Config.Origins = []string{"https://chat.example.org"}
	srv := servertest.New(t, o)
	for _, row := range []struct {
		name   string
		header []string
		status int
	}{
		{"right", nil, 101},
		{"more than one protocol", []string{"Sec-WebSocket-Protocol", "chat, xmpp"}, 101},
		{"a client that could compress", []string{"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"}, 101},
		{"no protocol", []string{"Sec-WebSocket-Protocol", ""}, 400},
		{"another protocol", []string{"Sec-WebSocket-Protocol", "mqtt"}, 400},
		{"no upgrade", []string{"Upgrade", ""}, 426},
		{"no connection", []string{"Connection", "keep-alive"}, 426},
		{"Firefox's connection", []string{"Connection", "keep-alive, Upgrade"}, 101},
		{"an old version", []string{"Sec-WebSocket-Version", "8"}, 426},
		{"no key", []string{"Sec-WebSocket-Key", ""}, 400},
		{"a short key", []string{"Sec-WebSocket-Key", "c2hvcnQ="}, 400},
		{"a page of ours", []string{"Origin", "http://localhost"}, 101},
		{"a page of ours, with the port", []string{"Origin", "http://localhost:80"}, 101},
		{"a page of a listed site", []string{"Origin", "https://chat.example.org"}, 101},
		{"a page of another site", []string{"Origin", "https://evil.example"}, 403},
		{"a page on another port", []string{"Origin", "http://localhost:8080"}, 403},
		{"a page of nowhere", []string{"Origin", "null"}, 403},
	} {
		_, resp := rawSocket(t, srv, handshake(row.header...))
		if resp.StatusCode != row.status {
			t.Errorf("%s: status %s, want %d", row.name, resp.Status, row.status)
		}
		switch {
		case row.status == 426 && resp.Header.Get("Upgrade") == "" && resp.Header.Get("Sec-WebSocket-Version") != "13":
			t.Errorf("%s: it does not say what to upgrade to", row.name)
		case row.status != 101:
		case resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=": // RFC 6455 §1.3
			t.Errorf("%s: accepted with %q", row.name, resp.Header.Get("Sec-WebSocket-Accept"))
		case resp.Header.Get("Sec-WebSocket-Protocol") != "xmpp" || resp.Header.Get("Sec-WebSocket-Extensions") != "":
			t.Errorf("%s: the protocol is not xmpp, without extensions: %v", row.name, resp.Header)
		}
	}
}

// TestWebSocketFraming: violations end the connection with the status that RFC
// 6455 §7.4.1 names, or the stream with the error that RFC 6120 names and RFC 7395
// §3.4 puts in a message.
func TestWebSocketFraming(t *testing.T) {
	srv := servertest.New(t)
	const opened = true
	for _, row := range []struct {
		name   string
		opened bool
		first  byte
		text   string
		err    string // stream error
		code   int
	}{
		{"not masked is not sent here, reserved bits are", opened, 0xC1, "<a/>", "", 1002},
		{"binary", opened, 0x82, "<a/>", "", 1003},
		{"not UTF-8", opened, 0x81, "<a>\xff</a>", "not-well-formed", 1007},
		{"white space", opened, 0x81, " ", "bad-format", 1000},
		{"nothing", opened, 0x81, "", "bad-format", 1000},
		{"white space first", opened, 0x81, " <presence xmlns='jabber:client'/>", "bad-format", 1000},
		{"two elements", opened, 0x81, "<presence xmlns='jabber:client'/><presence xmlns='jabber:client'/>", "bad-format", 1000},
		{"half an element", opened, 0x81, "<presence xmlns='jabber:client'>", "not-well-formed", 1000},
		{"a stream's end tag", opened, 0x81, "</stream:stream>", "not-well-formed", 1000},
		{"an undeclared prefix", opened, 0x81, "<stream:features/>", "not-well-formed", 1000},
		{"a DTD", opened, 0x81, "<!DOCTYPE a><a/>", "restricted-xml", 1000},
		{"open twice", opened, 0x81, openFrame, "bad-format", 1000},
		{"too big", opened, 0x81, "<a>" + strings.Repeat("x", 10_000) + "</a>", "policy-violation", 1009},
		{"open in another namespace", false, 0x81, "<open xmlns='x' to='localhost' version='1.0'/>", "invalid-namespace", 1000},
		{"a stream header", false, 0x81, "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>", "not-well-formed", 1000},
		{"a stanza first", false, 0x81, "<presence xmlns='jabber:client'/>", "bad-format", 1000},
		{"no such host", false, 0x81, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.net' version='1.0'/>", "host-unknown", 1000},
		{"no version", false, 0x81, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost'/>", "unsupported-version", 1000},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := rawSocket(t, srv, handshake())
			if row.opened {
				r.open()
			}
			r.send(row.first, row.text)
			if row.err != "" {
				if !row.opened {
					r.expect(0x81, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' ")
				}
				r.expect(0x81, "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><"+row.err+" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
				r.expect(0x81, "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
			}
			r.closed(row.code)
		})
	}
}

// TestWebSocketControls: pings are answered in the middle of a message, an XML
// declaration is passed over, and both sides close in order.
func TestWebSocketControls(t *testing.T) {
	srv := servertest.New(t)
	r, _ := rawSocket(t, srv, handshake())
	r.send(0x01, "<?xml version='1.0'?>"+openFrame[:20])
	r.send(0x89, "still there?")
	r.send(0x80, openFrame[20:])
	r.expect(0x8A, "still there?")
	r.expect(0x81, "<open ")
	if f := r.expect(0x81, "<stream:features "); strings.Contains(f, "starttls") {
		t.Errorf("STARTTLS is offered within HTTP (RFC 7395 §3.9): %s", f)
	}
	r.text("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
	r.expect(0x81, "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
	r.closed(1000)

	// Without <close/>, a close frame is answered with its own status (RFC 6455 §5.5.1).
	r, _ = rawSocket(t, srv, handshake())
	r.open()
	r.send(0x88, "\x03\xe9")
	r.closed(1001)
}

// offered makes a connection a WebSocket and returns the features of its stream.
func offered(t testing.TB, r *raw, handshake string) string {
	t.Helper()
	r.in = bufio.NewReader(r.Conn)
	fmt.Fprint(r.Conn, handshake)
	if _, err := http.ReadResponse(r.in, nil); err != nil {
		t.Fatal(err)
	}
	r.text(openFrame)
	r.expect(0x81, "<open ")
	return r.expect(0x81, "<stream:features ")
}

// TestWebSocketLogin: SASL without TLS is for this machine, asked by its own name
// and without a proxy between, or behind a proxy that is trusted and says https.
func TestWebSocketLogin(t *testing.T) {
	log := new(lines)
	o := servertest.Options{Strict: true, Log: log}
	o.Config.TrustedProxies = []string{"127.0.0.1"}
	srv := servertest.New(t, o)
	site := strings.TrimPrefix(srv.HTTP(t), "http://")
	_, port, _ := net.SplitHostPort(site)
	for _, row := range []struct {
		name   string
		header []string
		want   string // a mechanism, "" for none
		not    string
	}{
		{"localhost", []string{"Host", "localhost:" + port}, "SCRAM-SHA-256", ">PLAIN<"},
		{"an address of it", []string{"Host", site}, "SCRAM-SHA-256", ">PLAIN<"},
		{"another name that leads here", []string{"Host", "rebind.example:" + port}, "", "<mechanisms"},
		{"a trusted proxy without TLS", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "http"}, "", "<mechanisms"},
		{"a trusted proxy that says nothing", []string{"X-Forwarded-For", "192.0.2.1"}, "", "<mechanisms"},
		{"a trusted proxy with TLS", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, ">PLAIN<", "-PLUS"},
		{"… in the words of RFC 7239", []string{"Forwarded", `for="[2001:db8::1]:4711";proto=https`}, ">PLAIN<", "-PLUS"},
		{"two headers that disagree", []string{"Forwarded", "for=192.0.2.1;proto=https", "X-Forwarded-For", "192.0.2.2", "X-Forwarded-Proto", "https"}, "", "<mechanisms"},
		{"one that a stranger claims to be before the proxy", []string{"Forwarded", "for=127.0.0.1;proto=https, for=192.0.2.1;proto=http"}, "", "<mechanisms"},
	} {
		f := offered(t, &raw{Conn: dialTCP(t, site), t: t}, handshake(row.header...))
		if !strings.Contains(f, row.want) || strings.Contains(f, row.not) {
			t.Errorf("%s: offered %s", row.name, f)
		}
	}
	if !log.has("let it write one and delete the others\" proxy=127.0.0.1") {
		t.Error("a disagreement is not logged")
	}
	conn := dialAs(t, "127.0.0.3", site, "")
	if f := offered(t, &raw{Conn: conn, t: t}, handshake("Host", "localhost", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https")); strings.Contains(f, "<mechanisms") {
		t.Errorf("a proxy that nobody has named: offered %s", f)
	}
	if !log.has("not in trusted_proxies") {
		t.Error("a proxy that nobody has named is not logged")
	}
}

// TestResumeAcrossTransports: a session moves between TCP and WebSocket, with what
// was not acknowledged in the form that each has it.
func TestResumeAcrossTransports(t *testing.T) {
	w := newWorld(t)
	w.Account(t, "tybalt@localhost")
	login := func(conn net.Conn) *peer {
		p := newPeer(t, conn)
		p.open()
		p.login("tybalt")
		return p
	}
	first := login(w.Dial())
	first.bind("x")
	first.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
	_, id, _ := strings.Cut(first.expect("<enabled "), "id='")
	id, _, _ = strings.Cut(id, "'")
	first.Close()
	handled := 0
	for round, transport := range []string{"ws", "", "ws", "ws", ""} {
		for i := range 3 {
			w.juliet.Send(fmt.Sprintf("<message to='tybalt@localhost/x' type='chat' id='%d-%d'><body>hi</body></message>", round, i))
		}
		w.juliet.Sync()
		conn := w.Dial()
		if transport != "" {
			conn = dialWeb(t, w, transport)
		}
		p := login(conn)
		p.send(fmt.Sprintf("<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%d'/>", id, handled))
		p.expect("<resumed ")
		for i := range 3 {
			if got := p.next(); !strings.Contains(got, fmt.Sprintf("id='%d-%d'", round, i)) || strings.Contains(got, "xmlns='jabber:client'") {
				t.Fatalf("round %d over %q: got %s", round, transport, got)
			}
		}
		handled += 3
		p.expect("<r ")
		if round%2 == 0 {
			p.Close()
		}
	}
}

// TestWebSocketHeartbeat: a quiet WebSocket is asked with a ping frame, and given
// up when no pong comes.
func TestWebSocketHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{Server: servertest.New(t)}
		w.Account(t, "tybalt@localhost")
		p := newPeer(t, dialWeb(t, w, "ws")) // its library answers pings while it reads
		p.open()
		p.login("tybalt")
		p.bind("x")
		time.Sleep(time.Hour)
		if all, _ := w.Clients.Connections(); all != 1 {
			t.Fatalf("%d connections after a quiet hour in which pings were answered", all)
		}
		r, _ := rawSocket(t, w.Server, handshake())
		r.SetDeadline(time.Time{})
		r.open()
		time.Sleep(time.Hour)
		if all, _ := w.Clients.Connections(); all != 1 {
			t.Fatalf("%d connections after one did not log in for an hour", all)
		}
	})
}

// TestWebSocketDeadPeer: one that has logged in and answers no ping is given up; its
// session ends, since it cannot be resumed, and contacts see that.
func TestWebSocketDeadPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{Server: servertest.New(t)}
		w.Account(t, "tybalt@localhost")
		p := newPeer(t, dialWeb(t, w, "ws"))
		p.open()
		p.login("tybalt")
		p.bind("x")
		p.send("<presence/>") // what comes back is not read, and no ping behind it
		time.Sleep(time.Minute)
		if w.Core.Session("tybalt@localhost/x") == nil {
			t.Fatal("the session ended at once")
		}
		cfg := &w.Core.Config
		time.Sleep(cfg.Idle + 2*cfg.PingTimeout)
		if all, _ := w.Clients.Connections(); all != 0 || w.Core.Session("tybalt@localhost/x") != nil {
			t.Fatalf("%d connections, and the session, are held", all)
		}
	})
}

// TestWebSocketLimits: what bounds a stream over TCP bounds one over WebSocket: the
// size of a stanza to the byte, depth and attributes.
func TestWebSocketLimits(t *testing.T) {
	w := newWorld(t)
	w.Account(t, "tybalt@localhost")
	enter := func() *peer {
		p := newPeer(t, dialWeb(t, w, "ws"))
		if got := p.open(); !strings.Contains(got, "<max-bytes>10000</max-bytes>") {
			t.Errorf("announced %s", got)
		}
		p.login("tybalt")
		p.bind("x")
		return p
	}
	const front, back = "<message xmlns='jabber:client' to='romeo@localhost' type='chat'><body>", "</body></message>"
	pad := func(size int) string { return front + strings.Repeat("x", size-len(front)-len(back)) + back }
	p := enter()
	p.send(pad(256 << 10))
	if got := w.romeo.Next(); !strings.Contains(got, "xxx</body>") {
		t.Errorf("the largest stanza did not arrive: %.100s", got)
	}
	for _, row := range []struct{ name, text string }{
		{"a byte too many", pad(256<<10 + 1)},
		{"too deep", front + strings.Repeat("<a xmlns='urn:x'>", 300) + strings.Repeat("</a>", 300) + back},
		{"too many attributes", "<message xmlns='jabber:client' to='romeo@localhost'" + manyAttributes(2000) + "/>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := enter()
			p.send(row.text)
			p.fails("policy-violation")
		})
	}
	w.untouched(t)
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d=''", i)
	}
	return b.String()
}

// TestWebSocketsOfOneAddress: those that have not logged in are bounded, and who comes
// too late is told to try again (1013).
func TestWebSocketsOfOneAddress(t *testing.T) {
	o := servertest.Options{}
	o.Config.ConnectionsPerAddress = 3
	srv := servertest.New(t, o)
	site := strings.TrimPrefix(srv.HTTP(t), "http://")
	for i := range 4 {
		conn := dialTCP(t, site)
		conn.SetDeadline(time.Now().Add(patience))
		r := &raw{conn, t, bufio.NewReader(conn)}
		fmt.Fprint(conn, handshake())
		if _, err := http.ReadResponse(r.in, nil); err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			r.closed(1013)
			break
		}
		r.open()
	}
}

// TestWebSocketLoginTakesTooLong: the one deadline from accept to bound session.
func TestWebSocketLoginTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, _ := rawSocket(t, w.Server, handshake())
		r.SetDeadline(time.Time{})
		r.open()
		r.expect(0x81, "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><connection-timeout ")
		w.untouched(t)
	})
}

// TestWebSocketNothingLost: what a client without acknowledgements was not sent in
// whole waits for it.
func TestWebSocketNothingLost(t *testing.T) {
	w := newWorld(t)
	w.Account(t, "tybalt@localhost")
	p := newPeer(t, dialWeb(t, w, "ws"))
	p.open()
	p.login("tybalt")
	p.bind("x")
	p.send("<presence/>")
	p.expect("<presence ")
	// It stops reading; the pipe and its library's buffers fill up.
	body := strings.Repeat("x", 8<<10)
	const many = 100
	for i := range many {
		w.juliet.Send(fmt.Sprintf("<message to='tybalt@localhost' type='chat' id='m%d'><body>%s</body></message>", i, body))
	}
	w.juliet.Sync()
	seen := map[string]int{}
	id := func(e string) string {
		_, id, _ := strings.Cut(e, " id='")
		id, _, _ = strings.Cut(id, "'")
		return id
	}
	for range 3 {
		seen[id(p.next())]++
	}
	p.Close()
	until(t, "the session ends", func() bool { all, _ := w.Clients.Connections(); return all == 2 })
	again := w.Login(t, "tybalt@localhost/y")
	again.Send("<presence/>")
	for n := ""; n != fmt.Sprintf("m%d", many-1); {
		n = id(again.Next())
		seen[n]++
	}
	// What was written to a socket counts as received without acknowledgements, as
	// over TCP; what was not has to come, in order and once.
	for i := many - 1; i >= 0 && seen[fmt.Sprintf("m%d", i)] > 0; i-- {
		if n := seen[fmt.Sprintf("m%d", i)]; n != 1 {
			t.Errorf("message %d came %d times", i, n)
		}
	}
}
