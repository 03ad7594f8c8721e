package c2s_test

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/c2s"
	"natter/server/servertest"
)

const (
	startTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
	proceed  = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
)

// strict is a server as it is on the internet: nothing without TLS.
func strict() servertest.Options {
	return servertest.Options{Strict: true}
}

// secured opens a stream and secures it, with the versions of TLS from min to max.
func (w *world) secured(t testing.TB, version uint16) (*peer, *tls.Conn) {
	t.Helper()
	p := w.dial(t)
	p.open()
	p.send(startTLS)
	p.expect(proceed)
	return p.handshake(w, version)
}

// handshake performs a TLS handshake of that version, any for 0, and opens a
// stream over it.
func (p *peer) handshake(w *world, version uint16) (*peer, *tls.Conn) {
	p.t.Helper()
	cfg := w.TLS()
	if version != 0 {
		cfg.MinVersion, cfg.MaxVersion = version, version
	}
	conn := tls.Client(p.Conn, cfg)
	p.SetDeadline(time.Now().Add(patience))
	if err := conn.Handshake(); err != nil {
		p.t.Fatalf("handshake: %v", err)
	}
	s := newPeer(p.t, conn)
	s.open()
	return s, conn
}

// direct is a connection to a port of TLS from the first byte.
func direct(w *world) net.Conn {
	client, server := c2s.Pipe()
	w.Clients.Serve(server, true)
	return client
}

func TestWithoutTLSNothingIsOffered(t *testing.T) { // RFC 6120 §5.3.1
	srv := servertest.New(t, strict())
	srv.Account(t, "juliet@localhost")
	p := newPeer(t, srv.Dial())
	got := p.open()
	if !strings.Contains(got, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>") || strings.Contains(got, "<mechanism") {
		t.Errorf("offered without TLS: %s", got)
	}
	for _, m := range []string{"PLAIN", "SCRAM-SHA-256"} {
		p.send(auth(m, b64("\x00juliet\x00secret")))
		wantFailure(t, p.next(), "encryption-required")
	}
	p.send("<iq type='get' id='r' to='localhost'><query xmlns='jabber:iq:register'/></iq>")
	p.fails("not-authorized")
}

func TestOverTLSFeaturesAreOfferedAnew(t *testing.T) { // RFC 6120 §5.4.3.3
	w := newWorld(t)
	for version, types := range map[uint16][]string{
		tls.VersionTLS12: {"tls-exporter", "tls-unique", "tls-server-end-point"},
		tls.VersionTLS13: {"tls-exporter", "tls-server-end-point"},
	} {
		p, _ := w.secured(t, version)
		got := string(p.all)
		if strings.Contains(got, "starttls") {
			t.Errorf("STARTTLS is offered again: %s", got)
		}
		for _, want := range []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"} {
			if !strings.Contains(got, "<mechanism>"+want+"</mechanism>") {
				t.Errorf("%s is not offered: %s", want, got)
			}
		}
		list := "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>" // XEP-0440
		for _, typ := range types {
			list += "<channel-binding type='" + typ + "'/>"
		}
		if !strings.Contains(got, list+"</sasl-channel-binding>") {
			t.Errorf("binding types are not %v: %s", types, got)
		}
		p.Close()
	}
}

// TestWhatWasSentInTheClearIsForgotten is the attack on STARTTLS where somebody in
// between puts commands into the buffer (RFC 6120 §5.4.3.3).
func TestWhatWasSentInTheClearIsForgotten(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ what, sent string }{
		{"a stream header", header},
		{"a login", auth("PLAIN", b64("\x00juliet\x00secret"))},
		{"a stream with a login", header + auth("PLAIN", b64("\x00juliet\x00secret"))},
		{"half an element", "<message to='romeo@localhost'><body>"},
		{"what is no XML", "\x00\x01"},
		{"the end of the stream", streamEnd},
		{"another STARTTLS", startTLS},
		{"white space", " \n"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := w.dial(t)
			p.open()
			p.send(startTLS + row.sent)
			p.expect(proceed)
			s, _ := p.handshake(w, 0)
			s.login("juliet") // as if nothing had been
			s.bind("tls")
			s.Close()
		})
	}
	w.untouched(t)
}

func TestStartTLSFails(t *testing.T) { // RFC 6120 §5.4.2.2
	const failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
	w := newWorld(t)
	t.Run("over TLS", func(t *testing.T) {
		p, _ := w.secured(t, 0)
		p.send(startTLS)
		if got := p.ended(); !slices.Equal(got, []string{failure}) {
			t.Errorf("answered %q", got)
		}
	})
	t.Run("where there is none", func(t *testing.T) {
		none := c2s.New(w.Core, nil)
		defer none.Shutdown(t.Context())
		client, server := c2s.Pipe()
		none.Serve(server, false)
		p := newPeer(t, client)
		if got := p.open(); strings.Contains(got, "starttls") {
			t.Errorf("offered: %s", got)
		}
		p.send(startTLS)
		if got := p.ended(); !slices.Equal(got, []string{failure}) {
			t.Errorf("answered %q", got)
		}
		p.Close()
	})
	t.Run("after authentication", func(t *testing.T) {
		p := w.dial(t)
		p.open()
		p.login("juliet")
		p.send(startTLS)
		p.fails("unsupported-stanza-type")
	})
	t.Run("under another name", func(t *testing.T) {
		p := w.dial(t)
		p.open()
		p.send("<stoptls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
		p.fails("unsupported-stanza-type")
	})
	w.untouched(t)
}

// TestBrokenHandshakeIsCutOff: what comes instead of TLS is answered by an alert
// at most, never by XML (RFC 6120 §5.4.3.2).
func TestBrokenHandshakeIsCutOff(t *testing.T) {
	w := newWorld(t)
	for _, port := range []struct {
		name string
		dial func(t *testing.T) *peer
	}{
		{"after proceed", func(t *testing.T) *peer {
			p := w.dial(t)
			p.open()
			p.send(startTLS)
			p.expect(proceed)
			return p
		}},
		{"on the port of direct TLS", func(t *testing.T) *peer { return newPeer(t, direct(w)) }},
		{"on the STARTTLS port", func(t *testing.T) *peer { return w.dial(t) }},
	} {
		for _, row := range []struct{ what, sent string }{
			{"a stream header", header},
			{"noise", "\x16noise, as much of it as a record header needs to be one"},
			{"a record of 64 KiB", "\x16\x03\x01\xff\xff" + strings.Repeat("\x00", 1<<16)},
			{"an alert", "\x15\x03\x01\x00\x02\x02\x28"},
			{"a ClientHello of nothing", "\x16\x03\x01\x00\x04\x01\x00\x00\x00"},
			{"HTTP", "GET / HTTP/1.1\r\n\r\n"},
		} {
			if port.name == "on the STARTTLS port" && row.sent[0] != 0x16 {
				continue // it speaks XMPP there
			}
			t.Run(port.name+" "+row.what, func(t *testing.T) {
				p := port.dial(t)
				stop := p.flood([]byte(row.sent))
				defer stop()
				p.SetReadDeadline(time.Now().Add(patience))
				rest, err := io.ReadAll(p.Conn)
				if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("reading: %v", err)
				}
				if strings.ContainsAny(string(rest), "<>") {
					t.Errorf("answered %q", rest)
				}
			})
		}
	}
	w.untouched(t)
}

// TestSilentHandshakeEndsAtTheDeadline: half-open TLS holds a connection no longer
// than anything else before login does, and gets no XML.
func TestSilentHandshakeEndsAtTheDeadline(t *testing.T) {
	for _, row := range []struct {
		what  string
		reach func(t *testing.T, w *world) *peer
	}{
		{"after proceed", func(t *testing.T, w *world) *peer {
			p := w.dial(t)
			p.open()
			p.send(startTLS)
			p.expect(proceed)
			return p
		}},
		{"in the middle of a ClientHello", func(t *testing.T, w *world) *peer {
			p := w.dial(t)
			p.send("\x16\x03\x01\x01\x00\x01")
			return p
		}},
		{"on the port of direct TLS", func(t *testing.T, w *world) *peer { return newPeer(t, direct(w)) }},
	} {
		t.Run(row.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				began := time.Now()
				p := row.reach(t, w)
				p.SetReadDeadline(time.Now().Add(time.Hour))
				rest, err := io.ReadAll(p.Conn)
				if err != nil || strings.Contains(string(rest), "<") {
					t.Errorf("received %q, %v", rest, err)
				}
				if d := time.Since(began); d != 30*time.Second {
					t.Errorf("closed after %v", d)
				}
				synctest.Wait()
				if n, early := w.Clients.Connections(); n != 2 || early != 0 {
					t.Errorf("%d connections are left, %d of them before login", n, early)
				}
				w.untouched(t)
			})
		})
	}
}

func TestTLSFromTheFirstByte(t *testing.T) {
	w := newWorld(t)
	for _, port := range []struct {
		name string
		dial func() net.Conn
	}{
		{"on its own port", func() net.Conn { return direct(w) }},
		{"on the STARTTLS port", w.Dial},
	} {
		for _, row := range []struct {
			what, section string
			alpn          []string
			min, max      uint16
			ok            bool
		}{
			{"TLS 1.3 with ALPN xmpp-client", "0368 2", []string{"xmpp-client"}, tls.VersionTLS13, tls.VersionTLS13, true},
			{"TLS 1.2 with ALPN xmpp-client", "0368 2", []string{"xmpp-client"}, tls.VersionTLS12, tls.VersionTLS12, true},
			{"several protocols, ours among them", "7301 3.2", []string{"h2", "xmpp-client"}, 0, 0, true},
			{"no ALPN", "0368 2", nil, 0, 0, true},
			{"ALPN of something else", "7301 3.2", []string{"h2"}, 0, 0, false},
			{"TLS 1.1", "7590 3.1", []string{"xmpp-client"}, tls.VersionTLS10, tls.VersionTLS11, false},
			{"TLS 1.0", "7590 3.1", []string{"xmpp-client"}, tls.VersionTLS10, tls.VersionTLS10, false},
		} {
			t.Run(port.name+" "+row.what, func(t *testing.T) {
				cfg := w.TLS()
				cfg.NextProtos, cfg.MinVersion, cfg.MaxVersion = row.alpn, row.min, row.max
				conn := tls.Client(port.dial(), cfg)
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				err := conn.Handshake()
				if (err == nil) != row.ok {
					t.Fatalf("handshake: %v", err)
				}
				if err != nil {
					return
				}
				if got := conn.ConnectionState().NegotiatedProtocol; row.alpn != nil && got != "xmpp-client" {
					t.Errorf("protocol %q", got)
				}
				p := newPeer(t, conn)
				p.open()
				p.login("juliet")
				p.bind("direct")
				p.send(streamEnd)
				p.ended()
			})
		}
	}
	w.untouched(t)
}

// TestTLSEndsInOrder: after the end of the stream comes the end of TLS, so that
// nobody can take the one for the other (RFC 6120 §4.4, §13.8... of cut streams).
func TestTLSEndsInOrder(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		p, conn := w.secured(t, 0)
		p.login("juliet")
		p.send(streamEnd)
		p.ended()
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("TLS ended with %v", err)
		}
	}
}

// binding returns the client's view of the data of a channel-binding type.
func binding(t testing.TB, conn *tls.Conn, kind string) []byte {
	t.Helper()
	st := conn.ConnectionState()
	switch kind {
	case "tls-exporter": // RFC 9266
		b, err := st.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			t.Fatal(err)
		}
		return b
	case "tls-unique": // RFC 5929 §3
		return st.TLSUnique
	case "tls-server-end-point": // RFC 5929 §4
		sum := sha256.Sum256(st.PeerCertificates[0].Raw)
		return sum[:]
	}
	return []byte("some data")
}

// TestChannelBinding has one client go through everything that can go wrong with
// -PLUS; each time the stream stays, and the right way works after it.
func TestChannelBinding(t *testing.T) {
	w := newWorld(t)
	spoil := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	for _, row := range []struct {
		what, section string
		version       uint16
		mechanism     string
		gs2           string
		kind          string // whose data are sent
		data          func([]byte) []byte
		condition     string // "" for success
	}{
		{"tls-exporter over 1.3", "9266", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "tls-exporter", nil, ""},
		{"tls-exporter over 1.2", "9266", tls.VersionTLS12, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "tls-exporter", nil, ""},
		{"tls-exporter with SHA-1", "9266", tls.VersionTLS13, "SCRAM-SHA-1-PLUS", "p=tls-exporter,,", "tls-exporter", nil, ""},
		{"tls-server-end-point over 1.3", "5929 4", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", "tls-server-end-point", nil, ""},
		{"tls-server-end-point over 1.2", "5929 4", tls.VersionTLS12, "SCRAM-SHA-1-PLUS", "p=tls-server-end-point,,", "tls-server-end-point", nil, ""},
		{"tls-unique over 1.2", "5929 3", tls.VersionTLS12, "SCRAM-SHA-256-PLUS", "p=tls-unique,,", "tls-unique", nil, ""},
		{"binding with an authzid", "5802 5.1", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-exporter,a=juliet@localhost,", "tls-exporter", nil, ""},
		{"no binding by a client that has none", "5802 6", tls.VersionTLS13, "SCRAM-SHA-256", "n,,", "", nil, ""},
		{"tls-unique over 1.3, which has none", "8446 C.5", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-unique,,", "x", nil, "malformed-request"},
		{"a type that nobody knows", "5802 6", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-telepathy,,", "x", nil, "malformed-request"},
		{"a type that is no type", "5802 7", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=,,", "x", nil, "malformed-request"},
		{"wrong data", "5802 5.1", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "tls-exporter", spoil, "not-authorized"},
		{"wrong data of tls-server-end-point", "5802 5.1", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", "tls-server-end-point", spoil, "not-authorized"},
		{"wrong data of tls-unique", "5802 5.1", tls.VersionTLS12, "SCRAM-SHA-256-PLUS", "p=tls-unique,,", "tls-unique", spoil, "not-authorized"},
		{"no data", "5802 5.1", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "", func([]byte) []byte { return nil }, "not-authorized"},
		{"bytes after the data", "5802 5.1", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "tls-exporter", func(b []byte) []byte { return append(b, 0) }, "not-authorized"},
		{"data of another type", "5802 5.1", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "tls-server-end-point", nil, "not-authorized"},
		{"a downgrade: the client saw no -PLUS", "5802 6", tls.VersionTLS13, "SCRAM-SHA-256", "y,,", "", nil, "not-authorized"},
		{"a downgrade of SHA-1", "5802 6", tls.VersionTLS12, "SCRAM-SHA-1", "y,,", "", nil, "not-authorized"},
		{"-PLUS that binds nothing", "5802 6", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "n,,", "", nil, "malformed-request"},
		{"-PLUS that says there was none", "5802 6", tls.VersionTLS13, "SCRAM-SHA-256-PLUS", "y,,", "", nil, "malformed-request"},
		{"binding without -PLUS", "5802 6", tls.VersionTLS13, "SCRAM-SHA-256", "p=tls-exporter,,", "tls-exporter", nil, "malformed-request"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p, conn := w.secured(t, row.version)
			s := &scram{mechanism: row.mechanism, gs2: row.gs2}
			if row.kind != "" {
				s.cb = slices.Clone(binding(t, conn, row.kind))
			}
			if row.data != nil {
				s.cb = row.data(s.cb)
			}
			got := s.run(p)
			if row.condition == "" {
				if !strings.HasPrefix(got, "<success ") {
					t.Fatalf("logging in: %s", got)
				}
			} else {
				wantFailure(t, got, row.condition)
				s := &scram{mechanism: "SCRAM-SHA-256-PLUS", gs2: "p=tls-exporter,,", cb: binding(t, conn, "tls-exporter")}
				if got := s.run(p); !strings.HasPrefix(got, "<success ") {
					t.Fatalf("the next try on the same stream: %s", got)
				}
			}
			p.open()
			p.bind("bound")
			p.Close()
		})
	}
	w.untouched(t)
}

// TestBindingOfAnotherConnection: somebody in between has two connections, whose
// bindings differ; the certificate's alone does not tell them apart.
func TestBindingOfAnotherConnection(t *testing.T) {
	w := newWorld(t)
	_, other := w.secured(t, tls.VersionTLS12)
	for _, kind := range []string{"tls-exporter", "tls-unique"} {
		p, _ := w.secured(t, tls.VersionTLS12)
		s := &scram{mechanism: "SCRAM-SHA-256-PLUS", gs2: "p=" + kind + ",,", cb: binding(t, other, kind)}
		wantFailure(t, s.run(p), "not-authorized")
	}
}

func TestPlainOverTLS(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ what, section, message, condition string }{
		{"the right password", "4616 2", "\x00juliet\x00secret", ""},
		{"with oneself as authzid", "6120 6.3.8", "juliet@localhost\x00juliet\x00secret", ""},
		{"with a name that is not in normal form", "7622 3.3", "\x00JULIET\x00secret", ""},
		{"a wrong password", "4616 2", "\x00juliet\x00sekret", "not-authorized"},
		{"an unknown user", "6120 6.5.10", "\x00nobody\x00secret", "not-authorized"},
		{"with somebody else as authzid", "6120 6.3.8", "romeo@localhost\x00juliet\x00secret", "invalid-authzid"},
		{"with the domain as authzid", "6120 6.3.8", "localhost\x00juliet\x00secret", "invalid-authzid"},
		{"a NUL after the password", "4616 2", "\x00juliet\x00secret\x00", "malformed-request"},
		{"bytes after the password", "4616 2", "\x00juliet\x00secret\x00x", "malformed-request"},
		{"more after the password", "4616 2", "\x00juliet\x00secretx", "not-authorized"},
		{"no password", "4616 2", "\x00juliet\x00", "malformed-request"},
		{"no name", "4616 2", "\x00\x00secret", "malformed-request"},
		{"one NUL", "4616 2", "juliet\x00secret", "malformed-request"},
		{"no NUL", "4616 2", "juliet", "malformed-request"},
		{"nothing", "4616 2", "", "malformed-request"},
		{"invalid UTF-8", "4616 2", "\x00juliet\x00s\xe9cret", "malformed-request"},
		{"a name with a resource", "4616 2", "\x00juliet/x\x00secret", "not-authorized"},
		{"a full address for a name", "4616 2", "\x00juliet@localhost\x00secret", "not-authorized"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p, _ := w.secured(t, 0)
			p.send(auth("PLAIN", or(b64(row.message), "=")))
			got := p.next()
			if row.condition == "" {
				if got != "<success xmlns='"+nsSASL+"'/>" {
					t.Errorf("answered %s", got)
				}
				return
			}
			wantFailure(t, got, row.condition)
			p.login("juliet")
			p.Close()
		})
	}
	w.untouched(t)
}

// batch is a connection whose writes go out together, once it is let.
type batch struct {
	net.Conn
	held bool
	out  []byte
}

func (b *batch) Write(p []byte) (int, error) {
	if !b.held {
		return b.Conn.Write(p)
	}
	b.out = append(b.out, p...)
	return len(p), nil
}

func (b *batch) letGo() error {
	b.held = false
	_, err := b.Conn.Write(b.out)
	return err
}

// TestAStreamErrorReachesWhoHasSentMore: what came along with a client's mistake is read
// and forgotten, over TLS too, so that the error and the end of TLS arrive.
func TestAStreamErrorReachesWhoHasSentMore(t *testing.T) {
	w := newWorld(t)
	addr := w.Listen(t).String()
	for _, records := range []int{1, 20, 200} {
		b := &batch{Conn: dialTCP(t, addr)}
		p := newPeer(t, b)
		p.open()
		p.send(startTLS)
		p.expect(proceed)
		p, conn := p.handshake(w, 0)
		p.login("juliet")
		p.bind("balcony")
		b.held = true
		p.send("<message><body>&nurse;</body></message>")
		for range records {
			p.send("<message to='romeo@localhost'><body>" + strings.Repeat("and more ", 100) + "</body></message>")
		}
		if err := b.letGo(); err != nil {
			t.Fatal(err)
		}
		if got := p.ended(); len(got) == 0 || !strings.Contains(got[len(got)-1], "<restricted-xml ") {
			t.Errorf("with %d records more the stream ended with %q", records, got)
		}
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("with %d records more, TLS ended with %v", records, err)
		}
		for range 100 { // it is not reset while it still sends
			if _, err := io.WriteString(conn, "<presence/>"); err != nil {
				t.Fatalf("with %d records more, what came after them met with %v", records, err)
			}
			runtime.Gosched()
		}
	}
}
