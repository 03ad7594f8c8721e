package pubsub

import (
	"time"

	"natter/server"
	"natter/server/store"
)

// expire takes out of a node what is older than it keeps items (pubsub#item_expire).
// Whoever looks at a node does so after that, so an item that is due is seen by
// nobody, however long its document takes to go. The service must be locked.
func (s *Service) expire(n *node) {
	due := time.Now().Add(-time.Duration(n.config.Expire) * time.Second)
	b := new(store.Batch)
	count := len(n.items)
	for len(n.items) > 0 && !store.TimeOf(n.items[0].seq).After(due) {
		s.drop(b, n, 0)
	}
	if len(n.items) == count {
		return
	}
	s.clean(b)
}

// clean has deleted in the store what is gone in memory, when there is time: what is
// not is gone again when the service is loaded. The service must be locked.
func (s *Service) clean(b *store.Batch) {
	s.append(0, func(t *server.Turn) {
		if err := t.Commit(b, nil); err != nil {
			s.Host.Server.Log.Warn("what is over stays in the store", "service", s.JID.String(), "err", err)
		}
	})
}
