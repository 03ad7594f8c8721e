package pubsub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// Kinds of documents: a node under its name, an item under what itemKey makes, a
// subscription under node and address.
const (
	kindNode         = "pubsub-node"
	kindItem         = "pubsub-item"
	kindSubscription = "pubsub-sub"
)

// sep parts a key; XML can't hold it.
const sep = "\x01"

// node is one node, guarded by its service's lock.
type node struct {
	name          string
	config        Config
	affiliations  map[stanza.JID]Affiliation   // of bare JIDs, but for the owner of a personal service
	subscriptions map[stanza.JID]*subscription // neither map is ever changed, only made anew
	since         map[stanza.JID]uint64        // ids of the store: when the affiliations were given
	created       uint64                       // an id of the store, which is a time
	creator       stanza.JID
	items         []entry // the oldest first
	last          *Item   // the newest, when it is at hand
}

// entry is what is kept in memory of an item. Its payload is in the store.
type entry struct {
	id        string
	seq       uint64 // an id of the store: when it was published
	size      int
	publisher string // bare JID, "" for the service's own
}

// nodeDoc is a node in the store.
type nodeDoc struct {
	Config       Config
	Affiliations map[string]Affiliation `json:",omitempty"`
	Since        map[string]uint64      `json:",omitempty"`
	Created      uint64
	Creator      string `json:",omitempty"`
}

// itemKey is the key of an item's document. All that has to be known of an item
// but its payload is in it, so that no payload need be read to know them.
func itemKey(node string, e *entry) string {
	return fmt.Sprintf("%s%s%016x%s%x%s%s%s%s", node, sep, e.seq, sep, e.size, sep, e.publisher, sep, e.id)
}

// entryOf reads what itemKey wrote.
func entryOf(key string) (node string, e entry, ok bool) {
	parts := strings.SplitN(key, sep, 5)
	if len(parts) != 5 {
		return "", entry{}, false
	}
	seq, err1 := strconv.ParseUint(parts[1], 16, 64)
	size, err2 := strconv.ParseUint(parts[2], 16, 31)
	return parts[0], entry{id: parts[4], seq: seq, size: int(size), publisher: parts[3]}, err1 == nil && err2 == nil
}

// Stored reports whether a node of a service that is not in memory is in the store.
func Stored(t *server.Turn, h *server.Host, local, node string) (bool, error) {
	_, ok, err := h.Get(t, local, kindNode, node)
	return ok, err
}

// Load reads a service from the store. What was handed to the store before must be
// decided. The service is not yet shared.
func (s *Service) Load() error {
	srv := s.Host.Server
	ctx, cancel := context.WithTimeout(context.Background(), srv.Config.StoreTimeout)
	defer cancel()
	s.nodes = make(map[string]*node)
	for after := ""; ; {
		docs, err := srv.Store.List(ctx, s.Host.Name, s.Local, kindNode, "", after, store.MaxPage)
		if err != nil {
			return err
		}
		for _, d := range docs {
			n, err := s.nodeOf(d)
			if err != nil {
				return fmt.Errorf("node %q of %s: %w", d.Key.Key, s.JID, err)
			}
			s.nodes[n.name] = n
			after = d.Key.Key
		}
		if len(docs) < store.MaxPage {
			break
		}
	}
	if len(s.nodes) == 0 {
		return nil
	}
	if err := s.loadSubscriptions(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		keys, err := srv.Store.Keys(ctx, s.Host.Name, s.Local, kindItem, "", after, store.MaxPage)
		if err != nil {
			return err
		}
		for _, k := range keys {
			after = k
			name, e, ok := entryOf(k)
			if n := s.nodes[name]; ok && n != nil {
				n.items = append(n.items, e)
				s.count(n, &e, 1)
			}
		}
		if len(keys) < store.MaxPage {
			return nil
		}
	}
}

// loadSubscriptions reads the subscriptions of all nodes. Those that are over, and
// those of accounts that are no more, are left out, and deleted.
func (s *Service) loadSubscriptions(ctx context.Context) error {
	now := time.Now()
	over := new(store.Batch)
	for after := ""; ; {
		docs, err := s.Host.Server.Store.List(ctx, s.Host.Name, s.Local, kindSubscription, "", after, store.MaxPage)
		if err != nil {
			return err
		}
		for _, d := range docs {
			after = d.Key.Key
			name, text, _ := strings.Cut(d.Key.Key, sep)
			j, bad := stanza.ParseJID(text)
			n, sub := s.nodes[name], new(subscription)
			if bad == nil && n != nil {
				if err := json.Unmarshal(d.Data, sub); err != nil {
					return fmt.Errorf("subscription %q at %s: %w", d.Key.Key, s.JID, err)
				}
				same, err := s.sameSince(j, sub.Since)
				if err != nil {
					return err
				}
				if same && !sub.over(now) {
					if n.subscriptions == nil {
						n.subscriptions = make(map[stanza.JID]*subscription)
					}
					n.subscriptions[j] = sub
					continue
				}
			}
			over.Delete(d.Key)
		}
		if len(docs) < store.MaxPage {
			break
		}
	}
	if !over.Empty() {
		s.clean(over)
	}
	return nil
}

// nodeOf reads a node. What was for accounts of this server that are no more is left
// out, so that who has such a name now has nothing of it; bans stay.
func (s *Service) nodeOf(d store.Doc) (*node, error) {
	var v nodeDoc
	if err := json.Unmarshal(d.Data, &v); err != nil {
		return nil, err
	}
	n := &node{name: d.Key.Key, config: v.Config, created: v.Created}
	if n.config.Reply == "" { // made before there was a choice
		n.config.Reply = "none"
		if s.Shared {
			n.config.Reply = "publisher"
		}
	}
	n.creator, _ = stanza.ParseJID(v.Creator)
	n.affiliations = make(map[stanza.JID]Affiliation, len(v.Affiliations))
	n.since = make(map[stanza.JID]uint64, len(v.Affiliations))
	for text, a := range v.Affiliations {
		j, err := stanza.ParseJID(text)
		if err != nil {
			continue
		}
		there, err := s.sameSince(j, v.Since[text])
		if err != nil {
			return nil, err
		}
		if there || a == Outcast { // who was banned does not come back by another account
			n.affiliations[j], n.since[j] = a, v.Since[text]
		}
	}
	return n, nil
}

// sameSince reports whether who has an address now is who had it at the time that an
// id of the store is of; of addresses elsewhere that is not known, and believed.
func (s *Service) sameSince(j stanza.JID, since uint64) (bool, error) {
	h := s.Host.Server.Host(j.Domain())
	if h == nil || j.Local() == "" {
		return true, nil
	}
	born, err := h.Born(j.Local())
	if errors.Is(err, server.ErrUnknown) {
		return false, nil
	}
	return born <= since, err
}

// put adds to b what keeps the node's configuration and affiliations.
func (s *Service) put(b *store.Batch, n *node) error {
	v := nodeDoc{Config: n.config, Created: n.created, Creator: n.creator.String()}
	for j, a := range n.affiliations {
		if v.Affiliations == nil {
			v.Affiliations = make(map[string]Affiliation)
		}
		v.Affiliations[j.String()] = a
		if since := n.since[j]; since != 0 {
			if v.Since == nil {
				v.Since = make(map[string]uint64)
			}
			v.Since[j.String()] = since
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b.Put(store.Doc{Key: s.Host.Key(s.Local, kindNode, n.name), Data: data})
	return nil
}

func (s *Service) itemDoc(node string, e *entry) store.Key {
	return s.Host.Key(s.Local, kindItem, itemKey(node, e))
}

// weight is what an item of a node takes.
func (e *entry) weight(node string) int64 {
	return int64(e.size+len(e.id)+len(e.publisher)+len(node)) + overhead
}

// count counts an item in, or with a sign of -1 out.
func (s *Service) count(n *node, e *entry, sign int) {
	bytes := int64(sign) * e.weight(n.name)
	s.items += sign
	s.bytes += bytes
	if s.Limits.Share == (Share{}) {
		return
	}
	if s.shares == nil {
		s.shares = make(map[stanza.JID]Share)
	}
	of := s.shares[n.creator]
	of.Items += sign
	of.Bytes += bytes
	s.shares[n.creator] = of
	if of.Items == 0 {
		delete(s.shares, n.creator)
	}
}

// find returns an item's place in the node, -1 without; n may be nil.
func (n *node) find(id string) int {
	if n == nil || id == "" {
		return -1
	}
	for i := len(n.items) - 1; i >= 0; i-- {
		if n.items[i].id == id {
			return i
		}
	}
	return -1
}

// drop takes an item out of the node and adds its removal to b.
func (s *Service) drop(b *store.Batch, n *node, i int) {
	e := n.items[i]
	b.Delete(s.itemDoc(n.name, &e))
	s.count(n, &e, -1)
	if i == len(n.items)-1 {
		n.last = nil
	}
	if i == 0 {
		n.items[0] = entry{}
		n.items = n.items[1:]
		return
	}
	n.items = slices.Delete(n.items, i, i+1)
}

// settled waits until the changes that are on their way are decided, so that reads
// see them. It must not be called with a lock held, nor by the committer.
func (s *Service) settled(t *server.Turn) {
	s.mu.Lock()
	pending := s.pending > 0
	s.mu.Unlock()
	if pending {
		t.Await(1)
	}
}

// payloads reads the payloads of entries of a node; one that is gone meanwhile is
// left out.
func (s *Service) payloads(t *server.Turn, node string, list []entry) ([]Item, error) {
	items := make([]Item, 0, len(list))
	for i := range list {
		doc, ok, err := s.Host.Get(t, s.Local, kindItem, itemKey(node, &list[i]))
		if err != nil {
			return nil, err
		}
		if ok {
			items = append(items, Item{ID: list[i].id, Payload: doc.Data, Publisher: s.publisher(&list[i])})
		}
	}
	return items, nil
}

func (s *Service) publisher(e *entry) stanza.JID {
	if e.publisher == "" {
		return s.JID
	}
	j, _ := stanza.ParseJID(e.publisher)
	return j
}
