package c2s_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/web"
	"natter/server/web/webconn"
)

// The headers of proxies: version 1, and version 2 with TLVs.
const (
	lineFrom1 = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5222\r\n"
	lineFrom2 = "PROXY TCP4 192.0.2.2 198.51.100.7 56324 5222\r\n"
	line6     = "PROXY TCP6 2001:db8::1 2001:db8::2 56324 5222\r\n"
	quit      = "\r\n\r\n\x00\r\nQUIT\n"
	block4    = quit + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07\xdc\x04\x14\x66"
	mapped4   = quit + "\x21\x21\x00\x24" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc6\x33\x64\x07" + "\xdc\x04\x14\x66"
	covered4  = quit + "\x21\x11\x00\x14\xc0\x00\x02\x01\xc6\x33\x64\x07\xdc\x04\x14\x66" + "\x20\x00\x05\x01\x00\x00\x00\x00"
	local     = quit + "\x20\x00\x00\x00"
	unknown   = "PROXY UNKNOWN\r\n"
)

// prefixed sends a header before the first bytes: in one write with them, or one
// byte a write.
type prefixed struct {
	net.Conn
	header string
	slow   bool
}

func (p *prefixed) Write(b []byte) (int, error) {
	if p.header == "" {
		return p.Conn.Write(b)
	}
	first := append([]byte(p.header), b...)
	p.header = ""
	if !p.slow {
		_, err := p.Conn.Write(first)
		return len(b), err
	}
	for i := range first {
		if _, err := p.Conn.Write(first[i : i+1]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// dialAs connects from an address of this machine and begins with a header.
func dialAs(t testing.TB, from, to, header string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &prefixed{Conn: conn, header: header}
}

// proxied is a server behind a proxy at 127.0.0.2, with a log; it may be told more.
func proxied(t testing.TB, cfg server.Config) (w *world, log *lines) {
	log = new(lines)
	cfg.ProxyProtocol = []string{"127.0.0.2"}
	cfg.ProxyProtocolOn = []string{"c2s", "c2s_tls", "http", "https"}
	cfg.Admins = []string{"juliet@localhost"}
	return newWorld(t, servertest.Options{Config: cfg, Log: log}), log
}

// lines is a log that tests look at.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), s)
}

// whereFrom is what the administrators' command says of an account's sessions.
func (w *world) whereFrom(t testing.TB, account string) string {
	t.Helper()
	const node = "http://jabber.org/protocol/admin#user-stats"
	command := func(inner, attrs string) string {
		w.juliet.Send("<iq type='set' id='stats' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='" + node + "'" + attrs + ">" + inner + "</command></iq>")
		return w.juliet.Expect("<iq type='result' id='stats'/>")
	}
	_, id, _ := strings.Cut(command("", ""), "sessionid='")
	id, _, _ = strings.Cut(id, "'")
	out := command("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/admin</value></field>"+
		"<field var='accountjid'><value>"+account+"</value></field></x>", " sessionid='"+id+"' action='complete'")
	_, list, ok := strings.Cut(out, "var='ipaddresses'")
	if !ok {
		t.Fatalf("no addresses in %s", out)
	}
	_, addr, _ := strings.Cut(list, "<value>")
	addr, _, _ = strings.Cut(addr, "</value>")
	return addr
}

// listenTLS serves direct TLS on a port of this machine.
func listenTLS(t testing.TB, srv *servertest.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv.Clients.Listen(l, true)
	return l.Addr().String()
}

// TestProxyProtocol: a session is the client's, from where the proxy says, whatever
// form it says it in and however it arrives.
func TestProxyProtocol(t *testing.T) {
	w, _ := proxied(t, server.Config{})
	plain, direct := w.Listen(t).String(), listenTLS(t, w.Server)
	n := 0
	for _, row := range []struct{ name, header, want string }{
		{"version 1", lineFrom1, "192.0.2.1:56324"},
		{"version 1 of IPv6", line6, "[2001:db8::1]:56324"},
		{"version 2", block4, "192.0.2.1:56324"},
		{"version 2 of IPv4 in IPv6", mapped4, "192.0.2.1:56324"},
		{"version 2 with a TLV", covered4, "192.0.2.1:56324"},
		{"version 2 of the proxy's own", local, "127.0.0.2:"},
		{"version 1 of somebody unknown", unknown, "127.0.0.2:"},
	} {
		for _, slow := range []bool{false, true} {
			for _, tlsFirst := range []bool{false, true} {
				n++
				account := fmt.Sprintf("servant%d@localhost", n)
				w.Account(t, account)
				to := plain
				if tlsFirst {
					to = direct
				}
				conn := dialAs(t, "127.0.0.2", to, row.header)
				conn.(*prefixed).slow = slow
				conn.SetDeadline(time.Now().Add(patience))
				var c *servertest.Client
				if tlsFirst {
					c = w.Attach(t, tls.Client(conn, w.TLS()))
				} else if c = w.Attach(t, conn); row.header != covered4 {
					c.StartTLS(w.TLS())
				}
				c.Authenticate(account, servertest.Password)
				c.Bind(account)
				if got := w.whereFrom(t, account); !strings.HasPrefix(got, row.want) {
					t.Errorf("%s (slow %v, TLS first %v): from %s, want %s", row.name, slow, tlsFirst, got, row.want)
				}
				c.Conn.Close()
			}
		}
	}
	w.untouched(t)
}

// silent reads to the end, where nothing may have been said.
func silent(t testing.TB, what string, conn net.Conn) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	if b, err := io.ReadAll(conn); len(b) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("%s: received %q, %v", what, b, err)
	}
}

// TestProxyProtocolIsMandatory: what a proxy begins in another way is closed without a
// word, and logged; a mere look at the port is not.
func TestProxyProtocolIsMandatory(t *testing.T) {
	w, log := proxied(t, server.Config{})
	addr := w.Listen(t).String()
	looked := dialAs(t, "127.0.0.2", addr, "")
	looked.(*prefixed).Conn.(*net.TCPConn).CloseWrite()
	silent(t, "a look", looked)
	if log.has("PROXY header refused") {
		t.Error("a look at the port is logged")
	}
	for name, first := range map[string]string{
		"XMPP":           header,
		"a wrong line":   "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n" + header,
		"a wrong block":  quit + "\x21\x11\x00\x04\xc0\x00\x02\x01" + header,
		"too long":       quit + "\x21\x11\xff\xff" + strings.Repeat("x", 2000),
		"another's line": "PROXY UDP4 192.0.2.1 198.51.100.7 56324 5222\r\n" + header,
	} {
		conn := dialAs(t, "127.0.0.2", addr, "")
		io.WriteString(conn, first)
		silent(t, name, conn)
	}
	until(t, "it is logged", func() bool {
		return log.has("level=WARN msg=\"PROXY header refused\" proxy=127.0.0.2:") && log.has("no PROXY header, which")
	})
	w.untouched(t)
}

// TestSlowProxyHeader: it has to come within the time for logging in.
func TestSlowProxyHeader(t *testing.T) {
	w, log := proxied(t, server.Config{LoginTimeout: time.Second})
	addr := w.Listen(t).String()
	began := time.Now()
	conn := dialAs(t, "127.0.0.2", addr, "")
	io.WriteString(conn, "PROXY TCP4 192.0.2.1 198.")
	silent(t, "half a header", conn)
	if took := time.Since(began); took < time.Second {
		t.Errorf("closed after %v", took)
	}
	until(t, "it is logged", func() bool { return log.has("PROXY header refused") })
}

// TestProxyProtocolOfStrangers: from everybody else it is what it looks like, which is
// not XMPP, nor TLS, nor HTTP.
func TestProxyProtocolOfStrangers(t *testing.T) {
	w, _ := proxied(t, server.Config{})
	for _, h := range []string{lineFrom1, block4} {
		p := newPeer(t, dialAs(t, "127.0.0.1", w.Listen(t).String(), h))
		p.send(header)
		p.fails("not-well-formed", "<stream:features")
		conn := tls.Client(dialAs(t, "127.0.0.1", listenTLS(t, w.Server), h), w.TLS())
		conn.SetDeadline(time.Now().Add(patience))
		if err := conn.Handshake(); err == nil {
			t.Errorf("%q before a handshake was let through", h)
		}
	}
	// Without one, they are themselves.
	w.Account(t, "tybalt@localhost")
	c := w.Attach(t, dialAs(t, "127.0.0.1", w.Listen(t).String(), ""))
	c.Authenticate("tybalt@localhost", servertest.Password)
	c.Bind("tybalt@localhost")
	if got := w.whereFrom(t, "tybalt@localhost"); !strings.HasPrefix(got, "127.0.0.1:") {
		t.Errorf("from %s", got)
	}
}

// TestProxiedConnectionsAreCounted for the client's address: a crowd behind a proxy is
// no crowd, and one of them who is, is alone bounded.
func TestProxiedConnectionsAreCounted(t *testing.T) {
	const few = 4
	w, _ := proxied(t, server.Config{ConnectionsPerAddress: few})
	addr := w.Listen(t).String()
	for range 2 * few { // whose client is not known yet
		dialAs(t, "127.0.0.2", addr, "")
	}
	var conns []*servertest.Client
	for range few {
		conns = append(conns, w.Attach(t, dialAs(t, "127.0.0.2", addr, lineFrom1)))
	}
	one := dialAs(t, "127.0.0.2", addr, lineFrom1)
	io.WriteString(one, header)
	silent(t, "one too many", one)
	w.Attach(t, dialAs(t, "127.0.0.2", addr, lineFrom2))
	_, before := w.Clients.Connections()
	conns[0].Close()
	until(t, "one less is counted", func() bool { _, early := w.Clients.Connections(); return early < before })
	w.Attach(t, dialAs(t, "127.0.0.2", addr, block4))
	w.untouched(t)
}

// TestGuestsBehindAProxyAreCounted for the address that each comes from.
func TestGuestsBehindAProxyAreCounted(t *testing.T) {
	w, _ := proxied(t, server.Config{GuestsPerAddress: 1})
	addr := w.Listen(t).String()
	for _, row := range []struct{ header, want string }{
		{covered4, "<success "},
		{strings.Replace(covered4, "\xc0\x00\x02\x01", "\xc0\x00\x02\x02", 1), "<success "},
		{covered4, "<failure "},
	} {
		p := newPeer(t, dialAs(t, "127.0.0.2", addr, row.header))
		p.send(strings.Replace(header, "localhost", "guests.localhost", 1))
		if f := p.next(); !strings.Contains(f, "ANONYMOUS") {
			t.Fatalf("offered %s", f)
		}
		p.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
		if got := p.next(); !strings.HasPrefix(got, row.want) {
			t.Errorf("%q: %s, want %s", row.header[16:20], got, row.want)
		}
	}
}

// TestTLSAtTheProxy: where it says that the client speaks TLS with it, a stream is
// as good as encrypted, but there is nothing to bind to.
func TestTLSAtTheProxy(t *testing.T) {
	o := servertest.Options{Strict: true}
	o.Config.ProxyProtocol = []string{"127.0.0.2"}
	srv := servertest.New(t, o)
	srv.Account(t, "tybalt@localhost")
	addr := srv.Listen(t).String()
	c := srv.Attach(t, dialAs(t, "127.0.0.2", addr, covered4))
	if f := c.Header; !strings.Contains(f, ">PLAIN<") || strings.Contains(f, "-PLUS") || strings.Contains(f, "starttls") || strings.Contains(f, "sasl-channel-binding") {
		t.Errorf("offered %s", f)
	}
	c.Authenticate("tybalt@localhost", servertest.Password)
	c.Bind("tybalt@localhost")
	c = srv.Attach(t, dialAs(t, "127.0.0.2", addr, covered4))
	c.Write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	c.Expect("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")

	c = srv.Attach(t, dialAs(t, "127.0.0.2", addr, block4))
	if f := c.Header; strings.Contains(f, "<mechanisms") || !strings.Contains(f, "<required/>") {
		t.Errorf("without TLS: offered %s", f)
	}
	c.StartTLS(srv.TLS())
	if f := c.Header; !strings.Contains(f, "-PLUS") {
		t.Errorf("with TLS from end to end: offered %s", f)
	}
}

// TestProxyProtocolOverHTTP: so too for HTTP and HTTPS, and what becomes a WebSocket.
func TestProxyProtocolOverHTTP(t *testing.T) {
	w, _ := proxied(t, server.Config{MaxStanza: 256 << 10})
	site, secure := strings.TrimPrefix(w.HTTP(t), "http://"), strings.TrimPrefix(w.HTTPS(t), "https://")
	ask := func(to, header, path string) (*http.Response, error) {
		client := http.Client{Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: w.TLS(), ForceAttemptHTTP2: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				conn := dialAs(t, "127.0.0.2", to, header)
				conn.(*prefixed).slow = true
				return conn, nil
			},
		}}
		scheme := "http://localhost"
		if to == secure {
			scheme = "https://localhost"
		}
		resp, err := client.Get(scheme + path)
		if err == nil {
			resp.Body.Close()
		}
		return resp, err
	}
	for _, to := range []string{site, secure} {
		for _, header := range []string{lineFrom1, line6, block4, local, unknown} {
			if resp, err := ask(to, header, "/healthz"); err != nil || resp.StatusCode != 200 {
				t.Errorf("%q to %s: %v, %v", header, to, resp, err)
			}
		}
		if _, err := ask(to, "", "/healthz"); err == nil {
			t.Errorf("without a header %s answers", to)
		}
		resp, err := http.Get("http://" + site + "/healthz") // from 127.0.0.1
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("a stranger without a header: %v, %v", resp, err)
		} else {
			resp.Body.Close()
		}
	}

	w.Account(t, "tybalt@localhost")
	conn, err := webconn.DialWebSocket(t.Context(), "wss://localhost"+web.WebSocketPath, webconn.Options{
		TLS: w.TLS(),
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return dialAs(t, "127.0.0.2", secure, lineFrom1), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := w.Attach(t, conn)
	c.Authenticate("tybalt@localhost", servertest.Password)
	c.Bind("tybalt@localhost")
	if got := w.whereFrom(t, "tybalt@localhost"); got != "192.0.2.1" {
		t.Errorf("a WebSocket is from %s", got)
	}
}

// TestNobodyBehindAProxyIsLocal, although the proxy be, or say so of the client.
func TestNobodyBehindAProxyIsLocal(t *testing.T) {
	o := servertest.Options{Strict: true}
	o.Config.ProxyProtocol, o.Config.ProxyProtocolOn = []string{"127.0.0.2"}, []string{"http"}
	site := strings.TrimPrefix(servertest.New(t, o).HTTP(t), "http://")
	for _, row := range []struct {
		header string
		offers bool
	}{{"PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n", false}, {local, false}, {covered4, true}, {block4, false}} {
		r := &raw{Conn: dialAs(t, "127.0.0.2", site, row.header), t: t}
		if f := offered(t, r, handshake("Host", "localhost")); strings.Contains(f, "<mechanisms") != row.offers {
			t.Errorf("%q: offered %s", row.header, f)
		}
		conn := dialAs(t, "127.0.0.2", site, row.header)
		io.WriteString(conn, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
		conn.SetDeadline(time.Now().Add(patience))
		if b, _ := io.ReadAll(conn); !strings.HasPrefix(string(b), "HTTP/1.0 403 ") {
			t.Errorf("%q: asked for metrics, answered %.60q", row.header, b)
		}
	}
}

// TestProxyProtocolIsOffElsewhere: by default it is for XMPP over TCP alone.
func TestProxyProtocolIsOffElsewhere(t *testing.T) {
	w := newWorld(t, servertest.Options{Config: server.Config{ProxyProtocol: []string{"127.0.0.0/8"}}})
	resp, err := http.Get(w.HTTP(t) + "/healthz")
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	w.Attach(t, dialAs(t, "127.0.0.1", w.Listen(t).String(), lineFrom1))
}
