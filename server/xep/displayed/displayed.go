// Package displayed implements the server's part in XEP-0490 Message Displayed
// Synchronization, version 1.0.1: server assist, by which one message tells both
// the contact and one's other devices what has been displayed. The rest is PEP.
package displayed

import (
	"natter/server"
	"natter/stanza"
)

// ns is the name space of the element, and the node's name.
const ns = "urn:xmpp:mds:displayed:0"

type module struct{ host *server.Host }

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{h}
	return &server.Module{
		Name: "displayed", XEP: "0490 1.0.1", Summary: "what was read on one device is read on all",
		AccountFeatures: []string{"urn:xmpp:mds:server-assist:0"},
		Hooks:           []server.Hook{{Stage: server.FromAccount, Kinds: server.OnMessage, NS: ns, Run: m.assist}},
	}
}

// assist publishes what a message of the account's says was displayed, under the
// address that the message is to, and lets the message go on without it, before
// anything is done with it (§4.5, §5.2). The node is made private (package pep).
func (m *module) assist(p *server.Passage) server.Verdict {
	st, a := p.Stanza, p.Account
	stamp := stanza.Stamp{From: p.Origin.Attr, Lang: p.Origin.Lang, Declare: true}
	var said []byte
	for c := range st.All() {
		if string(st.Space(c)) == ns {
			stamp.Cut = append(stamp.Cut, c.Span())
			if said == nil && st.ChildIs(c, ns, "displayed") {
				said = st.DetachPayload(nil, c)
			}
		}
	}
	l := stanza.AfterLogin
	l.Bytes, l.Memory = max(l.Bytes, 2*len(st.Raw)), 2*max(l.Memory, len(st.Raw))
	rest, err := stanza.Parse(st.AppendTo(nil, &stamp), l)
	if err != nil {
		m.host.Server.Log.Error("message without what was displayed does not parse", "account", a.Bare, "err", err)
		return server.Pass
	}
	if to := st.ToString(); said != nil && to != "" && st.Type != stanza.TypeError {
		// A node that others may read is not written to (§7).
		err := m.host.PEP.Publish(p.Turn, a, server.NodePublication{
			Node: ns, Module: "displayed", Items: []server.NodeItem{{ID: to, Payload: said}}, Access: "whitelist",
		}, func(*server.Turn, error) {})
		if err != nil {
			// The message is worth more than that; the next one tells again.
			m.host.Server.Log.Debug("displayed state not published", "account", a.Bare, "err", err)
		}
	}
	m.host.Server.Route(p.Turn, p.Origin, rest)
	return server.Stop
}
