package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/idna"
)

// tlsMode is how a connection becomes encrypted.
type tlsMode int

const (
	tlsAuto   tlsMode = iota // what fits the port, or what DNS says
	tlsStart                 // STARTTLS, RFC 6120 §5
	tlsDirect                // TLS from the first byte, XEP-0368
	tlsNone                  // never; passwords are still not sent readable
)

func parseTLSMode(s string) (tlsMode, error) {
	switch s {
	case "", "auto":
		return tlsAuto, nil
	case "starttls":
		return tlsStart, nil
	case "direct":
		return tlsDirect, nil
	case "none":
		return tlsNone, nil
	}
	return tlsAuto, fmt.Errorf("%q is none of starttls, direct and none", s)
}

// endpoint is one place where the server may be reached.
type endpoint struct {
	address string // HOST:PORT
	mode    tlsMode
}

// lookupSRV has the shape of net.Resolver.LookupSRV.
type lookupSRV func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)

// endpoints returns where to try to connect, best first. A server named
// explicitly is the only one; localhost and addresses in numbers need no
// lookup; other domains are looked up as RFC 6120 §3.2 and XEP-0368 §2 have it,
// with the domain itself as the fallback.
func (a *account) endpoints(ctx context.Context, lookup lookupSRV) ([]endpoint, error) {
	domain := a.jid.Domainpart()
	switch {
	case a.server != "":
		return a.explicitEndpoint()
	case domain == "localhost" || strings.HasSuffix(domain, ".localhost"):
		return []endpoint{a.defaultEndpoint("127.0.0.1")}, nil
	case net.ParseIP(strings.Trim(domain, "[]")) != nil:
		return []endpoint{a.defaultEndpoint(strings.Trim(domain, "[]"))}, nil
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return nil, fail(exitUsage, "", "%q is not a domain: %w", domain, err)
	}
	type answer struct {
		records []*net.SRV
		err     error
	}
	ask := func(service string) chan answer {
		c := make(chan answer, 1)
		go func() {
			_, records, err := lookup(ctx, service, "tcp", ascii)
			c <- answer{records, err}
		}()
		return c
	}
	direct, start := ask("xmpps-client"), ask("xmpp-client")
	d, s := <-direct, <-start
	if a.tls == tlsStart || a.tls == tlsNone {
		d.records = nil
	}
	if a.tls == tlsDirect {
		s.records = nil
	}
	found := mergeSRV(d.records, s.records)
	if a.tls == tlsNone {
		for i := range found {
			found[i].mode = tlsNone
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case len(d.records)+len(s.records) > 0: // a target of "." says: not offered
		return nil, fail(exitConnect, "Say --server HOST:PORT if you know better.", "%s says in DNS that it offers no chat service", domain)
	}
	return []endpoint{a.defaultEndpoint(ascii)}, nil
}

// explicitEndpoint is the one of --server.
func (a *account) explicitEndpoint() ([]endpoint, error) {
	host, port, err := net.SplitHostPort(a.server)
	if err != nil {
		host, port = strings.Trim(a.server, "[]"), ""
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) || host == "" {
		return nil, fail(exitUsage, "It looks like chat.example.org:5222.", "--server: %q is not HOST:PORT", a.server)
	}
	e := a.defaultEndpoint(host)
	if port != "" {
		e.address = net.JoinHostPort(host, port)
		if a.tls == tlsAuto && (port == "5223" || port == "443") {
			e.mode = tlsDirect
		}
	}
	return []endpoint{e}, nil
}

// defaultEndpoint is the registered port for the mode.
func (a *account) defaultEndpoint(host string) endpoint {
	if a.tls == tlsDirect {
		return endpoint{net.JoinHostPort(host, "5223"), tlsDirect}
	}
	mode := a.tls
	if mode == tlsAuto {
		mode = tlsStart
	}
	return endpoint{net.JoinHostPort(host, "5222"), mode}
}

// mergeSRV puts the records of both services into one list by priority, direct
// TLS first where they are equal, and drops those that say "not offered".
// Within a priority the order of the lookup, which obeys the weights, stays.
func mergeSRV(direct, start []*net.SRV) []endpoint {
	type candidate struct {
		endpoint
		priority uint16
	}
	var all []candidate
	add := func(records []*net.SRV, mode tlsMode) {
		for _, r := range records {
			if target := strings.TrimSuffix(r.Target, "."); target != "" {
				address := net.JoinHostPort(target, strconv.Itoa(int(r.Port)))
				all = append(all, candidate{endpoint{address, mode}, r.Priority})
			}
		}
	}
	add(direct, tlsDirect)
	add(start, tlsStart)
	slices.SortStableFunc(all, func(a, b candidate) int { return int(a.priority) - int(b.priority) })
	found := make([]endpoint, len(all))
	for i, c := range all {
		found[i] = c.endpoint
	}
	return found
}

// connect opens a connection to the first endpoint that answers. For direct TLS
// the handshake is done. A certificate that does not check out ends the search:
// trying elsewhere would hide it.
func (a *account) connect(ctx context.Context) (*streamConn, endpoint, error) {
	places, err := a.endpoints(ctx, net.DefaultResolver.LookupSRV)
	if err != nil {
		return nil, endpoint{}, err
	}
	var first error
	for _, e := range places {
		dialer := net.Dialer{Timeout: 10 * time.Second}
		tcp, err := dialer.DialContext(ctx, "tcp", e.address)
		if err != nil {
			if first == nil {
				first = fail(exitConnect, connectHint(err, e.address), "connecting to %s: %w", e.address, cause(err))
			}
			continue
		}
		if e.mode != tlsDirect {
			return newStreamConn(tcp), e, nil
		}
		conn, err := a.secure(ctx, tcp, true)
		if err == nil {
			return conn, e, nil
		}
		tcp.Close()
		var certificate *tls.CertificateVerificationError
		if first == nil || errors.As(err, &certificate) {
			first = err
		}
		if errors.As(err, &certificate) {
			break
		}
	}
	return nil, endpoint{}, first
}

// connectHint says what to do about a connection that was not made.
func connectHint(err error, address string) string {
	host, _, _ := net.SplitHostPort(address)
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) && isLoopback(host):
		return "Is the server running? Start one with: natter serve"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "No chat server listens there. Say --server HOST:PORT if it is somewhere else."
	case errors.As(err, &dns):
		return "Check the domain in the address, or say --server HOST:PORT."
	}
	return ""
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// cause strips the address off a network error whose text has it twice.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		var call *os.SyscallError
		if errors.As(op.Err, &call) {
			return call.Err
		}
		return op.Err
	}
	return err
}

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

// streamConn is a connection as the XML layer needs it: it reads byte by byte
// from a buffer of its own, so that a decoder stops exactly where an element
// ends, and it can keep a copy of the bytes read.
type streamConn struct {
	net.Conn
	buffered *bufio.Reader
	// record, when set, collects every byte handed out.
	record func(byte)
	// left is how many bytes may be handed out before renew is due.
	left int
}

// maxElement is the most bytes one element from the server may have. The
// server's own limit is far lower.
const maxElement = 16 << 20

var errTooBig = errors.New("the server sent more than 16 MiB in one piece")

func newStreamConn(conn net.Conn) *streamConn {
	return &streamConn{Conn: conn, buffered: bufio.NewReader(conn), left: maxElement}
}

// renew grants another maxElement bytes.
func (c *streamConn) renew() { c.left = maxElement }

// ReadByte implements io.ByteReader, which is what makes an xml.Decoder read no
// further than it has to.
func (c *streamConn) ReadByte() (byte, error) {
	if c.left--; c.left < 0 {
		return 0, errTooBig
	}
	b, err := c.buffered.ReadByte()
	if err == nil && c.record != nil {
		c.record(b)
	}
	return b, err
}

// Read implements io.Reader, for the TLS handshake of STARTTLS.
func (c *streamConn) Read(p []byte) (int, error) { return c.buffered.Read(p) }

// ConnectionState returns the TLS state, the zero value without TLS.
func (c *streamConn) ConnectionState() tls.ConnectionState {
	if t, ok := c.Conn.(*tls.Conn); ok {
		return t.ConnectionState()
	}
	return tls.ConnectionState{}
}

var _ io.ByteReader = (*streamConn)(nil)
