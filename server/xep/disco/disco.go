// Package disco implements XEP-0030 Service Discovery, version 2.5.0, for the
// host and for each account's bare JID, and the server's side of XEP-0115 Entity
// Capabilities, version 1.6.0: the <c/> in the stream features and the answer to
// its node.
//
// What is announced derives from the modules, so nothing is announced that no
// module serves.
package disco

import (
	"sync"

	"natter/server"
	"natter/stanza"
)

// Namespaces of XEP-0030 and XEP-0115.
const (
	NSInfo  = "http://jabber.org/protocol/disco#info"
	NSItems = "http://jabber.org/protocol/disco#items"
	NSCaps  = "http://jabber.org/protocol/caps"
)

// node is the name of the software in the capabilities (XEP-0115 §4).
const node = "urn:natter:server"

type module struct {
	host *server.Host
	once sync.Once
	info []byte // identities and features of the host
	ver  string // verification string of XEP-0115 §5.1
}

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	return &server.Module{
		Name: "disco", XEP: "0030 2.5.0, 0115 1.6.0", Summary: "what the server and its accounts are and can do",
		Features:          []string{NSInfo, NSItems},
		AccountFeatures:   []string{NSInfo, NSItems},
		StreamFeatureFunc: m.caps,
		IQ: []server.IQHandler{
			{Type: stanza.Get, NS: NSInfo, Name: "query", To: server.AtHost, Handle: m.hostInfo},
			{Type: stanza.Get, NS: NSItems, Name: "query", To: server.AtHost, Handle: m.hostItems},
			{Type: stanza.Get, NS: NSInfo, Name: "query", To: server.AtSelf | server.AtAccount, Handle: m.accountInfo},
			{Type: stanza.Get, NS: NSItems, Name: "query", To: server.AtSelf | server.AtAccount, Handle: m.accountItems},
		},
	}
}

// prepare makes what never changes while the server runs.
func (m *module) prepare() {
	m.once.Do(func() {
		ids := []server.Identity{{Category: "server", Type: "im", Name: "natter"}}
		var xs [][]byte
		for _, mod := range m.host.Modules {
			ids = append(ids, mod.Identities...)
			if mod.Forms != nil {
				xs = append(xs, mod.Forms()...)
			}
		}
		features := m.host.Features(false)
		m.ver = Verification(ids, features, xs)
		m.info = AppendInfo(nil, ids, features, xs...)
	})
}

// caps is the stream feature (XEP-0115 §6.3).
func (m *module) caps(authenticated bool) string {
	if !authenticated {
		return ""
	}
	m.prepare()
	return "<c xmlns='" + NSCaps + "' hash='sha-1' node='" + node + "' ver='" + m.ver + "'/>"
}

func (m *module) hostInfo(q *server.IQ) error {
	m.prepare()
	n, _ := q.Stanza.ChildAttr(q.Payload, "node")
	if n != "" && n != node+"#"+m.ver {
		return m.node(q, NSInfo, n)
	}
	q.Reply(q.Turn, Query(NSInfo, n, m.info))
	return nil
}

func (m *module) hostItems(q *server.IQ) error {
	n, _ := q.Stanza.ChildAttr(q.Payload, "node")
	var b []byte
	known := n == ""
	for _, mod := range m.host.Modules {
		for _, i := range mod.Items {
			if i.Parent != n {
				continue
			}
			known = true
			b = stanza.AppendEmpty(b, "item", "jid", i.JID, "node", i.Node, "name", i.Name)
		}
	}
	if !known {
		return m.node(q, NSItems, n)
	}
	q.Reply(q.Turn, Query(NSItems, n, b))
	return nil
}

// accountInfo describes an account to those who may see it: its owner and the
// contacts that are subscribed to its presence (XEP-0030 §8). To others it does
// not exist, but for nodes that are for everybody.
func (m *module) accountInfo(q *server.IQ) error {
	n, _ := q.Stanza.ChildAttr(q.Payload, "node")
	switch {
	case n != "":
		return m.node(q, NSInfo, n)
	case !q.Account.SeenBy(q.Origin.JID):
		return stanza.ServiceUnavailable("")
	}
	ids := []server.Identity{{Category: "account", Type: "registered"}}
	if m.host.Anonymous {
		ids[0].Type = "anonymous" // XEP-0175 §5
	}
	for _, mod := range m.host.Modules {
		ids = append(ids, mod.AccountIdentities...)
	}
	q.Reply(q.Turn, Query(NSInfo, "", AppendInfo(nil, ids, m.host.Features(true))))
	return nil
}

// node answers about a node of the host or of an account, which some module knows. A
// stranger to the account hears of nodes that an account has for all, and of others
// what it would if there were no account.
func (m *module) node(q *server.IQ, ns, node string) error {
	stranger := q.Account != nil && !q.Account.SeenBy(q.Origin.JID)
	for _, mod := range m.host.Modules {
		if mod.Node == nil || stranger && mod.AccountItems == nil {
			continue
		}
		b, err := mod.Node(q, node, ns == NSItems)
		if err != nil {
			return err
		}
		if b != nil {
			q.Reply(q.Turn, Query(ns, node, b))
			return nil
		}
	}
	if stranger {
		return stanza.ServiceUnavailable("")
	}
	return stanza.ItemNotFound("there is no such node")
}

// accountItems lists what modules keep with an account. Available resources
// (XEP-0030 §4.2 leaves it open) are not listed: presence tells those who may know.
// Strangers see what is for everybody, which they could read anyway (XEP-0163 §6.2).
func (m *module) accountItems(q *server.IQ) error {
	if n, _ := q.Stanza.ChildAttr(q.Payload, "node"); n != "" {
		return m.node(q, NSItems, n)
	}
	var b []byte
	for _, mod := range m.host.Modules {
		if mod.AccountItems == nil {
			continue
		}
		var err error
		if b, err = mod.AccountItems(q.Turn, q.Account, q.Origin.JID, b); err != nil {
			return err
		}
	}
	if len(b) == 0 && !q.Account.SeenBy(q.Origin.JID) {
		return stanza.ServiceUnavailable("")
	}
	q.Reply(q.Turn, Query(NSItems, "", b))
	return nil
}
