package pubsub

import (
	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

// View is a node that is another way to see a node, its base: whose one item is
// made of all items of the base, and what is published at it becomes items there.
// Affiliations, subscriptions and configuration are the base's.
type View struct {
	Name, Base string
	// Collate makes the payload of the view's item.
	Collate func(t *server.Turn, s *Service, items []Item) ([]byte, error)
	// Split says which items of the base are to be published and which retracted so
	// that the view's payload is the given one, and what is stored beside. The error
	// is a stanza error.
	Split func(s *Service, current []Item, payload []byte) (publish []Item, retract []string, docs []store.Doc, err error)
}

// viewID is the id of a view's item (XEP-0048 §4, XEP-0060 §12.20).
const viewID = "current"

// view returns the view of this name, nil for none.
func (s *Service) view(name string) *View {
	for _, v := range s.Policy.Views() {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// base returns the name of the node that is behind a name.
func (s *Service) base(name string) string {
	if v := s.view(name); v != nil {
		return v.Base
	}
	return name
}

// at returns the node that is behind a name, nil without. The service must be
// locked.
func (s *Service) at(name string) *node {
	n := s.nodes[s.base(name)]
	if n != nil && n.config.Expire > 0 {
		s.expire(n)
	}
	return n
}

// through turns a publication at a view into one at its base. No lock is held.
func (v *View) through(t *server.Turn, s *Service, p *Publication) error {
	if len(p.Items) != 1 || p.Items[0].Payload == nil {
		return with(stanza.BadRequest("one item with a payload is published here"), "invalid-payload", "")
	}
	var current []Item
	if _, ok := s.Config(v.Base); ok {
		var err error
		if current, err = s.all(t, v.Base); err != nil {
			return err
		}
	}
	publish, retract, docs, err := v.Split(s, current, p.Items[0].Payload)
	if err != nil {
		return err
	}
	p.Node, p.Items, p.Retract, p.Docs, p.bare = v.Base, publish, retract, append(p.Docs, docs...), true
	if p.Options != nil { // of the rest the base has its own
		some := forms.New("submit", formOptions)
		for _, d := range p.Options.Fields {
			switch {
			case d.Var == "pubsub#access_model" || d.Var == "pubsub#persist_items":
				some.Fields = append(some.Fields, d)
			case d.Var != "FORM_TYPE" && settingOf(d.Var) == nil:
				return unmet(errUnknownField(d.Var))
			}
		}
		p.Options = some
	}
	return nil
}

// all returns the items of a node, for the service itself.
func (s *Service) all(t *server.Turn, node string) ([]Item, error) {
	s.settled(t)
	s.mu.Lock()
	var list []entry
	if n := s.nodes[node]; n != nil {
		list = append(list, n.items...)
	}
	s.mu.Unlock()
	return s.payloads(t, node, list)
}

// item returns the item of a view.
func (v *View) item(t *server.Turn, s *Service) (Item, error) {
	items, err := s.all(t, v.Base)
	if err != nil {
		return Item{}, err
	}
	size := 0
	for i := range items {
		size += len(items[i].Payload)
	}
	if size > s.Host.Server.Config.QueueBytes/2 {
		return Item{}, stanza.ResourceConstraint("the list is too long to be sent at once; use a client that knows " + v.Base)
	}
	payload, err := v.Collate(t, s, items)
	return Item{ID: viewID, Payload: payload, Publisher: s.JID}, err
}

// views tells those who want the views of a changed node. What they subscribed to
// is the base.
func (s *Service) views(t *server.Turn, c *Change) {
	for _, v := range s.Policy.Views() {
		if v.Base != c.Node || c.Configured {
			continue
		}
		seen := *c
		seen.Node, seen.subscriptions = v.Name, nil
		wanted := false
		s.each(t, &seen, func(stanza.JID, *Asker) { wanted = true })
		if !wanted {
			continue // most have no client of old
		}
		if !c.Deleted && !c.Purged {
			i, err := v.item(t, s)
			if err != nil {
				s.Host.Server.Log.Warn("view not told", "service", s.JID.String(), "node", v.Name, "err", err)
				continue
			}
			seen.Published, seen.Retracted = []Item{i}, nil
		}
		s.tell(t, &seen)
	}
}
