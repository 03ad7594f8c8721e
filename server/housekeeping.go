package server

import (
	"context"
	"time"

	"natter/server/store"
)

const (
	houseEvery   = 2 * time.Second // between looks at what there is to do
	trimEvery    = time.Hour       // between cuts of archives by their age and size, and of invitations
	wordsAtOnce  = 400             // records that are indexed in a transaction
	busyBatches  = 1000            // batches a second above which indexing waits
	trimsAtOnce  = 100             // archives cut in a batch
	trimmingSize = 32              // of an archive's bound: how far over it may be before it is cut
)

// house is what the server does on its own when there is time: it has the words of
// archived messages indexed, and old messages cut.
type house struct {
	srv     *Server
	alarm   Alarm
	trimmed time.Time // when archives were last cut
	batches uint64    // that the store had decided
	looked  time.Time // … at that time
}

func (srv *Server) keepHouse() {
	h := &house{srv: srv, looked: srv.now()}
	h.alarm.Run = func() {
		srv.Go(func(ctx context.Context) {
			defer srv.Wheel.Set(&h.alarm, houseEvery)
			h.look(ctx)
		})
	}
	srv.Wheel.Set(&h.alarm, houseEvery)
}

func (h *house) look(ctx context.Context) {
	if now := h.srv.now(); now.Sub(h.trimmed) >= trimEvery {
		h.trimmed = now
		if err := h.srv.trimArchives(ctx, now); err != nil && ctx.Err() == nil {
			h.srv.Log.Warn("archives not cut", "err", err)
		}
		for _, name := range h.srv.Config.Domains {
			if err := h.srv.Host(name).sweepInvitations(ctx); err != nil && ctx.Err() == nil {
				h.srv.Log.Warn("invitations not swept", "err", err)
			}
		}
	}
	for more := !h.busy(); more && ctx.Err() == nil; more = more && !h.busy() {
		var err error
		if more, err = h.srv.Store.IndexWords(ctx, wordsAtOnce); err != nil && ctx.Err() == nil {
			h.srv.Log.Warn("words of messages not indexed", "err", err)
			return
		}
	}
}

// busy reports whether the store has had much to do since it was last asked.
func (h *house) busy() bool {
	now, n := h.srv.now(), h.srv.Store.Stats().Batches
	rate := float64(n-h.batches) / max(now.Sub(h.looked).Seconds(), 1e-3)
	if now.Sub(h.looked) < 10*time.Millisecond && n-h.batches < busyBatches/100 {
		return false // too short a time to tell
	}
	h.looked, h.batches = now, n
	return rate > busyBatches
}

// trimArchives cuts every archive to its bounds in time and number. What is cut is
// not seen any more at once; its rows go in the background.
func (srv *Server) trimArchives(ctx context.Context, now time.Time) error {
	if days := srv.Config.ArchiveDays; days > 0 {
		b := new(store.Batch)
		b.DeleteBefore(now.Add(-time.Duration(days) * 24 * time.Hour))
		if err := srv.Store.CommitWait(ctx, b); err != nil {
			return err
		}
	}
	keep := srv.Config.ArchiveMessages
	if keep <= 0 {
		return nil
	}
	after := ""
	for {
		owners, err := srv.Store.OwnersOver(ctx, keep+keep/trimmingSize, after, trimsAtOnce)
		if err != nil || len(owners) == 0 {
			return err
		}
		b := new(store.Batch)
		for _, o := range owners {
			b.Trim(o, keep)
			after = o
		}
		if err := srv.Store.CommitWait(ctx, b); err != nil {
			return err
		}
	}
}
