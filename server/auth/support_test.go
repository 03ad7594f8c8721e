package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xdg-go/scram"
)

// testCount keeps the tests quick; no client takes less.
const testCount = 4096

const testPassword = "wherefore art thou"

var testCredentials = sync.OnceValue(func() Credentials { return credentialsOf(testPassword) })

func credentialsOf(password string) Credentials {
	c, err := NewCredentialsIterations(password, testCount)
	if err != nil {
		panic(err)
	}
	return c
}

// testConfig is a host with the accounts romeo (enabled), tybalt (disabled),
// sha1 (imported with SHA-1 keys only), broken (damaged keys), and a store that
// fails for the account storm.
func testConfig() *Config {
	creds := testCredentials()
	return &Config{
		Domain:     "localhost",
		Secret:     []byte("0123456789abcdef0123456789abcdef"),
		Iterations: testCount,
		Lookup: func(name string) (Credentials, bool, error) {
			c := creds
			switch name {
			case "romeo", "r\u00f6meo":
			case "tybalt":
				c.Disabled = true
			case "sha1":
				c.SHA256 = Keys{}
			case "broken":
				c = Credentials{SHA256: Keys{Salt: c.SHA256.Salt, Iterations: 4096}, SHA1: Keys{StoredKey: []byte{1}}}
			case "storm":
				return Credentials{}, false, errStorm
			default:
				return Credentials{}, false, nil
			}
			return c, true, nil
		},
	}
}

var errStorm = errors.New("disk is gone")

var (
	loopback     = Channel{Secure: true}
	confidential = Channel{Proxied: true}
)

// client is what the other side of an exchange does: it gets challenges and gives
// responses, the first one for an empty challenge.
type client func(challenge string) (string, error)

// play runs an exchange to its end.
func play(c *Config, mechanism string, ch Channel, step client) (*Exchange, error) {
	x, err := c.Start(mechanism, ch)
	if err != nil {
		return nil, err
	}
	challenge := ""
	for range 4 {
		response, err := step(challenge)
		if err != nil {
			return x, err
		}
		out, done, err := x.Step([]byte(response))
		if err != nil {
			return x, err
		}
		challenge = string(out)
		if done {
			if len(out) > 0 {
				_, err = step(challenge)
			}
			return x, err
		}
	}
	return x, errors.New("the exchange has no end")
}

// xdgClient is github.com/xdg-go/scram's client. The binding may be nil.
func xdgClient(t testing.TB, mechanism, user, password, authzid string, binding *scram.ChannelBinding) client {
	t.Helper()
	hash := scram.SHA1
	if strings.Contains(mechanism, "256") {
		hash = scram.SHA256
	}
	c, err := hash.NewClient(user, password, authzid)
	if err != nil {
		t.Fatal(err)
	}
	conv := c.NewConversation()
	if binding != nil {
		conv = c.NewConversationWithChannelBinding(*binding)
	}
	return conv.Step
}

// tlsPair makes a TLS connection over a pipe and returns both sides' views of it
// and the server's certificate.
func tlsPair(t testing.TB, version uint16) (server Channel, client tls.ConnectionState) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	a, b := net.Pipe()
	s := tls.Server(a, &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		SessionTicketsDisabled: true,
	})
	c := tls.Client(b, &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: version, MaxVersion: version})
	t.Cleanup(func() { a.Close(); b.Close() })
	failed := make(chan error, 1)
	go func() { failed <- s.Handshake() }()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	state := s.ConnectionState()
	return Channel{TLS: &state, Leaf: leaf}, c.ConnectionState()
}

// wantFailure checks that an error is a *Failure with the condition and holds
// nothing secret.
func wantFailure(t testing.TB, err error, want Condition) {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure %s", err, want)
	}
	if f.Condition != want {
		t.Fatalf("got %v, want %s", f, want)
	}
	wantNoSecret(t, f.Error())
}

// wantNoSecret checks that a text shows no key, in any form it may be printed.
func wantNoSecret(t testing.TB, text string) {
	t.Helper()
	creds := testCredentials()
	for _, k := range []Keys{creds.SHA1, creds.SHA256} {
		for _, secret := range [][]byte{k.StoredKey, k.ServerKey} {
			for _, form := range secretForms(secret) {
				if strings.Contains(text, form) {
					t.Fatalf("%q shows a key", text)
				}
			}
		}
	}
	if strings.Contains(text, testPassword) {
		t.Fatalf("%q shows the password", text)
	}
}

func wantMechanisms(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
