package server

import (
	"strings"

	"natter/stanza"
)

// Features is what a client says that it can do (XEP-0030): a set that never
// changes, which many clients share. The nil set is empty.
type Features struct{ list string } // each between line feeds, which none holds

// NewFeatures returns a set. What holds a line feed is left out.
func NewFeatures(list []string) *Features {
	var b strings.Builder
	b.WriteByte('\n')
	for _, f := range list {
		if f != "" && !strings.Contains(f, "\n") {
			b.WriteString(f)
			b.WriteByte('\n')
		}
	}
	return &Features{b.String()}
}

// Has reports whether the feature is in the set.
func (f *Features) Has(feature string) bool {
	return f != nil && strings.Contains(f.list, "\n"+feature+"\n")
}

// Wants reports whether the client wants the events of a node (XEP-0060 §9.2).
func (f *Features) Wants(node string) bool { return f.Has(node + "+notify") }

// List returns the features in their order.
func (f *Features) List() []string {
	if f == nil || len(f.list) < 2 {
		return nil
	}
	return strings.Split(f.list[1:len(f.list)-1], "\n")
}

// Size is about how many bytes the set takes.
func (f *Features) Size() int { return len(f.list) }

// Features returns what the session's client can do, as far as that is known. No
// lock is needed.
func (s *Session) Features() *Features { return s.features.Load() }

// SetFeatures notes what the session's client can do.
func (s *Session) SetFeatures(f *Features) { s.features.Store(f) }

// maxPeers bounds how many resources of other servers an account remembers.
const maxPeers = 2000

// SetPeer notes what a resource at another server can do, which has sent the
// account its presence; nil forgets it. A bare JID forgets all its resources. Past
// a bound nothing more is noted. The account must be locked.
func (a *Account) SetPeer(j stanza.JID, f *Features) {
	switch {
	case f != nil:
		if _, known := a.peers[j]; !known && len(a.peers) >= maxPeers {
			return
		}
		if a.peers == nil {
			a.peers = make(map[stanza.JID]*Features)
		}
		a.peers[j] = f
	case j.IsBare():
		for p := range a.peers {
			if p.Bare() == j {
				delete(a.peers, p)
			}
		}
	default:
		delete(a.peers, j)
	}
}

// Peer returns what a resource at another server can do; nil when it is not
// available or that is not known. The account must be locked.
func (a *Account) Peer(j stanza.JID) *Features { return a.peers[j] }

// Peers calls fn with every resource at another server that the account knows.
// The account must be locked.
func (a *Account) Peers(fn func(stanza.JID, *Features)) {
	for j, f := range a.peers {
		fn(j, f)
	}
}
