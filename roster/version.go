package roster

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Push is one roster modification, as the interested resources are told of it
// (RFC 6121 §2.1.6): the item as it now is, or that it is gone. Version is the
// roster's version with this change, different for every push (§2.6.3).
type Push struct {
	Item    Item
	Removed bool
	Version string
}

// Version names the roster as it is now. It changes with every change that
// clients can see and never comes back (RFC 6121 §2.1.1).
func (r *Roster) Version() string { return r.version(r.rev) }

func (r *Roster) version(rev uint64) string {
	return r.epoch + "-" + strconv.FormatUint(rev, 36)
}

// alwaysPushed is the number of changes up to which they are sent as pushes
// however short the roster is; beyond it the shorter of both answers is taken,
// counted in items.
const alwaysPushed = 8

// Since returns the changes a client has missed that knows the roster as of
// the version ver, each contact once, in the order of modification (RFC 6121
// §2.6.3). The answer to its roster get is then an empty result, followed by
// these pushes. With ok false the answer is the whole roster: the version is
// not one of this roster, is too old, or the changes are more than the roster
// has items.
func (r *Roster) Since(ver string) (missed []Push, ok bool) {
	epoch, count, found := strings.Cut(ver, "-")
	if !found || epoch != r.epoch {
		return nil, false
	}
	from, err := strconv.ParseUint(count, 36, 64)
	if err != nil || from < r.floor || from > r.rev || r.version(from) != ver {
		return nil, false
	}
	if from == r.rev {
		return nil, true
	}
	n := 0
	for i := range r.contacts {
		if r.contacts[i].rev > from {
			n++
		}
	}
	if n > alwaysPushed && n > r.items {
		return nil, false
	}
	changed := make([]*contact, 0, n)
	for i := range r.contacts {
		if c := &r.contacts[i]; c.rev > from {
			changed = append(changed, c)
		}
	}
	slices.SortFunc(changed, func(a, b *contact) int { return cmp.Compare(a.rev, b.rev) })
	missed = make([]Push, len(changed))
	for i, c := range changed {
		missed[i] = r.push(c)
	}
	return missed, true
}

// push is the push that tells of c as it now is.
func (r *Roster) push(c *contact) Push {
	return Push{Item: c.Item, Removed: !c.listed, Version: r.version(c.rev)}
}

// modified gives c, which clients now see differently, a version of its own.
func (r *Roster) modified(c *contact) Push {
	r.rev++
	c.rev = r.rev
	return r.push(c)
}

// forgetRemovals keeps the number of remembered removals within its bound, the
// oldest going first: who has not asked since gets the whole roster.
func (r *Roster) forgetRemovals() {
	for r.removed > max(r.limits.Removed, 0) {
		var oldest *contact
		for i := range r.contacts {
			if c := &r.contacts[i]; c.gone() && (oldest == nil || c.rev < oldest.rev) {
				oldest = c
			}
		}
		r.floor = max(r.floor, oldest.rev)
		r.newHeader = true
		r.removed--
		j := r.touch(oldest.JID).JID
		oldest.rev = 0
		if !oldest.State.PendingIn() {
			r.drop(j)
		}
	}
}
