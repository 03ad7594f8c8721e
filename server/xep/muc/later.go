package muc

import (
	"slices"

	"natter/server/store"
)

func sameList(a, b []string) bool { return slices.Equal(a, b) }

func sameConfig(a, b *config) bool {
	for _, f := range fields {
		if !slices.Equal(f.get(a), f.get(b)) {
			return false
		}
	}
	return true
}

type extras struct{}

const (
	nsToken   = "urn:xmpp:muc-token-invite:0"
	nsRetract = "urn:xmpp:message-retract:1"
)

const (
	tokenUnknown = iota
	tokenGood
	tokenExpired
)

func (r *room) allStandings() *store.Batch {
	b := new(store.Batch)
	for bare := range r.affs {
		r.putStanding(b, bare)
	}
	return b
}
