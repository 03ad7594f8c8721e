// Package cert keeps the certificate that a natter server shows: one of its own
// making under a local CA ([Local]), or a given pair of files that is read again
// when it changes ([Files]).
//
// # What is decided here about TLS
//
// [Source.Config] speaks TLS 1.2 and 1.3 (RFC 7590 §3.1), on 1.2 only the AEAD
// suites with forward secrecy. It issues no session tickets. Resumption is worth
// little to XMPP, whose connections last, and it would get in the way of
// channel binding: on a resumed connection no certificate is shown, so the client
// binds tls-server-end-point to the one it remembers, which may be replaced by
// now, and tls-unique changes sides. Without tickets every connection has
// shown exactly one certificate, which [WithShown] makes known, and an idle one
// holds no ticket state. Renegotiation does not exist on Go's server side, so
// tls-unique and tls-exporter are fixed once the handshake is done.
package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Source is where connections get the server's certificate from. All methods
// are safe for concurrent use.
type Source struct {
	state  atomic.Pointer[state]
	caPath string        // of ca.pem, "" without
	every  time.Duration // at most this often a handshake looks for news

	// mu guards what follows. A handshake only ever tries it: while one
	// goroutine looks for news the others go on with what there is.
	mu      sync.Mutex
	checked time.Time
	// refresh returns what is to be shown from now on, cur itself if nothing has
	// changed. cur is nil the first time; forced says that somebody asked.
	refresh func(cur *state, now time.Time, forced bool) (*state, error)
}

// state is one certificate with what belongs to it; never changed once made.
type state struct {
	pair *tls.Certificate // Leaf is set
	ca   *x509.Certificate
}

// start takes the first look and fails if there is nothing to show.
func (s *Source) start() (*Source, error) {
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload looks for a new certificate now: files are read again, a local leaf is
// renewed if its time has come. On an error the present one stays.
func (s *Source) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.look(time.Now(), true)
}

// look replaces the state if there is news. The caller holds mu.
func (s *Source) look(now time.Time, forced bool) error {
	s.checked = now
	cur := s.state.Load()
	next, err := s.refresh(cur, now, forced)
	if err != nil {
		return err
	}
	if next != cur {
		s.state.Store(next)
	}
	return nil
}

// GetCertificate returns the certificate to show, whatever name the client sent in
// SNI and also if it sent none: clients that connect by address send no name,
// and which host is meant is said by the stream header. It fits
// [tls.Config.GetCertificate] and notes its answer for [WithShown].
func (s *Source) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s.mu.TryLock() {
		if now := time.Now(); now.Sub(s.checked) >= s.every || now.Before(s.checked) {
			if err := s.look(now, false); err != nil {
				slog.Error("certificate not renewed, the old one stays", "err", err)
			}
		}
		s.mu.Unlock()
	}
	pair := s.state.Load().pair
	if ctx := hello.Context(); ctx != nil {
		if shown, ok := ctx.Value(shownKey{}).(*Shown); ok {
			shown.leaf.Store(pair.Leaf)
		}
	}
	return pair, nil
}

// Shown tells which certificate one handshake showed.
type Shown struct {
	leaf atomic.Pointer[x509.Certificate]
}

// Leaf is the certificate that was shown, nil before the handshake.
func (s *Shown) Leaf() *x509.Certificate { return s.leaf.Load() }

type shownKey struct{}

// WithShown returns a context for one [tls.Conn.HandshakeContext] and where to
// read, once that is done, which certificate the connection was given: what
// tls-server-end-point binds to (RFC 5929 §4), and a Source's present leaf isn't
// always. With net/http, set it in Server.ConnContext.
func WithShown(ctx context.Context) (context.Context, *Shown) {
	s := new(Shown)
	return context.WithValue(ctx, shownKey{}, s), s
}

// suites are TLS 1.2's AEAD suites with forward secrecy (RFC 7525 §4.2, RFC 9325 §4.2).
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Config returns a new configuration for connections of one kind: alpn names the
// protocols of a port ("xmpp-client" where TLS is direct, XEP-0368), none for
// STARTTLS. A client whose ALPN has none of them is refused; one without ALPN is
// not. It may be shared by any number of connections.
func (s *Source) Config(alpn ...string) *tls.Config {
	return &tls.Config{
		GetCertificate:              s.GetCertificate,
		MinVersion:                  tls.VersionTLS12,
		CipherSuites:                suites,
		NextProtos:                  alpn,
		SessionTicketsDisabled:      true,
		Renegotiation:               tls.RenegotiateNever,
		DynamicRecordSizingDisabled: true,
	}
}

// Leaf is the certificate that the next handshake will show.
func (s *Source) Leaf() *x509.Certificate { return s.state.Load().pair.Leaf }

// NotAfter is when the certificate runs out.
func (s *Source) NotAfter() time.Time { return s.Leaf().NotAfter }

// CAPath is the file with the local CA's certificate, for people and their
// clients to trust; "" where there is no CA of ours or it is in memory only.
func (s *Source) CAPath() string { return s.caPath }

// CAPEM is the local CA's certificate as PEM, nil where there is no CA of ours.
func (s *Source) CAPEM() []byte {
	ca := s.state.Load().ca
	if ca == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: ca.Raw})
}

// CAPool is a new pool with the local CA and nothing else, nil where there is no CA
// of ours: what a client needs as RootCAs.
func (s *Source) CAPool() *x509.CertPool {
	ca := s.state.Load().ca
	if ca == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool
}

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
)
