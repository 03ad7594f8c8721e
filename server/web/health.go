package web

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"natter/server"
	"natter/server/store"
)

const (
	healthPatience = 2 * time.Second // for the store to commit
	healthFresh    = time.Second     // so long an outcome counts for all who ask

	// healthMemory is how long a write of the server's own that failed counts: on a
	// disk that is almost full the small one of the check may go through.
	healthMemory = 30 * time.Second
)

// health finds out whether the store commits. However many ask, one small write
// at a time is under way.
type health struct {
	core *server.Server

	mu      sync.Mutex
	at      time.Time
	err     error
	pending chan error // of a write that has not come to its end

	failed   uint64    // writes that had failed at the last look
	failedAt time.Time // when there were more of them than before
}

var (
	errStalled = errors.New("the store does not commit")
	errFailed  = errors.New("the store does not take everything; is the disk almost full?")
)

// check writes something to the store and waits for it to be on disk.
func (h *health) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.at.IsZero() && time.Since(h.at) < healthFresh {
		return h.err
	}
	if h.pending == nil {
		done := make(chan error, 1)
		var b store.Batch
		b.Put(store.Doc{Key: store.Key{Kind: "health"}, Data: []byte("ok")})
		b.Then = func(err error) { done <- err }
		if err := h.core.Store.Commit(&b); err != nil {
			return h.found(err)
		}
		h.pending = done
	}
	late := time.NewTimer(healthPatience)
	defer late.Stop()
	select {
	case err := <-h.pending:
		h.pending = nil
		failed := h.core.Store.Stats().Failed
		if err == nil && failed > h.failed {
			h.failedAt = time.Now()
		}
		h.failed = failed
		if err == nil && !h.failedAt.IsZero() && time.Since(h.failedAt) < healthMemory {
			err = errFailed
		}
		return h.found(err)
	case <-late.C:
		return h.found(errStalled)
	}
}

// found keeps an outcome, and logs when it is another than the last.
func (h *health) found(err error) error {
	if err != nil && h.err == nil {
		h.core.Log.Error("health check failed", "err", err)
	} else if err == nil && h.err != nil {
		h.core.Log.Info("health check passes again")
	}
	h.err, h.at = err, time.Now()
	return err
}

// serveHealth answers 200 while the server does its work, and 503 when it is
// about to stop or cannot store what it is given.
func (s *Site) serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case s.draining.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "draining\n")
	case s.health.check() != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "the store does not commit\n")
	default:
		io.WriteString(w, "ok\n")
	}
}
