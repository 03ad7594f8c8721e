package pubsub

import (
	"strconv"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/stanza"
)

// Features are what a service announces (XEP-0060 §10), with NS before them: one
// for all, or a person's.
func Features(shared bool) []string {
	list := []string{NS}
	if !shared {
		list = append(list, NS+"#access-presence", NS+"#access-roster", NS+"#last-published")
	}
	for _, f := range []string{
		// §10 has access-X say that X is the default; servers and clients alike take it
		// to say that there is X.
		"access-authorize", "access-open", "access-whitelist",
		"auto-create", "config-node", "config-node-max", "create-and-configure", "create-nodes",
		"delete-items", "delete-nodes", "get-pending", "instant-nodes", "item-ids", "leased-subscription",
		"manage-subscriptions", "member-affiliation", "meta-data", "modify-affiliations", "multi-items",
		"outcast-affiliation", "persistent-items", "publish", "publish-only-affiliation", "publish-node-full",
		"publish-options", "publisher-affiliation", "purge-nodes", "retract-items", "retrieve-affiliations", "retrieve-default",
		"retrieve-default-sub", "retrieve-items", "retrieve-subscriptions", "rsm", "subscribe",
		"subscription-options", "subscription-notifications",
	} {
		list = append(list, NS+"#"+f)
	}
	return list
}

// AppendNodes appends a disco item for each node that who may read or subscribe to
// (XEP-0060 §5.2, XEP-0163 §6.2).
func (s *Service) AppendNodes(b []byte, who Asker) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.sorted() {
		if n.rights().read(&who, true) == nil {
			b = stanza.AppendEmpty(b, "item", "jid", s.JID.String(), "node", n.name, "name", n.config.Title)
			for _, v := range s.Policy.Views() {
				if v.Base == n.name {
					b = stanza.AppendEmpty(b, "item", "jid", s.JID.String(), "node", v.Name)
				}
			}
		}
	}
	return b
}

// NodeItems returns a disco item for each item of a node (§5.5), of the most recent
// ones where there are many; nil where who may not read it.
func (s *Service) NodeItems(who Asker, node string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.at(node)
	if n == nil || n.rights().read(&who, false) != nil {
		return nil
	}
	if s.view(node) != nil {
		return stanza.AppendEmpty(nil, "item", "jid", s.JID.String(), "name", viewID)
	}
	b := []byte{}
	for i := range n.items[max(0, len(n.items)-maxListed):] {
		i += max(0, len(n.items)-maxListed)
		b = stanza.AppendEmpty(b, "item", "jid", s.JID.String(), "name", n.items[i].id)
	}
	return b
}

// Info returns the disco#info of a node (§5.3, §5.4), nil where who may not know
// of it.
func (s *Service) Info(who Asker, node string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.at(node)
	if n == nil || n.rights().read(&who, true) != nil {
		return nil
	}
	c := &n.config
	f := forms.New("result", formMeta)
	add := func(typ, name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			f.Add(typ, "pubsub#"+name, "", values...)
		}
	}
	add("text-single", "title", c.Title)
	add("text-single", "description", c.Description)
	add("text-single", "language", c.Language)
	add("text-single", "type", c.Type)
	add("jid-single", "creator", n.creator.String())
	add("text-single", "creation_date", store.TimeOf(n.created).UTC().Format(time.RFC3339))
	add("list-single", "access_model", c.Access)
	add("list-single", "publish_model", c.Publish)
	add("text-single", "max_items", settingOf("pubsub#max_items").get(c)...)
	add("jid-multi", "contact", c.Contact...)
	if s.Shared || who.Owner { // of a person's nodes it would say who knows whom
		add("text-single", "num_subscribers", strconv.Itoa(len(n.subscriptions)-len(n.pending())))
	}
	var owners []string
	if who.Personal {
		owners = append(owners, s.JID.String())
	}
	for _, j := range sortedJIDs(n.affiliations) {
		if n.affiliations[j] == Owner {
			owners = append(owners, j.String())
		}
	}
	add("jid-multi", "owner", owners...)
	ids := []server.Identity{{Category: "pubsub", Type: "leaf", Name: c.Title}}
	return disco.AppendInfo(nil, ids, append(Features(s.Shared), disco.NSInfo, disco.NSItems), f.Bytes())
}

// appendDelay appends when what has that id came to be (XEP-0203).
func appendDelay(b []byte, id uint64) []byte {
	return stanza.AppendEmpty(b, "delay", "xmlns", "urn:xmpp:delay", "stamp", store.TimeOf(id).UTC().Format("2006-01-02T15:04:05.000Z"))
}
