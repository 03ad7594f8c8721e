// Package xtime implements XEP-0202 Entity Time, version 2.0, for the host, in
// the formats of XEP-0082, version 1.1.1.
package xtime

import (
	"time"

	"natter/server"
	"natter/stanza"

	"mellium.im/xmpp/xtime"
)

// New makes the module.
func New(*server.Host) *server.Module {
	return &server.Module{
		Name: "time", XEP: "0202 2.0, 0082 1.1.1", Summary: "what time it is where the server is",
		Features: []string{xtime.NS},
		IQ: []server.IQHandler{{
			Type: stanza.Get, NS: xtime.NS, Name: "time", To: server.AtHost,
			Handle: func(q *server.IQ) error {
				// Milliseconds: some clients do not read more digits.
				now := xtime.Time{Time: time.Now().Truncate(time.Millisecond)}
				return q.ReplyTokens(q.Turn, now.TokenReader())
			},
		}},
	}
}
