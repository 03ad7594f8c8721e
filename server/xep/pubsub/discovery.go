package pubsub

import (
	"strconv"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/server/xep/rsm"
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
// (XEP-0060 §5.2, XEP-0163 §6.2), of those that page asks for and that fit an answer.
func (s *Service) AppendNodes(b []byte, who Asker, page rsm.Query) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, n := range s.sorted() {
		if n.rights().read(&who, true) != nil {
			continue
		}
		names = append(names, n.name)
		for _, v := range s.Policy.Views() {
			if v.Base == n.name {
				names = append(names, v.Name)
			}
		}
	}
	jid := s.JID.String()
	title := func(name string) string {
		if n := s.nodes[name]; n != nil {
			return n.config.Title
		}
		return "" // a view
	}
	names, set, err := listed(names, func(name string) int { return 40 + len(jid) + escaped(title(name)) }, page, 2*s.most())
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b = stanza.AppendEmpty(b, "item", "jid", jid, "node", name, "name", title(name))
	}
	return append(b, set...), nil
}

// NodeItems returns a disco item for each item of a node (§5.5), of those that page
// asks for and that fit an answer; nil where who may not read it.
func (s *Service) NodeItems(who Asker, node string, page rsm.Query) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.at(node)
	if n == nil || n.rights().read(&who, false) != nil {
		return nil, nil
	}
	ids := []string{viewID}
	if s.view(node) == nil {
		ids = make([]string, len(n.items))
		for i := range n.items {
			ids[i] = n.items[i].id
		}
	}
	jid := s.JID.String()
	ids, set, err := listed(ids, func(string) int { return 30 + len(jid) }, page, s.most())
	if err != nil {
		return nil, err
	}
	b := []byte{}
	for _, id := range ids {
		b = stanza.AppendEmpty(b, "item", "jid", jid, "name", id)
	}
	return append(b, set...), nil
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
