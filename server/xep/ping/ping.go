// Package ping implements XEP-0199 XMPP Ping, version 2.0.1: the server answers
// for itself and for its accounts. Its own pings to quiet clients are the
// heartbeat of server/c2s.
package ping

import (
	"natter/server"
	"natter/stanza"

	"mellium.im/xmpp/ping"
)

// New makes the module.
func New(*server.Host) *server.Module {
	pong := server.Mux(ping.Handle())
	return &server.Module{
		Name: "ping", XEP: "0199 2.0.1", Summary: "is anybody there? answered by the server",
		Features: []string{ping.NS}, AccountFeatures: []string{ping.NS},
		IQ: []server.IQHandler{{
			Type: stanza.Get, NS: ping.NS, Name: "ping", To: server.AtHost | server.AtSelf | server.AtAccount,
			Handle: func(q *server.IQ) error {
				if q.Account != nil && !q.Account.SeenBy(q.Origin.JID) {
					return stanza.ServiceUnavailable("") // as if nobody were there (§7)
				}
				return pong(q)
			},
		}},
	}
}
