package server

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"natter/roster"
	"natter/server/store"
	"natter/stanza"
)

// Bulk makes n accounts PREFIX1 to PREFIXn with one password and, between the
// first and the contacts next ones, subscriptions both ways. It is for load
// tests: the password is hashed once, so all of them share its salt.
func (h *Host) Bulk(ctx context.Context, prefix string, n, contacts int, password string) error {
	one, err := h.passwordDoc(prefix, password, accountDoc{Created: time.Now(), Born: h.Server.Store.NextID()})
	if err != nil {
		return err
	}
	if contacts >= n {
		return fmt.Errorf("%d contacts need as many accounts and one more", contacts)
	}
	jids := make([]stanza.JID, n+1)
	for from := 1; from <= n; from += 1000 {
		b := new(store.Batch)
		for i := from; i < from+1000 && i <= n; i++ {
			local := prefix + strconv.Itoa(i)
			if jids[i], err = stanza.ParseJID(h.account(local)); err != nil {
				return err
			}
			one.Key = h.Key(local, kindAccount, "")
			b.Put(one)
			h.names.add(local)
		}
		if err := h.Server.Store.CommitWait(ctx, b); err != nil {
			return err
		}
	}
	if contacts == 0 {
		return nil
	}
	b := new(store.Batch)
	first := roster.New(jids[1], NewID(), h.rosterLimits())
	for i := 2; i <= contacts+1; i++ {
		other := roster.New(jids[i], NewID(), h.rosterLimits())
		first.Put(roster.Item{JID: jids[i], State: roster.StateBoth}, nil)
		other.Put(roster.Item{JID: jids[1], State: roster.StateBoth}, nil)
		h.putRoster(b, prefix+strconv.Itoa(i), other)
	}
	h.putRoster(b, prefix+"1", first)
	return h.Server.Store.CommitWait(ctx, b)
}

func (h *Host) putRoster(b *store.Batch, local string, r *roster.Roster) {
	for _, d := range r.Changes() {
		b.Put(store.Doc{Key: h.Key(local, roster.DocumentKind, d.Key), Data: d.Data})
	}
}
