package publish

import (
	"natter/server"
	"natter/server/xep/pubsub"
	"natter/stanza"
)

// Default is how nodes are made that nobody configures: open, and keeping the ten
// last items.
func (m *module) Default(string) pubsub.Config {
	return pubsub.Config{
		Access: "open", Publish: "publishers", Persist: true, MaxItems: 10, Full: "retract-oldest",
		SendLast: "on_sub", Payloads: true, Notify: true, NotifyDelete: true, NotifyItems: true,
		MessageType: "headline", Subscribe: true, MaxPayload: m.host.Server.Config.PubSubItem, Reply: "publisher",
	}
}

// Ask says what j is to the service: accounts of the domain make nodes. Contacts
// there are none, so the access models presence and roster let in whom a node's
// owner has listed.
func (m *module) Ask(_ *server.Turn, _ *pubsub.Service, j stanza.JID) (pubsub.Asker, error) {
	return pubsub.Asker{JID: j, Creates: j.Domain() == m.host.Name && m.host.Exists(j.Local())}, nil
}

// Audience is empty: one subscribes.
func (m *module) Audience(*server.Turn, *pubsub.Service, string, func(pubsub.Asker)) {}

// Resources is none in particular: events go to the bare JID (§12.6).
func (m *module) Resources(*server.Turn, *pubsub.Service, stanza.JID, string) []stanza.JID {
	return nil
}

// Named is nobody: who publishes is said in the item.
func (m *module) Named(*server.Session) bool { return false }

// Available is not known.
func (m *module) Available(*pubsub.Service, stanza.JID) bool { return false }

// Owners are those by affiliation.
func (m *module) Owners(_ *pubsub.Service, owners []stanza.JID) []stanza.JID { return owners }

// Views there are none.
func (m *module) Views() []*pubsub.View { return nil }

// Changed interests nobody else.
func (m *module) Changed(*server.Turn, *pubsub.Service, *pubsub.Change) {}
