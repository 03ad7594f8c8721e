package main

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"io"
	"strings"

	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
)

const nsBind = "urn:ietf:params:xml:ns:xmpp-bind"

// newResource returns a resource of which nobody has the like: two natters of
// one account must not throw each other out (RFC 6120 §7.7.2.2).
func newResource() string {
	return "natter-" + strings.ToLower(rand.Text()[:6])
}

// newID returns an id for a stanza, unguessable so that no answer to it can be
// forged.
func newID() string { return rand.Text()[:16] }

// bindOrResume is the stream feature that ends the negotiation: it takes up the
// session that m left if server and m allow it (XEP-0198 §5), else binds the
// resource (RFC 6120 §7). It replaces mellium's BindResource, which asks for the
// empty resource whatever it is given, so that the server always chooses.
func bindOrResume(resource string, m *management) xmpp.StreamFeature {
	bind := xmpp.BindResource()
	bind.Negotiate = func(_ context.Context, session *xmpp.Session, _ any) (xmpp.SessionState, io.ReadWriter, error) {
		if _, offered := session.Feature(nsSM); offered && m.canResume() {
			resumed, err := m.resume(session)
			if err != nil {
				return 0, nil, err
			}
			if resumed {
				return xmpp.Ready, nil, nil
			}
		}
		m.drop()
		request := el(nsClient, "iq", "type", "set", "id", newID()).with(
			el(nsBind, "bind").with(el("", "resource").text(resource)))
		answer, err := exchange(session, request)
		if err != nil {
			return 0, nil, err
		}
		if answer.attr("type") != "result" {
			return 0, nil, fail(exitRefused, "Say another --resource.", "taking the resource %q: %w", resource, errorOf(answer))
		}
		bound, err := jid.Parse(answer.child(nsBind, "bind").childText(nsBind, "jid"))
		if err != nil {
			return 0, nil, fail(exitConnect, "", "taking the resource %q: the server answered without an address", resource)
		}
		session.UpdateAddr(bound)
		return xmpp.Ready, nil, nil
	}
	return bind
}

// exchange sends one element during the negotiation and reads the next one.
func exchange(session *xmpp.Session, request node) (*node, error) {
	w := session.TokenWriter()
	_, err := xmlstream.Copy(w, request.TokenReader())
	if closing := w.Close(); err == nil { // flushes
		err = closing
	}
	if err != nil {
		return nil, err
	}
	r := session.TokenReader()
	defer r.Close()
	for {
		tok, err := r.Token()
		if err != nil {
			return nil, err
		}
		if start, ok := tok.(xml.StartElement); ok {
			answer, err := readNode(r, start)
			return &answer, err
		}
	}
}
