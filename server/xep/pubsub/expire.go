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
	s.append(func(t *server.Turn) {
		if err := t.Commit(b, nil); err != nil {
			// It is due again when the service is loaded.
			s.Host.Server.Log.Warn("items past their time not deleted", "service", s.JID.String(), "err", err)
		}
	})
}
