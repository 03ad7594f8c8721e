package cert

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAnyNameInSNIGetsTheCertificate(t *testing.T) {
	s := mustLocal(t, "", "example.org")
	for what, client := range map[string]*tls.Config{
		"a host":                 {RootCAs: s.CAPool(), ServerName: "example.org"},
		"a host's subdomain":     {RootCAs: s.CAPool(), ServerName: "rooms.example.org"},
		"no SNI, an IPv4 peer":   {RootCAs: s.CAPool(), ServerName: "127.0.0.1"},
		"no SNI, an IPv6 peer":   {RootCAs: s.CAPool(), ServerName: "::1"},
		"no SNI, nothing known":  {InsecureSkipVerify: true},
		"an unknown name in SNI": {InsecureSkipVerify: true, ServerName: "elsewhere.example"},
	} {
		state, shown := mustHandshake(t, s, client)
		if !state.PeerCertificates[0].Equal(s.Leaf()) || !shown.Leaf().Equal(s.Leaf()) {
			t.Errorf("%s: got another certificate", what)
		}
	}
	// The name still matters to a client that checks.
	if _, _, err := handshake(s.Config(), &tls.Config{RootCAs: s.CAPool(), ServerName: "elsewhere.example"}); err == nil {
		t.Error("good for elsewhere")
	}
}

func TestGetCertificateWithoutContext(t *testing.T) {
	s := mustLocal(t, "")
	if c, err := s.GetCertificate(&tls.ClientHelloInfo{}); err != nil || c.Leaf != s.Leaf() {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestALPN(t *testing.T) {
	s := mustLocal(t, "")
	for _, row := range []struct {
		what           string
		server, client []string
		want           string
		ok             bool
	}{
		{"direct TLS", []string{"xmpp-client"}, []string{"xmpp-client"}, "xmpp-client", true},
		{"direct TLS without ALPN", []string{"xmpp-client"}, nil, "", true},
		{"direct TLS by another protocol", []string{"xmpp-client"}, []string{"xmpp-server"}, "", false},
		{"STARTTLS by a client that sends ALPN", nil, []string{"xmpp-client"}, "", true},
	} {
		state, _, err := handshake(s.Config(row.server...), &tls.Config{RootCAs: s.CAPool(), ServerName: "localhost", NextProtos: row.client})
		if (err == nil) != row.ok || state.NegotiatedProtocol != row.want {
			t.Errorf("%s: %q, %v", row.what, state.NegotiatedProtocol, err)
		}
	}
}

func TestOnlyAEADSuites(t *testing.T) {
	s := mustLocal(t, "")
	base := tls.Config{RootCAs: s.CAPool(), ServerName: "localhost", MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if suite.SupportedVersions[0] == tls.VersionTLS13 {
			continue
		}
		client := base.Clone()
		client.CipherSuites = []uint16{suite.ID}
		_, _, err := handshake(s.Config(), client)
		// The leaf is ECDSA: the RSA suites can't be chosen here.
		good := strings.Contains(suite.Name, "ECDHE_ECDSA") &&
			(strings.Contains(suite.Name, "GCM") || strings.Contains(suite.Name, "POLY1305"))
		if (err == nil) != good {
			t.Errorf("%s: %v", suite.Name, err)
		}
	}
}

func TestNothingIsResumed(t *testing.T) {
	s := mustLocal(t, "")
	server := s.Config()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := &tls.Config{RootCAs: s.CAPool(), ServerName: "localhost", MaxVersion: version,
			ClientSessionCache: tls.NewLRUClientSessionCache(4)}
		for range 3 {
			state, shown, err := handshake(server, client)
			if err != nil || state.DidResume || shown.Leaf() == nil {
				t.Errorf("%s: resumed %v, %v", tls.VersionName(version), state.DidResume, err)
			}
		}
	}
}

// clientHello builds a record with a ClientHello of a version, offering RSA, DHE and
// ECDHE suites with CBC, RC4 and GCM, as clients of that time did.
func clientHello(version uint16) []byte {
	suites := []uint16{0x0004, 0x0005, 0x000a, 0x002f, 0x0035, 0x0033, 0xc009, 0xc00a, 0xc013, 0xc02b, 0x00ff}
	body := binary.BigEndian.AppendUint16(nil, version)
	body = append(body, make([]byte, 32)...) // random
	body = append(body, 0)                   // no session
	body = binary.BigEndian.AppendUint16(body, uint16(2*len(suites)))
	for _, s := range suites {
		body = binary.BigEndian.AppendUint16(body, s)
	}
	body = append(body, 1, 0) // no compression
	if version > 0x0300 {
		groups := []byte{0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0}
		body = binary.BigEndian.AppendUint16(body, uint16(len(groups)))
		body = append(body, groups...)
	}
	message := append([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	record := []byte{22, byte(min(version, 0x0301) >> 8), byte(min(version, 0x0301))}
	record = binary.BigEndian.AppendUint16(record, uint16(len(message)))
	return append(record, message...)
}

func TestOldVersionsAreRefused(t *testing.T) {
	s := mustLocal(t, "")
	ssl2 := []byte{0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10}
	for what, hello := range map[string][]byte{
		"TLS 1.1": clientHello(0x0302), "TLS 1.0": clientHello(0x0301), "SSL 3.0": clientHello(0x0300),
		"SSL 2.0": append(ssl2, make([]byte, 0x30-len(ssl2))...),
	} {
		t.Run(what, func(t *testing.T) {
			a, b := net.Pipe()
			defer b.Close()
			done := make(chan error, 1)
			go func() {
				done <- tls.Server(a, s.Config()).Handshake()
				a.Close()
			}()
			b.SetDeadline(time.Now().Add(30 * time.Second))
			wrote := make(chan struct{})
			go func() {
				b.Write(hello)
				close(wrote)
			}()
			reply := make([]byte, 7)
			n, _ := b.Read(reply)
			if err := <-done; err == nil {
				t.Error("the handshake worked")
			}
			<-wrote
			// SSL 2.0 can't be answered in its own language.
			if what != "SSL 2.0" && (n != 7 || reply[0] != 21 || reply[5] != 2 || reply[6] != 70) {
				t.Errorf("answered % x, want a fatal protocol_version alert", reply[:n])
			}
		})
	}
	// And as a control that the hello is one: TLS 1.2 gets further.
	a, b := net.Pipe()
	defer b.Close()
	go func() {
		tls.Server(a, s.Config()).Handshake()
		a.Close()
	}()
	go b.Write(clientHello(0x0303))
	reply := make([]byte, 6)
	if _, err := b.Read(reply); err != nil || reply[0] != 22 {
		t.Errorf("TLS 1.2: % x, %v", reply, err)
	}
}

func TestManyHandshakesWhileReloading(t *testing.T) {
	s := mustLocal(t, "")
	client := &tls.Config{RootCAs: s.CAPool(), ServerName: "localhost"}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if _, _, err := handshake(s.Config(), client); err != nil {
					t.Error(err)
				}
				if err := s.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
