// Package stanza turns bytes into XMPP stanzas and stanzas into bytes, without
// ever decoding them into a tree.
//
// It implements the parts of RFC 6120 that deal with XML: stream headers and
// the namespaces of a stream (§4.7, §4.8), stream errors (§4.9), stanzas and
// stanza errors (§8) and the restrictions of XMPP's XML (§11), on top of
// XML 1.0 and Namespaces in XML 1.0; and addresses as of RFC 7622.
//
// The Scanner is the gatekeeper at every entrance: it checks each byte, rejects
// what is not allowed and repairs nothing, so that what it lets through can't
// end the stream of the one it is sent to. It works in place and resumes where
// the input ended. What it hands out is a Stanza: the raw bytes, and where in
// them things are. AppendTo writes a stanza for another stream with a new start
// tag and the other bytes as they came; Detach cuts out an element so that it
// stands alone. Neither decodes anything, so signatures and encrypted payloads
// survive.
//
// Nothing in this package locks. A Scanner and the stanza it hands out belong
// to one goroutine; a Stanza from Parse or Clone may be read by many at once.
package stanza

// Namespaces that the core protocols know by name.
const (
	NSStream      = "http://etherx.jabber.org/streams"
	NSClient      = "jabber:client"
	NSServer      = "jabber:server"
	NSComponent   = "jabber:component:accept"
	NSXML         = "http://www.w3.org/XML/1998/namespace"
	NSXMLNS       = "http://www.w3.org/2000/xmlns/"
	NSStreamError = "urn:ietf:params:xml:ns:xmpp-streams"
	NSStanzaError = "urn:ietf:params:xml:ns:xmpp-stanzas"
)

// isContent reports whether ns is one of the content namespaces, whose message,
// presence and iq elements are stanzas (RFC 6120 §4.8.3; XEP-0114 for
// components).
func isContent(ns []byte) bool {
	switch string(ns) {
	case NSClient, NSServer, NSComponent:
		return true
	}
	return false
}
