// Package adhoc implements XEP-0050 Ad-Hoc Commands, version 1.3.0: the commands
// that modules offer, at the server's address and at each account's own, for whom
// they are for.
package adhoc

import (
	"natter/server"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/stanza"
)

// NS is the namespace of commands, and the disco node that lists them.
const NS = "http://jabber.org/protocol/commands"

type module struct {
	host     *server.Host
	sessions sessions
}

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	return &server.Module{
		Name: "adhoc", XEP: "0050 1.3.0", Summary: "commands with forms, for users and administrators",
		Features: []string{NS}, AccountFeatures: []string{NS},
		IQ: []server.IQHandler{
			{Type: stanza.Set, NS: NS, Name: "command", To: server.AtHost | server.AtSelf, Handle: m.command},
			{Type: stanza.Set, NS: NS, Name: "command", To: server.AtAccount, Handle: func(*server.IQ) error {
				return stanza.Forbidden("an account's commands are for its owner")
			}},
		},
		Node: m.node,
	}
}

// place is where a request was sent.
func place(q *server.IQ) server.Address {
	switch {
	case q.Account == nil:
		return server.AtHost
	case q.Origin.JID.Bare() == q.Account.JID:
		return server.AtSelf
	}
	return server.AtAccount
}

// find returns the command of a node at a place. An administrator's own address
// has those of the server too.
func (m *module) find(node string, at server.Address, admin bool) *server.Command {
	for _, mod := range m.host.Modules {
		for i := range mod.Commands {
			if c := &mod.Commands[i]; c.Node == node && m.offers(c, at, admin) {
				return c
			}
		}
	}
	return nil
}

// may reports whether a command is for somebody.
func may(c *server.Command, who stanza.JID, admin bool) bool {
	return (!c.Admin || admin) && (c.For == nil || c.For(who))
}

func forbidden(c *server.Command) error {
	if c.Admin {
		return stanza.Forbidden("that command is for administrators")
	}
	return stanza.Forbidden("that command is not for you")
}

func (m *module) offers(c *server.Command, at server.Address, admin bool) bool {
	return c.To&at != 0 || c.Admin && admin && at == server.AtSelf
}

// node answers disco about the list of commands and about each of them (§2).
func (m *module) node(q *server.IQ, node string, items bool) ([]byte, error) {
	at, admin := place(q), m.host.Server.Admin(q.Origin.JID)
	if node == NS {
		if !items {
			return disco.AppendInfo(nil, []server.Identity{{Category: "automation", Type: "command-list"}}, []string{NS}), nil
		}
		b := []byte{}
		for _, mod := range m.host.Modules {
			for i := range mod.Commands {
				if c := &mod.Commands[i]; m.offers(c, at, admin) && may(c, q.Origin.JID, admin) {
					b = stanza.AppendEmpty(b, "item", "jid", q.To.String(), "node", c.Node, "name", c.Name)
				}
			}
		}
		return b, nil
	}
	c := m.find(node, at, admin)
	switch {
	case c == nil:
		return nil, nil
	case !may(c, q.Origin.JID, admin):
		return nil, forbidden(c) // §2.3
	case items:
		return []byte{}, nil
	}
	ids := []server.Identity{{Category: "automation", Type: "command-node", Name: c.Name}}
	return disco.AppendInfo(nil, ids, []string{NS, forms.NS}), nil
}

// command carries out a step (§2.4, §2.5).
func (m *module) command(q *server.IQ) error {
	node, _ := q.Stanza.ChildAttr(q.Payload, "node")
	id, _ := q.Stanza.ChildAttr(q.Payload, "sessionid")
	action, _ := q.Stanza.ChildAttr(q.Payload, "action")
	admin := m.host.Server.Admin(q.Origin.JID)
	c := m.find(node, place(q), admin)
	switch {
	case c == nil:
		return stanza.ItemNotFound("there is no such command")
	case !may(c, q.Origin.JID, admin):
		return forbidden(c)
	}
	if id != "" && !m.sessions.has(id, q.Origin.JID, node) {
		return refuse("bad-sessionid", stanza.BadRequest("that session is over, or somebody else's; begin anew"))
	}
	call := &server.CommandCall{IQ: q}
	if call.Submitted, call.Filled = q.Stanza.Find(q.Payload, forms.NS, "x"); call.Filled {
		if f, err := forms.Parse(q.Stanza, call.Submitted); err != nil {
			return err
		} else if f.Type == "cancel" && action == "" {
			action = "cancel"
		}
	}
	switch action {
	case "cancel":
		if id == "" {
			return refuse("bad-sessionid", stanza.BadRequest("there is nothing to cancel"))
		}
		m.sessions.end(id)
		q.Reply(q.Turn, open(node, id, "canceled", true))
		return nil
	case "", "execute", "complete", "next":
	case "prev":
		return refuse("bad-action", stanza.BadRequest("there is no step before"))
	default:
		return refuse("malformed-action", stanza.BadRequest("there is no action "+action))
	}
	if id == "" && c.Form != nil && !call.Filled {
		return m.ask(call, c)
	}
	if c.Form != nil && !call.Filled {
		return refuse("bad-payload", stanza.BadRequest("the form is to be filled in"))
	}
	r, err := c.Run(call)
	if err != nil {
		return err
	}
	if id == "" {
		id = server.NewID()
	}
	m.sessions.end(id)
	b := open(node, id, "completed", false)
	if r.Note != "" {
		typ := "info"
		if r.Fail {
			typ = "error"
		}
		b = stanza.AppendElement(b, "note", r.Note, "type", typ)
	}
	b = append(b, r.Form...)
	q.Reply(q.Turn, stanza.AppendClose(b, "command"))
	if r.Then != nil {
		r.Then(q.Turn)
	}
	return nil
}

// ask answers with the form of a command.
func (m *module) ask(call *server.CommandCall, c *server.Command) error {
	form, err := c.Form(call)
	if err != nil {
		return err
	}
	id, err := m.sessions.begin(call.Origin.JID, c.Node)
	if err != nil {
		return err
	}
	b := open(c.Node, id, "executing", false)
	b = append(b, "<actions execute='complete'><complete/></actions>"...)
	b = append(b, form...)
	call.Reply(call.Turn, stanza.AppendClose(b, "command"))
	return nil
}

func open(node, id, status string, empty bool) []byte {
	attrs := []string{"xmlns", NS, "node", node, "sessionid", id, "status", status}
	if empty {
		return stanza.AppendEmpty(nil, "command", attrs...)
	}
	return stanza.AppendOpen(nil, "command", attrs...)
}

// refuse adds the condition of §4.4 to an error.
func refuse(condition string, e *stanza.Error) error {
	e.App = stanza.AppendEmpty(nil, condition, "xmlns", NS)
	return e
}
