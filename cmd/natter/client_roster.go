package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"mellium.im/xmpp/jid"
)

// contact is a roster item (RFC 6121 §2.1.2). mellium's own lacks ask and
// approved.
type contact struct {
	jid          jid.JID  // bare, as a rule
	name         string   // "" when the user gave none
	subscription string   // none, to, from or both; remove in a push
	ask          bool     // a request to see their presence is open
	approved     bool     // they may see ours as soon as they ask
	groups       []string // sorted
}

// readContact takes a roster item apart; ok is false when it has no address.
func readContact(item *node) (contact, bool) {
	j, err := jid.Parse(item.attr("jid"))
	if err != nil {
		return contact{}, false
	}
	c := contact{
		jid:          j,
		name:         oneLine(item.attr("name")),
		subscription: cmp.Or(item.attr("subscription"), "none"),
		ask:          item.attr("ask") == "subscribe",
		approved:     item.attr("approved") == "true" || item.attr("approved") == "1",
	}
	for _, g := range item.all(nsRoster, "group") {
		c.groups = append(c.groups, oneLine(g.Text))
	}
	slices.Sort(c.groups)
	return c, true
}

// rosterItems reads the items of a roster result or push.
func rosterItems(iq *node) []contact {
	var contacts []contact
	for _, item := range iq.child(nsRoster, "query").all(nsRoster, "item") {
		if c, ok := readContact(item); ok {
			contacts = append(contacts, c)
		}
	}
	return contacts
}

// roster asks the server for the contact list, sorted by address.
func (c *client) roster(ctx context.Context) ([]contact, error) {
	answer, err := c.iq(ctx, el(nsClient, "iq", "type", "get").with(el(nsRoster, "query")))
	if err != nil {
		return nil, err
	}
	contacts := rosterItems(answer)
	slices.SortFunc(contacts, func(a, b contact) int { return strings.Compare(a.jid.String(), b.jid.String()) })
	return contacts, nil
}

// setContact adds a contact or changes its name and groups (RFC 6121 §2.3).
func (c *client) setContact(ctx context.Context, j jid.JID, name string, groups []string) error {
	item := el("", "item", "jid", j.String(), "name", name)
	for _, g := range groups {
		item = item.with(el(nsRoster, "group").text(g))
	}
	_, err := c.iq(ctx, el(nsClient, "iq", "type", "set").with(el(nsRoster, "query").with(item)))
	return err
}

// removeContact takes a contact off the list, which ends the subscriptions both
// ways (RFC 6121 §2.5).
func (c *client) removeContact(ctx context.Context, j jid.JID) error {
	item := el("", "item", "jid", j.String(), "subscription", "remove")
	_, err := c.iq(ctx, el(nsClient, "iq", "type", "set").with(el(nsRoster, "query").with(item)))
	return err
}

// sendPresence sends presence of a type, such as subscribe, to an address.
func (c *client) sendPresence(kind string, to jid.JID) error {
	return c.send(el(nsClient, "presence", "type", kind, "to", to.String()))
}
