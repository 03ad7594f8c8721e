package muc

import (
	"strconv"

	"natter/stanza"
)

const nsVersions = "urn:xmpp:muc:affiliations:0"

// maxVersions is how many changes of affiliations are remembered.
const maxVersions = 1000

// versions are the changes of a room's affiliations by number (XEP-0463), as long
// as it is in memory: a version is the run of the room it is from, and the number.
type versions struct {
	run     string
	first   uint64 // the version before the first change in changes
	changes []string
}

func (v *versions) at(n uint64) string { return v.run + "-" + strconv.FormatUint(n, 36) }

func (v *versions) last() uint64 { return v.first + uint64(len(v.changes)) }

// since returns the bare JIDs that changed since a version; false when it is not
// known.
func (v *versions) since(version string) ([]string, bool) {
	for i := range len(v.changes) + 1 {
		if v.at(v.first+uint64(i)) == version {
			return v.changes[i:], true
		}
	}
	return nil, false
}

// newVersion notes a change, and returns the <mav/> that goes with the news of it
// (§4.2.2); nil when nothing changed.
func (r *room) newVersion(bare string, was, is affiliation) []byte {
	if was == is {
		return nil
	}
	v := &r.versions
	from := v.at(v.last())
	v.changes = append(v.changes, bare)
	if len(v.changes) > maxVersions {
		v.first++
		v.changes[0] = ""
		v.changes = v.changes[1:]
	}
	return stanza.AppendEmpty(nil, "mav", "xmlns", nsVersions, "since", from, "until", v.at(v.last()))
}

// appendVersion appends the version that is now, for who has entered (§4.2.1).
func (r *room) appendVersion(b []byte) []byte {
	return stanza.AppendEmpty(b, "mav", "xmlns", nsVersions, "until", r.versions.at(r.versions.last()))
}

// mayVersion reports whether somebody may read all the lists that a version is of.
func (r *room) mayVersion(a affiliation) bool {
	return a >= admin || r.config.Whois == "anyone" && a >= member
}

// sendVersions tells a client that enters which affiliations changed since it was
// last there, or all of them, if it asks for that (§4.2.1). It comes before any
// presence.
func (r *room) sendVersions(x *exchange, c *client, st *stanza.Stanza, muc stanza.Child) {
	ask, ok := st.Find(muc, nsVersions, "mav")
	if !ok {
		return
	}
	if !r.mayVersion(c.oc.aff) {
		e := stanza.Forbidden("you may not see the room's lists")
		e.By = r.jid.String()
		w := r.fromRoom("error").with(e.AppendTo(nil))
		x.give(c, w)
		return
	}
	v := &r.versions
	since, given := st.ChildAttr(ask, "since")
	list, known := v.since(since)
	known = known && given
	if known && len(list) == 0 {
		return
	}
	from := since
	if !known {
		from = ""
		for bare := range r.affs {
			list = append(list, bare)
		}
	}
	b := append([]byte(nil), "<x xmlns='"+nsUser+"'>"...)
	b = stanza.AppendEmpty(b, "mav", "xmlns", nsVersions, "since", from, "until", v.at(v.last()))
	told := make(map[string]bool, len(list))
	for _, bare := range list {
		aff := none
		if s, ok := r.affs[bare]; ok {
			aff = s.Affiliation
		}
		if told[bare] || !known && aff == none || aff == outcast && c.oc.aff < admin {
			continue // an outcast is none of a member's business
		}
		told[bare] = true
		b = stanza.AppendEmpty(b, "item", "jid", bare, "affiliation", aff.String())
	}
	x.give(c, r.fromRoom("").with(append(b, "</x>"...)))
}
