package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"
	"mellium.im/xmpp/jid"
)

// selfSigned returns a certificate for the name, which is its own authority,
// and its PEM form.
func selfSigned(t *testing.T, name string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// handshake lets the account secure a connection to a server with the
// certificate, and returns the client's side of it.
func handshake(t *testing.T, a account, certificate tls.Certificate, version uint16) (*streamConn, error) {
	t.Helper()
	near, far := socketPair(t)
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: version})
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Handshake()
	}()
	conn, err := a.secure(t.Context(), near, false)
	far.SetDeadline(time.Now())
	<-done
	return conn, err
}

// socketPair returns the two ends of a connection over the loopback.
func socketPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, _ := l.Accept()
		accepted <- conn
	}()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	far = <-accepted
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestCertificateChecks(t *testing.T) {
	noEnvironment(t)
	mine, minePEM := selfSigned(t, "localhost")
	other, _ := selfSigned(t, "localhost")
	ca := writeFile(t, "ca.pem", string(minePEM))
	data := t.TempDir()
	if err := os.MkdirAll(filepath.Join(data, "cert"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "cert", "ca.pem"), minePEM, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name        string
		account     account
		data        string
		certificate tls.Certificate
		err, hint   string
	}{
		{"an unknown authority is refused", account{}, "", mine, "signed by nobody known here", "--ca FILE"},
		{"--ca makes it known", account{ca: ca}, "", mine, "", ""},
		{"so does the data directory of a server on this machine", account{}, data, mine, "", ""},
		{"a certificate of another authority is still refused", account{ca: ca}, "", other, "signed by nobody known here", "--ca FILE"},
		{"--insecure takes anything", account{insecure: true}, "", other, "", ""},
		{"a missing --ca file is an error", account{ca: ca + "x"}, "", mine, "no such file", ""},
		{"so is one without a certificate", account{ca: writeFile(t, "empty.pem", "hello")}, "", mine, "no certificate in", "PEM"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("NATTER_DATA", row.data)
			row.account.jid = jid.MustParse("romeo@localhost")
			_, err := handshake(t, row.account, row.certificate, tls.VersionTLS13)
			if row.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var f *failure
			if err == nil || !strings.Contains(err.Error(), row.err) || !errors.As(err, &f) || !strings.Contains(f.hint, row.hint) {
				t.Errorf("error is %v, want %q", err, row.err)
			}
		})
	}
}

func TestCertificateForAnotherNameIsRefused(t *testing.T) {
	noEnvironment(t)
	other, otherPEM := selfSigned(t, "elsewhere.example")
	a := account{jid: jid.MustParse("romeo@localhost"), ca: writeFile(t, "ca.pem", string(otherPEM))}
	_, err := handshake(t, a, other, tls.VersionTLS13)
	var f *failure
	if !errors.As(err, &f) || !strings.Contains(f.hint, "for somebody else") {
		t.Errorf("error is %v", err)
	}
}

func TestChannelBindings(t *testing.T) {
	noEnvironment(t)
	certificate, pem := selfSigned(t, "localhost")
	a := account{jid: jid.MustParse("romeo@localhost"), ca: writeFile(t, "ca.pem", string(pem))}
	for _, row := range []struct {
		name    string
		version uint16
		types   []string
		want    scram.ChannelBindingType // "" is none
	}{
		{"TLS 1.3 implies the exporter", tls.VersionTLS13, nil, scram.ChannelBindingTLSExporter},
		{"TLS 1.2 implies the first Finished message", tls.VersionTLS12, nil, scram.ChannelBindingTLSUnique},
		{"the exporter is preferred", tls.VersionTLS13, []string{"tls-server-end-point", "tls-exporter"}, scram.ChannelBindingTLSExporter},
		{"the certificate is second", tls.VersionTLS13, []string{"tls-unique", "tls-server-end-point"}, scram.ChannelBindingTLSServerEndpoint},
		{"tls-unique does not exist in TLS 1.3", tls.VersionTLS13, []string{"tls-unique"}, ""},
		{"an unknown type is not used", tls.VersionTLS13, []string{"tls-quantum"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := handshake(t, a, certificate, row.version)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := chooseBinding(row.types, conn.ConnectionState())
			if got.Type != row.want || ok != (row.want != "") {
				t.Errorf("got %q, %v", got.Type, ok)
			}
		})
	}
}

func TestMechanisms(t *testing.T) {
	noEnvironment(t)
	certificate, pem := selfSigned(t, "localhost")
	a := account{jid: jid.MustParse("romeo@localhost"), ca: writeFile(t, "ca.pem", string(pem))}
	conn, err := handshake(t, a, certificate, tls.VersionTLS13)
	if err != nil {
		t.Fatal(err)
	}
	secure := conn.ConnectionState()
	every := []string{"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "X"}
	for _, row := range []struct {
		name    string
		offered []string
		types   []string
		state   tls.ConnectionState
		trusted bool
		want    string // the usable ones
		gs2     string // how the first of them begins
	}{
		{"without TLS only what keeps the password secret", every, nil, tls.ConnectionState{}, false, "SCRAM-SHA-256 SCRAM-SHA-1", "n,,"},
		{"over TLS the ones bound to it come first", every, nil, secure, true, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN", "p=tls-exporter,,"},
		{"a server without -PLUS is told that it could have been", []string{"SCRAM-SHA-1"}, nil, secure, true, "SCRAM-SHA-1", "y,,"},
		{"a binding of an unknown type rules -PLUS out, and that is no lie", every, []string{"tls-unknown"}, secure, true, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN", "n,,"},
		{"over a checked connection PLAIN comes last", []string{"PLAIN", "SCRAM-SHA-1"}, nil, secure, true, "SCRAM-SHA-1 PLAIN", "y,,"},
		{"over an unchecked one it does not come", []string{"PLAIN"}, nil, secure, false, "", ""},
		{"nothing known is nothing", []string{"X", "SCRAM-SHA-512"}, nil, secure, true, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var names []string
			usable := newCredentials(jid.MustParse("a@b"), "p").mechanisms(row.offered, row.types, row.state, row.trusted)
			for _, m := range usable {
				names = append(names, m.Name)
			}
			if got := strings.Join(names, " "); got != row.want {
				t.Fatalf("got %q, want %q", got, row.want)
			}
			if len(usable) == 0 {
				return
			}
			_, first, _, err := usable[0].Start(nil)
			if err != nil || !strings.HasPrefix(string(first), row.gs2) {
				t.Errorf("it begins with %q, %v", first, err)
			}
		})
	}
}

func TestScramRefusesWhatProvesNothing(t *testing.T) {
	for name, challenge := range map[string]string{
		"nothing":                  "",
		"a field without value":    "x",
		"a foreign nonce":          "r=abc,s=c2FsdA==,i=4096",
		"too few iterations":       "r=%n1,s=c2FsdA==,i=1",
		"too many iterations":      "r=%n1,s=c2FsdA==,i=2000000000",
		"a mandatory extension":    "m=x,r=%n1,s=c2FsdA==,i=4096",
		"a salt that is no base64": "r=%n1,s=***,i=4096",
	} {
		usable := newCredentials(jid.MustParse("a@b"), "p").mechanisms([]string{"SCRAM-SHA-256"}, nil, tls.ConnectionState{}, false)
		_, first, state, err := usable[0].Start(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, nonce, _ := strings.Cut(string(first), "r=")
		if _, _, _, err := usable[0].Next(nil, []byte(strings.ReplaceAll(challenge, "%n", nonce)), state); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// scripted is a server that sends one text, and then, without end, another one if
// that is not empty, to whoever connects, whatever they say.
func scripted(t *testing.T, text, then string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for err == nil && text != "" {
			_, err = conn.Write([]byte(text))
			text = strings.Repeat(then, 4096)
		}
	}()
	return l.Addr().String()
}

func TestServersThatMakeNoSense(t *testing.T) {
	noEnvironment(t)
	for _, row := range []struct {
		name, sends, then, says string
	}{
		{"one that closes at once", "", "", "the server "},
		{"one that is no chat server", "HTTP/1.1 400 Bad Request\r\n\r\n", "", "logging in to 127.0.0.1"},
		{"one whose elements have no end", "<a b='x'>", "<a b='x'>", "logging in to 127.0.0.1"},
		{"one with an attribute without end", "<stream:stream a='", "xxxxxxxx", "more than 16 MiB"},
		{"one whose text has no end", " ", "        ", "more than 16 MiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := account{jid: jid.MustParse(romeo), server: scripted(t, row.sends, row.then), password: "x"}
			_, err := a.login(t.Context(), newCredentials(a.jid, a.password), nil)
			var f *failure
			if !errors.As(err, &f) || f.code != exitConnect || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %v, want %q", err, row.says)
			}
		})
	}
}

// TestTLSIsNeverOptional: a server that would do without TLS gets nothing in the
// clear when TLS cannot be had.
func TestTLSIsNeverOptional(t *testing.T) {
	w := newWorld(t) // in --dev, where TLS is optional
	_, other := selfSigned(t, "localhost")
	file := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(file, other, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range [][]string{{"ping"}, {"send", juliet, "a secret"}, {"chat", juliet}} {
		got := w.natter(romeo, "a secret\n", append(verb, "--ca", file)...)
		if got.code != exitConnect || !strings.Contains(got.err, "its certificate is signed by nobody known here") {
			t.Errorf("%s came to %+v", verb[0], got)
		}
	}
	if got := w.natter(romeo, "", "ping"); got.code != exitOK {
		t.Errorf("with the right authority: %+v", got)
	}
}
