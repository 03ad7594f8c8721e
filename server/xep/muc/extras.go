package muc

import (
	"slices"

	"natter/server/store"
)

// extras is what a room keeps beyond its configuration.
type extras struct {
	Hats     []hat    `json:",omitempty"`
	Tokens   []token  `json:",omitempty"`
	Avatar   []string `json:",omitempty"` // SHA-1 of each photo of its card (XEP-0486)
	Mentions mentions `json:",omitzero"`
}

func sameConfig(a, b *config) bool {
	for _, f := range fields {
		if !slices.Equal(f.get(a), f.get(b)) {
			return false
		}
	}
	return true
}

// allStandings is a batch with all that the room has of bare JIDs.
func (r *room) allStandings() *store.Batch {
	b := new(store.Batch)
	for bare := range r.affs {
		r.putStanding(b, bare)
	}
	return b
}
