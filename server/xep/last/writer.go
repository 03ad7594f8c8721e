package last

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"natter/server"
	"natter/server/store"
)

// gather is how long what is to be stored is gathered: a crash may cost as much,
// and a thousand clients that go at once are one batch.
const gather = time.Second

// writer stores when accounts were last seen.
type writer struct {
	host *server.Host
	wake chan struct{} // there is something to store

	mu      sync.Mutex
	waiting map[string]seen // by localpart
}

func newWriter(h *server.Host) *writer {
	w := &writer{host: h, wake: make(chan struct{}, 1), waiting: make(map[string]seen)}
	h.Server.Go(w.run)
	return w
}

// put has an account's document stored soon. It does not block.
func (w *writer) put(local string, v seen) {
	w.mu.Lock()
	w.waiting[local] = v
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// drop forgets what waits for an account.
func (w *writer) drop(local string) {
	w.mu.Lock()
	delete(w.waiting, local)
	w.mu.Unlock()
}

// run stores what waits until the server ends, and then what is left.
func (w *writer) run(ctx context.Context) {
	pause := time.NewTimer(gather)
	defer pause.Stop()
	for ctx.Err() == nil {
		select {
		case <-w.wake:
		case <-ctx.Done():
		}
		pause.Reset(gather)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		w.flush()
	}
}

// flush hands what waits to the store. The lock is held meanwhile, so that what
// drop is called for is either not handed over or handed over before.
func (w *writer) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := new(store.Batch)
	for local, v := range w.waiting {
		data, err := json.Marshal(v)
		if err != nil {
			w.host.Server.Log.Error("last activity not stored", "account", local, "err", err)
			continue
		}
		b.Put(store.Doc{Key: w.host.Key(local, kind, ""), Data: data})
	}
	clear(w.waiting)
	if b.Empty() {
		return
	}
	if err := w.host.Server.Store.Commit(b); err != nil {
		w.host.Server.Log.Warn("last activity not stored", "err", err)
	}
}
