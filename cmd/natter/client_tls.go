package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/net/idna"
)

// secure does the TLS handshake over conn. The certificate has to be for the
// address's domain, wherever the server was found (RFC 6120 §13.7.2.1).
func (a *account) secure(ctx context.Context, conn net.Conn, direct bool) (*streamConn, error) {
	domain := a.jid.Domainpart()
	name, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		name = strings.Trim(domain, "[]")
	}
	config := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, InsecureSkipVerify: a.insecure}
	if direct {
		config.NextProtos = []string{"xmpp-client"} // XEP-0368 §3
	}
	if config.RootCAs, err = a.trust(); err != nil {
		return nil, err
	}
	t := tls.Client(conn, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, fail(exitConnect, tlsHint(err, domain), "securing the connection to %s: %w", domain, tlsCause(err))
	}
	return newStreamConn(t), nil
}

// trust returns the authorities that may vouch for the server: those in --ca if
// given, else the system's and that of a natter server on this machine. Nil
// stands for the system's.
func (a *account) trust() (*x509.CertPool, error) {
	if a.ca != "" {
		pem, err := os.ReadFile(a.ca)
		if err != nil {
			return nil, fail(exitUsage, "", "reading the certificate authorities (--ca): %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fail(exitUsage, "It has to hold CERTIFICATE blocks in PEM.", "--ca: no certificate in %s", a.ca)
		}
		return pool, nil
	}
	dir := defaultDataDir()
	if dir == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(filepath.Join(dir, "cert", "ca.pem"))
	if err != nil {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(pem)
	return pool, nil
}

// webTLS returns what HTTPS of the account's server is checked with.
func (a *account) webTLS() (*tls.Config, error) {
	roots, err := a.trust()
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: a.insecure}, err
}

// tlsHint says what to do about a failed handshake.
func tlsHint(err error, domain string) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "Trust the authority that signed it with --ca FILE (a natter server keeps its own in its data\n" +
			"directory as cert/ca.pem), or go on unchecked with --insecure."
	case errors.As(err, &name):
		return "The server's certificate is for somebody else. Check that " + domain + " really lives there."
	case errors.As(err, &plain):
		return "No TLS is spoken on that port: try --tls starttls."
	}
	return ""
}

// tlsCause shortens what the handshake says about a certificate.
func tlsCause(err error) error {
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return errors.New("its certificate is signed by nobody known here")
	case errors.As(err, &verification):
		return verification.Err
	}
	return err
}
