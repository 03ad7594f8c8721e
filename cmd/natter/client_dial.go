package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
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
