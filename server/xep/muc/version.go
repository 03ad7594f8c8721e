package muc

import (
	"slices"
	"strconv"
	"strings"

	"natter/server"
	"natter/stanza"
)

const nsVersions = "urn:xmpp:muc:affiliations:0"

// Bounds on versions: how many of those who have no affiliation any more are
// remembered, how many loads of the room are, and the items of one message.
const (
	maxRemoved  = 1000
	maxEpochs   = 50
	maxVersions = 500
)

// versions number the changes of a room's affiliations (XEP-0463). Each standing has
// the number of its last change, so that what changed since a version is those with a
// greater one. A version is said as EPOCH-NUMBER. An epoch is the changes that were
// made from one load of the room to the next: it tells numbers that were given out and
// lost, in a crash before they were stored, from those of the same value after it.
type versions struct {
	epochs []epoch // oldest first; the last change is the Last of the newest
	floor  uint64  // what changed up to here may have been forgotten
	loaded bool    // there was no change since the room was loaded
}

// epoch is a run of versions that ends with the number Last.
type epoch struct {
	ID   string
	Last uint64
}

// savedVersions is versions in the room's document.
type savedVersions struct {
	Epochs []epoch `json:",omitempty"`
	Floor  uint64  `json:",omitempty"`
}

func newVersions() versions { return versions{epochs: []epoch{{ID: server.NewID()[:8]}}} }

func (v *versions) saved() savedVersions { return savedVersions{v.epochs, v.floor} }

func (v *versions) restore(s savedVersions) {
	if len(s.Epochs) > 0 {
		v.epochs, v.floor, v.loaded = s.Epochs, s.Floor, true
	}
}

func (v *versions) last() uint64 { return v.epochs[len(v.epochs)-1].Last }

// at returns how the version with a number is said.
func (v *versions) at(n uint64) string {
	i := slices.IndexFunc(v.epochs, func(e epoch) bool { return n <= e.Last })
	return v.epochs[i].ID + "-" + strconv.FormatUint(n, 36)
}

// now is the version that is now.
func (v *versions) now() string { return v.at(v.last()) }

// next begins another version and returns its number.
func (v *versions) next() uint64 {
	if v.loaded {
		v.loaded = false
		v.epochs = append(slices.Clone(v.epochs), epoch{server.NewID()[:8], v.last()})
		v.epochs = v.epochs[max(0, len(v.epochs)-maxEpochs):]
	}
	e := &v.epochs[len(v.epochs)-1]
	e.Last++
	return e.Last
}

// number returns what a version was said as, if what changed since is known.
func (v *versions) number(said string) (uint64, bool) {
	id, digits, ok := strings.Cut(said, "-")
	n, err := strconv.ParseUint(digits, 36, 64)
	i := slices.IndexFunc(v.epochs, func(e epoch) bool { return e.ID == id })
	if !ok || err != nil || i < 0 || n > v.epochs[i].Last || n < v.floor {
		return 0, false
	}
	return n, true
}

// newVersion notes a change, and returns the <mav/> that goes with the news of it
// (§4.2.2); nil when nothing changed.
func (r *room) newVersion(bare string, was, is affiliation) []byte {
	if was == is {
		return nil
	}
	v := &r.versions
	from, n := v.now(), v.next()
	if st, ok := r.affs[bare]; ok {
		st.Since = n
		r.affs[bare] = st
	} else {
		r.removed[bare] = n
		r.forgetRemoved()
	}
	r.unsaved[bare] = true
	return stanza.AppendEmpty(nil, "mav", "xmlns", nsVersions, "since", from, "until", v.now())
}

// forgetRemoved forgets the one who was removed first, beyond the bound.
func (r *room) forgetRemoved() {
	if len(r.removed) <= maxRemoved {
		return
	}
	first := ""
	for bare, n := range r.removed {
		if first == "" || n < r.removed[first] {
			first = bare
		}
	}
	r.versions.floor = r.removed[first]
	delete(r.removed, first)
	r.unsaved[first] = true
}

// restoreStanding takes what the store has of a bare JID.
func (r *room) restoreStanding(bare string, st standing) {
	switch {
	case !st.empty():
		r.affs[bare] = st
		if st.Nick != "" {
			r.reserve[nickKey(st.Nick)] = bare
		}
	case st.Since > r.versions.floor:
		r.removed[bare] = st.Since
	default:
		r.unsaved[bare] = true // it was to be deleted
	}
}

// appendVersion appends the version that is now, for who has entered (§4.2.1).
func (r *room) appendVersion(b []byte) []byte {
	return stanza.AppendEmpty(b, "mav", "xmlns", nsVersions, "until", r.versions.now())
}

// mayVersion reports whether somebody may read the lists that a version is of.
func (r *room) mayVersion(a affiliation) bool {
	return a >= admin || r.config.Whois == "anyone" && a >= member
}

// shownAs is an affiliation as it is shown to somebody of affiliation a who may read
// the lists: who is banned is none of a member's business.
func shownAs(a, of affiliation) affiliation {
	if of == outcast && a < admin {
		return none
	}
	return of
}

// changed is somebody whose affiliation has changed, and in which version.
type changed struct {
	bare    string
	aff     affiliation
	n       uint64
	unknown bool // see standing
}

// since returns those whose affiliation has changed after a version, in the order of
// the changes.
func (r *room) since(n uint64) []changed {
	var list []changed
	for bare, st := range r.affs {
		if st.Since > n {
			list = append(list, changed{bare, st.Affiliation, st.Since, st.Unknown})
		}
	}
	for bare, at := range r.removed {
		if at > n {
			list = append(list, changed{bare, none, at, false})
		}
	}
	return list
}

// all returns everybody with an affiliation.
func (r *room) all() []changed {
	var list []changed
	for bare, st := range r.affs {
		if st.Affiliation != none {
			list = append(list, changed{bare, st.Affiliation, st.Since, st.Unknown})
		}
	}
	return list
}

// sendVersions tells a client that enters which affiliations changed since it was
// last there, or all of them, if it asks for that (§4.2.1). It comes before any
// presence. Whose own affiliation has changed since then may not have been one to know
// them, and gets all of them too (§8).
func (r *room) sendVersions(x *exchange, c *client, st *stanza.Stanza, muc stanza.Child) {
	ask, ok := st.Find(muc, nsVersions, "mav")
	if !ok {
		return
	}
	if !r.mayVersion(c.oc.aff) {
		e := stanza.Forbidden("you may not see the room's lists")
		e.By = r.jid.String()
		x.give(c, r.fromRoom("error").with(e.AppendTo(nil)))
		return
	}
	from, _ := st.ChildAttr(ask, "since")
	n, known := r.versions.number(from)
	var list []changed
	if known = known && r.standing(c.oc.bare.String()).Since <= n; known {
		list = r.since(n)
	} else {
		from, list = "", r.all()
	}
	if c.oc.aff < admin { // who was nobody and is banned, is nobody still
		list = slices.DeleteFunc(list, func(l changed) bool { return l.unknown })
	}
	for i := range list {
		list[i].aff = shownAs(c.oc.aff, list[i].aff)
	}
	if !known {
		list = slices.DeleteFunc(list, func(l changed) bool { return l.aff == none })
	} else if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b changed) int {
		if a.n != b.n {
			return int(int64(a.n - b.n))
		}
		return strings.Compare(a.bare, b.bare)
	})
	for first := true; first || len(list) > 0; first = false {
		part := list
		if len(part) > maxVersions { // cut between two versions
			end := maxVersions
			for end < len(part) && part[end].n == part[end-1].n {
				end++
			}
			part = part[:end]
		}
		list = list[len(part):]
		until := r.versions.now()
		if len(list) > 0 {
			until = r.versions.at(part[len(part)-1].n)
		}
		b := append([]byte(nil), "<x xmlns='"+nsUser+"'>"...)
		b = stanza.AppendEmpty(b, "mav", "xmlns", nsVersions, "since", from, "until", until)
		for _, l := range part {
			b = stanza.AppendEmpty(b, "item", "jid", l.bare, "affiliation", l.aff.String())
		}
		x.give(c, r.fromRoom("").with(append(b, "</x>"...)))
		from = until
	}
}
