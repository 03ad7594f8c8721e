package pubsub

import (
	"fmt"
	"slices"
	"strconv"

	"natter/server"
	"natter/server/xep/rsm"
	"natter/stanza"
)

// maxPage bounds the items of one page.
const maxPage = 250

// items handles <items/> (XEP-0060 §6.5).
func (r *request) items() error {
	ids, most, err := r.wanted()
	if err != nil {
		return err
	}
	page, err := rsm.In(r.Stanza, r.Payload)
	if err != nil {
		return err
	}
	s := r.s
	s.settled(r.Turn)
	s.mu.Lock()
	n, err := s.get(r.node, &r.who)
	if err == nil {
		err = n.rights().read(&r.who, false)
	}
	if err == nil && !n.config.Persist {
		err = unsupported("persistent-items", "the node keeps no items")
	}
	var list []entry
	var config Config
	if err == nil {
		list, config = slices.Clone(n.items), n.config
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if v := s.view(r.node); v != nil {
		i, err := v.item(r.Turn, s)
		if err != nil {
			return err
		}
		b := stanza.AppendOpen(nil, "items", "node", r.node)
		if len(ids) == 0 || slices.Contains(ids, i.ID) {
			b = s.appendItem(b, &i, &config)
		}
		r.Reply(r.Turn, pubsub(NS, stanza.AppendClose(b, "items")))
		return nil
	}
	list, result, err := choose(list, ids, most, page)
	if err != nil {
		return err
	}
	if some := fit(list, s.Host.Server.Config.QueueBytes/2, page.Present && !page.Backward()); len(some) < len(list) {
		list, page.Present = some, true
		result.First, result.Last, result.Index = list[0].id, list[len(list)-1].id, -1
	}
	got, err := s.payloads(r.Turn, r.node, list)
	if err != nil {
		return err
	}
	b := stanza.AppendOpen(nil, "items", "node", r.node)
	for i := range got {
		b = s.appendItem(b, &got[i], &config)
	}
	b = stanza.AppendClose(b, "items")
	if page.Present {
		b = result.AppendTo(b)
	}
	r.Reply(r.Turn, pubsub(NS, b))
	return nil
}

// wanted reads which items are asked for: by id, or the most recent ones (§6.5.7,
// §6.5.8); most is -1 for all.
func (r *request) wanted() (ids []string, most int, err error) {
	most = -1
	if v, ok := r.Stanza.ChildAttr(r.el, "max_items"); ok {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return nil, 0, stanza.BadRequest("max_items is a number")
		}
		most = int(n)
	}
	for c := range r.Stanza.Children(r.el) {
		id, ok := r.Stanza.ChildAttr(c, "id")
		if !r.Stanza.ChildIs(c, NS, "item") || !ok {
			return nil, 0, stanza.BadRequest("items are named by their ids")
		}
		ids = append(ids, id)
	}
	return ids, most, nil
}

// choose returns the items that are asked for, the oldest first, and what is to be
// said of the page.
func choose(list []entry, ids []string, most int, page rsm.Query) ([]entry, rsm.Result, error) {
	if len(ids) > 0 {
		wanted := make(map[string]bool, len(ids))
		for _, id := range ids {
			wanted[id] = true
		}
		var some []entry
		for i := range list {
			if wanted[list[i].id] {
				some = append(some, list[i])
			}
		}
		list = some // none where there are none such (§6.5.9.12)
	}
	if most >= 0 && most < len(list) {
		list = list[len(list)-most:]
	}
	all := make([]string, len(list))
	for i := range list {
		all[i] = list[i].id
	}
	from, to, result, err := rsm.Page(page, all, maxMost(page))
	if err != nil {
		return nil, result, err
	}
	return list[from:to], result, nil
}

// fit returns those of the items that one answer of about so many bytes holds, at
// least one: the first ones, or else the most recent ones, and the client can ask
// on from there (§6.5.4).
func fit(list []entry, most int, first bool) []entry {
	size := 0
	for k := range list {
		i := k
		if !first {
			i = len(list) - 1 - k
		}
		if size += list[i].size + escaped(list[i].id) + escaped(list[i].publisher) + 100; size > most && k > 0 {
			if first {
				return list[:k]
			}
			return list[len(list)-k:]
		}
	}
	return list
}

// maxMost is how many items fit an answer: who does not know of pages gets all
// that are small.
func maxMost(page rsm.Query) int {
	if page.Present {
		return maxPage
	}
	return 1 << 30
}

// Read returns a node's items for who, the oldest first, all or those with ids.
// The error is a stanza error, or the store's.
func (s *Service) Read(t *server.Turn, who Asker, node string, ids ...string) ([]Item, error) {
	s.settled(t)
	s.mu.Lock()
	n, err := s.get(node, &who)
	if err == nil {
		err = n.rights().read(&who, false)
	}
	var list []entry
	if err == nil {
		list = slices.Clone(n.items)
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if v := s.view(node); v != nil {
		i, err := v.item(t, s)
		return []Item{i}, err
	}
	if len(ids) > 0 {
		list = slices.DeleteFunc(list, func(e entry) bool { return !slices.Contains(ids, e.id) })
	}
	return s.payloads(t, node, list)
}

// Reads reports whether who may read a node; it is there.
func (s *Service) Reads(who Asker, node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.at(node)
	return n != nil && n.rights().read(&who, false) == nil
}

// Config returns a node's configuration; false without the node.
func (s *Service) Config(node string) (Config, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.at(node)
	if n == nil {
		return Config{}, false
	}
	return n.config, true
}

// appendItem appends an <item/>. Who published it is said where the node is
// configured so (§7.1.2.3, §12.17); and always where a person's service holds what
// somebody else has published, which would be taken for its owner's.
func (s *Service) appendItem(b []byte, i *Item, c *Config) []byte {
	publisher := ""
	if c.Reply == "publisher" || !s.Shared && i.Publisher != s.JID {
		publisher = i.Publisher.String()
	}
	if i.Payload == nil {
		return stanza.AppendEmpty(b, "item", "id", i.ID, "publisher", publisher)
	}
	b = stanza.AppendOpen(b, "item", "id", i.ID, "publisher", publisher)
	return stanza.AppendClose(append(b, i.Payload...), "item")
}

// String describes an item for a log.
func (i Item) String() string { return fmt.Sprintf("%s (%d bytes)", i.ID, len(i.Payload)) }
