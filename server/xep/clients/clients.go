// Package clients implements XEP-0494 Client Access Management, version 0.1.0: an
// account's owner sees which clients have access to it, and takes it from them.
//
// A client is known by the id of its user agent (XEP-0388); sessions that came without
// one stand for themselves. Every client has the whole of the account: there are no
// grants here.
package clients

import (
	"errors"
	"strconv"
	"time"

	"natter/server"
	"natter/stanza"
)

const ns = "urn:xmpp:cam:0"

// New makes the module.
func New(*server.Host) *server.Module {
	return &server.Module{
		Name: "clients", XEP: "0494 0.1.0", Summary: "which devices have access to one's account, and an end to that",
		AccountFeatures: []string{ns},
		IQ: []server.IQHandler{
			{Type: stanza.Get, NS: ns, Name: "list", To: server.AtSelf, Handle: list},
			{Type: stanza.Set, NS: ns, Name: "revoke", To: server.AtSelf, Handle: revoke},
			{NS: ns, Name: "list", To: server.AtHost | server.AtAccount, Handle: notYours},
			{NS: ns, Name: "revoke", To: server.AtHost | server.AtAccount, Handle: notYours},
		},
	}
}

// notYours is what strangers hear, whoever they ask about (§5).
func notYours(*server.IQ) error {
	return stanza.Forbidden("an account's clients are its owner's business: send this without a 'to'")
}

// one is a row of the list.
type one struct {
	server.Client
	connected bool
}

// all returns the account's clients: those that are remembered, and the sessions of
// those that said nothing of themselves.
func all(q *server.IQ) ([]one, error) {
	a := q.Account
	known, err := a.Host.Clients(q.Turn, a.Local)
	if err != nil {
		return nil, err
	}
	sessions := a.Snapshot()
	connected := make(map[string]bool, len(sessions))
	for _, s := range sessions {
		connected[s.Client] = true
	}
	var rows []one
	for _, c := range known {
		rows = append(rows, one{c, connected[c.ID]})
	}
	now := time.Now()
	for _, s := range sessions {
		if s.Client == "" { // only the password lets such a client in
			rows = append(rows, one{server.Client{ID: s.ID, First: s.Since, Last: now, Password: true}, true})
		}
	}
	return rows, nil
}

// list answers with the clients (§4.1).
func list(q *server.IQ) error {
	rows, err := all(q)
	if err != nil {
		return err
	}
	b := stanza.AppendOpen(nil, "clients", "xmlns", ns)
	for _, c := range rows {
		if c.connected {
			c.Last = time.Now()
		}
		b = c.appendTo(b)
	}
	q.Reply(q.Turn, stanza.AppendClose(b, "clients"))
	return nil
}

func (c *one) appendTo(b []byte) []byte {
	b = stanza.AppendOpen(b, "client", "connected", strconv.FormatBool(c.connected), "id", c.ID, "type", "session")
	b = stanza.AppendElement(b, "first-seen", c.First.UTC().Format(time.RFC3339))
	b = stanza.AppendElement(b, "last-seen", c.Last.UTC().Format(time.RFC3339))
	b = append(b, "<auth>"...)
	if c.Password {
		b = append(b, "<password/>"...)
	}
	if c.Fast {
		b = append(b, "<fast/>"...)
	}
	b = append(b, "</auth><permission status='unrestricted'/><user-agent>"...)
	if c.Software != "" {
		b = stanza.AppendElement(b, "software", c.Software)
	}
	if c.Device != "" {
		b = stanza.AppendElement(b, "device", c.Device)
	}
	return append(b, "</user-agent></client>"...)
}

// revoke takes a client's access away (§4.2): its tokens are void and its sessions
// end. The answer goes out before that, as the client may be the one that asks.
func revoke(q *server.IQ) error {
	id, ok := q.Stanza.ChildAttr(q.Payload, "id")
	if !ok || id == "" {
		return stanza.BadRequest("which client? Give the id that the list has")
	}
	a := q.Account
	for _, s := range a.Snapshot() {
		if s.ID == id && s.Client == "" {
			return passwordNeeded()
		}
	}
	k := q.Keep()
	err := a.Host.Revoke(q.Turn, a.Local, id, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, nil)
	})
	switch {
	case errors.Is(err, server.ErrUnknown):
		return stanza.ItemNotFound("there is no such client")
	case errors.Is(err, server.ErrKnowsPassword):
		return passwordNeeded()
	case err != nil:
		return err
	}
	return server.Pending
}

// passwordNeeded refuses what would not help (§4.2).
func passwordNeeded() error {
	e := stanza.ServiceUnavailable("the client knows the password: change that first")
	e.App = []byte("<password-reset-required xmlns='" + ns + "'/>")
	return e
}
