package publish

import (
	"natter/server"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/server/xep/pubsub"
	"natter/stanza"
)

const (
	nsCommands = "http://jabber.org/protocol/commands"
	getPending = pubsub.NS + "#get-pending"
)

// command carries out a step of the one command that there is (XEP-0060 §8.7): to be
// asked anew about who waits to subscribe. Nothing is kept between its steps, so the
// session's id says nothing but that they belong together.
func (m *module) command(q *server.IQ, s *pubsub.Service) error {
	node, _ := q.Stanza.ChildAttr(q.Payload, "node")
	if node != getPending {
		return stanza.ItemNotFound("there is no such command")
	}
	who, err := m.Ask(q.Turn, s, q.Origin.JID)
	if err != nil {
		return err
	}
	f, err := forms.In(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	id, _ := q.Stanza.ChildAttr(q.Payload, "sessionid")
	if id == "" {
		id = server.NewID()
	}
	action, _ := q.Stanza.ChildAttr(q.Payload, "action")
	attrs := []string{"xmlns", nsCommands, "node", node, "sessionid", id, "status"}
	switch {
	case action == "cancel" || f != nil && f.Type == "cancel":
		q.Reply(q.Turn, stanza.AppendEmpty(nil, "command", append(attrs, "canceled")...))
	case action != "" && action != "execute" && action != "complete" && action != "next":
		e := stanza.BadRequest("there is no such action")
		e.App = stanza.AppendEmpty(nil, "bad-action", "xmlns", nsCommands)
		return e
	case f == nil:
		b := stanza.AppendOpen(nil, "command", append(attrs, "executing")...)
		b = append(b, "<actions execute='complete'><complete/></actions>"...)
		b = s.PendingForm(who).AppendTo(b)
		q.Reply(q.Turn, stanza.AppendClose(b, "command"))
	default:
		if err := s.SendPending(who, q.Origin.JID, f.Get("pubsub#node")); err != nil {
			return err
		}
		q.Reply(q.Turn, stanza.AppendEmpty(nil, "command", append(attrs, "completed")...))
	}
	return nil
}

// commands answers disco about the list of commands and the command (XEP-0050 §2);
// nil for another node.
func (m *module) commands(node string, items bool) []byte {
	id := server.Identity{Category: "automation", Type: "command-list"}
	switch {
	case node == nsCommands && items:
		return stanza.AppendEmpty(nil, "item", "jid", m.jid.String(), "node", getPending, "name", pendingName)
	case node == getPending && items:
		return []byte{}
	case node == getPending:
		id.Type, id.Name = "command-node", pendingName
	case node != nsCommands:
		return nil
	}
	return disco.AppendInfo(nil, []server.Identity{id}, []string{nsCommands, forms.NS})
}

const pendingName = "Who waits to subscribe to your nodes"
