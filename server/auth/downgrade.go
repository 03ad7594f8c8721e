package auth

import (
	"io"
	"slices"
)

// The characters between names in what is hashed: no XML can hold them, so no name
// does (XEP-0474 §9).
const (
	betweenNames = "\x1e"
	betweenLists = "\x1f"
)

// announced is the hash of what was offered over a channel, mechanisms and types of
// channel binding, which the client compares with what it has seen: nobody on the
// way can take anything out unnoticed, as SCRAM signs it (XEP-0474 version 0.5.0
// §6.1). SASL and SASL2 offer the same; the mechanisms for tokens are not among them.
func (c *Config) announced(ch *Channel, f *family) []byte {
	h := f.hash()
	list := func(names []string) {
		slices.Sort(names) // i;octet
		for i, name := range names {
			if i > 0 {
				io.WriteString(h, betweenNames)
			}
			io.WriteString(h, name)
		}
	}
	list(c.Mechanisms(*ch))
	if types := c.BindingTypes(*ch); len(types) > 0 {
		io.WriteString(h, betweenLists)
		list(types)
	}
	return h.Sum(nil)
}
