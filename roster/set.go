package roster

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"natter/stanza"
)

// SetRequest is what a client asks for in a roster set (RFC 6121 §2.1.5): a
// contact to be as given, or to be removed. Of the rest a client may have
// written, 'subscription' other than "remove", 'ask' and 'approved', nothing
// counts and nothing is kept here.
type SetRequest struct {
	JID    stanza.JID
	Name   string
	Groups []string
	Remove bool
}

// Set adds a contact to the list or gives it a new handle and new groups
// (RFC 6121 §2.3, §2.4); what it does not name, the subscription above all,
// stays. The push goes to every interested resource, the asking one included,
// also when nothing was different (§2.3.2).
//
// The errors are those of §2.3.3, with a full list and too many groups as
// policy-violation. A request with Remove set is a bad-request here.
func (r *Roster) Set(req SetRequest) (Push, *stanza.Error) {
	if req.Remove {
		return Push{}, stanza.BadRequest("a removal is no update")
	}
	if err := r.check(req); err != nil {
		return Push{}, err
	}
	if err := r.room(req.JID); err != nil {
		return Push{}, err
	}
	c := r.list(req.JID)
	c.Name = req.Name
	c.Groups = slices.Clone(req.Groups)
	return r.modified(c), nil
}

// Removal is what follows from removing a contact. The stanzas go to it from
// the owner's bare JID (RFC 6121 §2.5.2).
type Removal struct {
	Push Push

	// Before is the state up to the removal.
	Before State

	// Unsubscribe is called for when the owner was subscribed to the contact,
	// and also, beyond §2.5.2, when it only had asked: left standing, a later
	// approval would send presence to someone who no longer wants it.
	Unsubscribe bool

	// Unsubscribed is called for when the contact was subscribed to the owner.
	// Unavailable presence of every resource goes before it (§3.2.2).
	Unsubscribed bool
}

// Remove takes j's bare JID off the list, pre-approval and all (RFC 6121 §2.5,
// §3.4.2). A request of the contact goes on waiting for its answer: removing is
// neither of the two (§3.1.3). Who is not on the list is item-not-found (§2.5.3).
func (r *Roster) Remove(j stanza.JID) (Removal, *stanza.Error) {
	j = j.Bare()
	if c := r.find(j); c == nil || !c.listed {
		// The type is that of the example, not RFC 6120's recommendation.
		return Removal{}, &stanza.Error{Type: stanza.Modify, Condition: "item-not-found", Text: "no such contact"}
	}
	c := r.touch(j)
	out := Removal{
		Before:       c.State,
		Unsubscribe:  c.State.HasTo() || c.State.Ask(),
		Unsubscribed: c.State.HasFrom(),
	}
	next := StateNone
	if c.State.PendingIn() {
		next = StateNoneIn
	}
	c.Item = Item{JID: j, State: next}
	c.listed = false
	r.items--
	r.removed++
	out.Push = r.modified(c)
	r.forgetRemovals()
	return out, nil
}

// Put makes a contact exactly what item says, subscription and all: for import
// and for accounts that an administrator makes ready. A state with Pending In
// takes the waiting request along; for the others it is not looked at. Nobody
// but the owner's own clients learns of it, by the push: the contact's roster
// has to be put to match.
//
// The errors are those of Set and Inbound, and bad-request for a state that is
// none.
func (r *Roster) Put(item Item, request []byte) (Push, *stanza.Error) {
	if !item.State.Valid() {
		return Push{}, stanza.BadRequest("no such subscription state")
	}
	if err := r.check(SetRequest{JID: item.JID, Name: item.Name, Groups: item.Groups}); err != nil {
		return Push{}, err
	}
	if err := r.room(item.JID); err != nil {
		return Push{}, err
	}
	if item.State.PendingIn() {
		if err := r.keepRequest(item.JID, request); err != nil {
			return Push{}, err
		}
	} else {
		r.dropRequest(item.JID)
	}
	c := r.list(item.JID)
	item.Groups = slices.Clone(item.Groups)
	c.Item = item
	return r.modified(c), nil
}

// list puts the bare JID j on the list, if it is not there, with the state it
// has, and marks it for storing.
func (r *Roster) list(j stanza.JID) *contact {
	c := r.touch(j)
	if !c.listed {
		if c.gone() {
			r.removed--
		}
		c.listed = true
		r.items++
	}
	return c
}

// room is nil if j is on the list or there is a place left for it.
func (r *Roster) room(j stanza.JID) *stanza.Error {
	if r.items < r.limits.Items {
		return nil
	}
	if c := r.find(j); c != nil && c.listed {
		return nil
	}
	return stanza.PolicyViolation("the contact list is full")
}

// check looks at a request by itself (RFC 6121 §2.3.3).
func (r *Roster) check(req SetRequest) *stanza.Error {
	switch {
	case req.JID.IsZero():
		return stanza.BadRequest("an item needs a jid")
	case !req.JID.IsBare():
		return stanza.BadRequest("a contact is a bare JID")
	case req.JID == r.owner:
		// The interoperability note of §2.3.3.
		return stanza.NotAllowed("an account is no contact of its own")
	case len(req.Name) > r.limits.Name:
		return stanza.NotAcceptable("the name is too long")
	case !utf8.ValidString(req.Name):
		return stanza.BadRequest("the name is not UTF-8")
	case len(req.Groups) > r.limits.Groups:
		return stanza.PolicyViolation("too many groups")
	}
	for _, g := range req.Groups {
		switch {
		case g == "":
			return stanza.NotAcceptable("a group needs a name")
		case len(g) > r.limits.Group:
			return stanza.NotAcceptable("a group's name is too long")
		case !utf8.ValidString(g):
			return stanza.BadRequest("a group's name is not UTF-8")
		}
	}
	if duplicates(req.Groups) {
		return stanza.BadRequest("a group is named twice")
	}
	return nil
}

// duplicates compares groups as resourceparts are compared (RFC 7622 §3.4),
// the method §2.3.3 suggests. What the profile does not allow in a resourcepart
// may still be in a group's name, and is compared byte by byte.
func duplicates(groups []string) bool {
	if len(groups) < 2 {
		return false
	}
	seen := make(map[string]struct{}, len(groups))
	for _, g := range groups {
		if !ascii(g) {
			if key, err := precis.OpaqueString.CompareKey(g); err == nil {
				g = key
			}
		}
		if _, ok := seen[g]; ok {
			return true
		}
		seen[g] = struct{}{}
	}
	return false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
