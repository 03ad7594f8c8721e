package auth

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
)

// The channel-binding types this server knows, as registered with IANA.
const (
	tlsExporter       = "tls-exporter"         // RFC 9266
	tlsServerEndPoint = "tls-server-end-point" // RFC 5929 §4
	tlsUnique         = "tls-unique"           // RFC 5929 §3
)

// Channel is what an exchange runs over. The zero value is a connection in the
// clear from nowhere, over which nothing is offered.
type Channel struct {
	// Secure says that mechanisms which don't show the password may be used:
	// under TLS, behind a trusted proxy, or from loopback where policy allows it.
	Secure bool
	// TLS is the state of our own TLS connection, nil without one.
	TLS *tls.ConnectionState
	// Leaf is the certificate we showed on this very connection, nil when it
	// isn't known; without it tls-server-end-point is not offered.
	Leaf *x509.Certificate
	// Proxied says that TLS ends at a trusted proxy: as confidential as TLS
	// (so PLAIN will do), but there is nothing to bind to.
	Proxied bool
	// Addr is the peer's address for the throttle; the zero Addr (a pipe) has none.
	Addr netip.Addr
	// From is the bare JID that the stream's 'from' names; an authorization identity
	// has to be the same (XEP-0388 §6.4). Empty without one, and for RFC 6120's SASL.
	From string
}

func (ch *Channel) secure() bool { return ch.Secure || ch.confidential() }

func (ch *Channel) confidential() bool { return ch.TLS != nil || ch.Proxied }

// bindingOrder is how the types are announced, strongest first.
var bindingOrder = []string{tlsExporter, tlsUnique, tlsServerEndPoint}

// bindingTypes lists the types for which this connection has data.
func (ch *Channel) bindingTypes() []string {
	var types []string
	for _, t := range bindingOrder {
		if ch.binding(t) != nil {
			types = append(types, t)
		}
	}
	return types
}

// bindable reports that the connection has a binding of some type.
func (ch *Channel) bindable() bool {
	return ch.endPoint() != nil || ch.exporter() != nil
}

// binding returns the channel-binding data of a type, nil where this connection
// has none.
//
// Exporter and tls-unique are good only where the master secret covers the
// handshake: TLS 1.3, or 1.2 with RFC 7627's extension, which is when the
// exporter is to be had (RFC 9266 §3). TLS 1.3 has no tls-unique (RFC 8446 §C.5).
func (ch *Channel) binding(kind string) []byte {
	switch kind {
	case tlsExporter:
		return ch.exporter()
	case tlsUnique:
		if ch.exporter() == nil || ch.TLS.Version != tls.VersionTLS12 || len(ch.TLS.TLSUnique) == 0 {
			return nil
		}
		return ch.TLS.TLSUnique
	case tlsServerEndPoint:
		return ch.endPoint()
	}
	return nil
}

// exporter derives the data of RFC 9266 §2.
func (ch *Channel) exporter() []byte {
	if ch.TLS == nil || !ch.TLS.HandshakeComplete {
		return nil
	}
	b, err := ch.TLS.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil
	}
	return b
}

// endPoint hashes our certificate as RFC 5929 §4.1 says: with the hash of its
// signature, SHA-256 instead of MD5 and SHA-1; undefined for signatures
// with no single hash such as Ed25519.
func (ch *Channel) endPoint() []byte {
	if ch.TLS == nil || !ch.TLS.HandshakeComplete || ch.Leaf == nil {
		return nil
	}
	var h crypto.Hash
	switch ch.Leaf.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256:
		h = crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		h = crypto.SHA512
	default:
		return nil
	}
	w := h.New()
	w.Write(ch.Leaf.Raw)
	return w.Sum(nil)
}
