package muc

import (
	"maps"
	"slices"
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

// clone returns a copy that shares nothing that is ever changed in place.
func (e *extras) clone() extras {
	c := *e
	c.Hats, c.Tokens = slices.Clone(e.Hats), slices.Clone(e.Tokens)
	return c
}

// differs reports whether what is announced with status 104 is different.
func (e *extras) differs(o *extras) bool {
	return !slices.Equal(e.Hats, o.Hats) || !slices.Equal(e.Avatar, o.Avatar) ||
		e.Mentions.Count != o.Mentions.Count || !maps.Equal(e.Mentions.Who, o.Mentions.Who)
}
