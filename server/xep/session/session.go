// Package session answers the session request of RFC 3921 §3, which RFC 6121
// made superfluous and older clients still send: it is announced as optional and
// does nothing.
package session

import (
	"natter/server"
	"natter/stanza"
)

const ns = "urn:ietf:params:xml:ns:xmpp-session"

// New makes the module.
func New(*server.Host) *server.Module {
	return &server.Module{
		Name: "session", Summary: "the session request of older clients (RFC 3921)",
		StreamFeatures: []string{"<session xmlns='" + ns + "'><optional/></session>"},
		IQ: []server.IQHandler{{
			Type: stanza.Set, NS: ns, Name: "session", To: server.AtHost | server.AtSelf,
			Handle: func(q *server.IQ) error {
				q.Reply(q.Turn, nil)
				return nil
			},
		}},
	}
}
