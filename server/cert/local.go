package cert

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

const (
	localEvery = time.Hour           // how often handshakes look whether renewal is due
	renewLeaf  = 30 * 24 * time.Hour // a leaf with less left is renewed
	renewCA    = 90 * 24 * time.Hour // a CA with less left is replaced
)

// Local shows a certificate made here: a CA made once and kept, and a leaf under
// it for localhost, *.localhost, 127.0.0.1, ::1, and each host with its direct
// subdomains (hosts that are IP addresses only as themselves). Hosted services under
// a host of one label, as rooms.localhost, are best named as hosts too: OpenSSL and
// GnuTLS take no wildcard right below such a host. The leaf is made
// anew when it has less than 30 days left, also while running, or when hosts are
// added or taken away; then clients that trust the CA notice nothing.
//
// They are kept in dir as ca.pem, ca.key, cert.pem and key.pem, the keys readable
// by the owner alone; with dir "" in memory only. A ca.pem whose key is gone
// or another's is an error and not replaced silently, as people trust that CA.
func Local(dir string, hosts []string) (*Source, error) {
	n, err := namesFor(hosts)
	if err != nil {
		return nil, err
	}
	l := &local{dir: dir, names: n}
	s := &Source{every: localEvery, refresh: l.refresh}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		s.caPath = l.path(caCertFile)
	}
	return s.start()
}

// The files in the directory.
const (
	caCertFile = "ca.pem"
	caKeyFile  = "ca.key"
	certFile   = "cert.pem"
	keyFile    = "key.pem"
)

type local struct {
	dir   string
	names names
	ca    *authority // in memory, once known
}

func (l *local) path(name string) string { return filepath.Join(l.dir, name) }

// refresh makes whatever is missing or has had its time.
func (l *local) refresh(cur *state, now time.Time, _ bool) (*state, error) {
	if cur != nil && current(cur.ca, now, renewCA) && current(cur.pair.Leaf, now, renewLeaf) {
		return cur, nil
	}
	ca, err := l.authority(now)
	if err != nil {
		return nil, err
	}
	pair, err := l.leaf(ca, now)
	if err != nil {
		return nil, err
	}
	l.ca = ca
	return &state{pair: pair, ca: ca.cert}, nil
}

// current reports that a certificate is valid and stays so for a while.
func current(c *x509.Certificate, now time.Time, left time.Duration) bool {
	return !now.Before(c.NotBefore) && c.NotAfter.Sub(now) >= left
}

// authority returns the CA: known, read or made.
func (l *local) authority(now time.Time) (*authority, error) {
	ca := l.ca
	if ca == nil && l.dir != "" {
		var err error
		if ca, err = l.readAuthority(); err != nil {
			return nil, err
		}
	}
	if ca != nil && current(ca.cert, now, renewCA) {
		return ca, nil
	}
	if ca != nil {
		slog.Warn("local CA has run out, made a new one: trust it again in your clients",
			"file", l.path(caCertFile), "not_after", ca.cert.NotAfter)
	}
	ca, err := newAuthority(now)
	if err != nil {
		return nil, err
	}
	if l.dir == "" {
		return ca, nil
	}
	// The key comes first: a ca.pem without its key is an error, and a key
	// without ca.pem is one that nobody trusts yet. A CA that is replaced has
	// its ca.pem taken away before, so that no crash leaves a pair that differs.
	if err := os.Remove(l.path(caCertFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cert: %w", err)
	}
	if err := writeKey(l.path(caKeyFile), ca.key); err != nil {
		return nil, err
	}
	if err := writeCert(l.path(caCertFile), ca.cert.Raw); err != nil {
		return nil, err
	}
	return ca, nil
}

// readAuthority reads the CA; nil where there is none yet.
func (l *local) readAuthority() (*authority, error) {
	if _, err := os.Stat(l.path(caCertFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(l.path(caCertFile), l.path(caKeyFile))
	if err != nil {
		return nil, fmt.Errorf("cert: the local CA can't be used (%w); put back %s and %s, or remove both to have a new one made that clients must then trust",
			err, l.path(caCertFile), l.path(caKeyFile))
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("cert: %s is not a CA made here", l.path(caCertFile))
	}
	if err := ownerOnly(l.path(caKeyFile)); err != nil {
		return nil, err
	}
	return &authority{cert: pair.Leaf, key: key}, nil
}

// leaf returns the server's certificate: read if it will do, else made. Nobody
// trusts a leaf by itself, so a damaged one is simply replaced.
func (l *local) leaf(ca *authority, now time.Time) (*tls.Certificate, error) {
	if l.dir != "" {
		pair, err := tls.LoadX509KeyPair(l.path(certFile), l.path(keyFile))
		if err == nil && current(pair.Leaf, now, renewLeaf) &&
			l.names.equal(pair.Leaf) && pair.Leaf.CheckSignatureFrom(ca.cert) == nil {
			return &pair, ownerOnly(l.path(keyFile))
		}
	}
	pair, err := ca.issue(l.names, now)
	if err != nil || l.dir == "" {
		return pair, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("cert: not an ECDSA key")
	}
	if err := writeKey(l.path(keyFile), key); err != nil {
		return nil, err
	}
	if err := writeCert(l.path(certFile), pair.Certificate[0]); err != nil {
		return nil, err
	}
	return pair, nil
}
