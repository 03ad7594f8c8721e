package main

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"natter/server/cert"
)

// certificates is where TLS gets the certificate from: a source that can be
// replaced by another while the server runs.
type certificates struct{ now atomic.Pointer[cert.Source] }

// certificates reads the certificate, or makes one.
func (o *options) certificates() (*certificates, error) {
	s, err := o.certSource()
	if err != nil {
		return nil, err
	}
	c := new(certificates)
	c.now.Store(s)
	return c, nil
}

func (o *options) certSource() (*cert.Source, error) {
	if o.Cert != "" {
		s, err := cert.Files(o.Cert, o.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate: %w", err)
		}
		return s, nil
	}
	dir := ""
	if !o.Memory {
		dir = filepath.Join(o.Data, "cert")
	}
	s, err := cert.Local(dir, o.Server.Hosts())
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return s, nil
}

func (c *certificates) source() *cert.Source { return c.now.Load() }

// config returns a TLS configuration that always shows the certificate of the
// source that is in place.
func (c *certificates) config(alpn ...string) *tls.Config {
	cfg := c.source().Config(alpn...)
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return c.source().GetCertificate(hello)
	}
	return cfg
}
