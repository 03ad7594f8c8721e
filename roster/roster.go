// Package roster keeps one account's contact list as a value: its items, the
// state of every subscription, the requests that wait for an answer, and the
// versions a client can ask for. It implements RFC 6121 §2, §3 and appendix A,
// with roster versioning (§2.6) and pre-approval (§3.4).
//
// Nothing here does input or output or takes a lock. A Roster belongs to its
// account: the caller guards it, applies a change, stores the documents that
// Changes returns and sends what the change's result says. Which stanzas go to
// whom is worked out in package presence.
package roster

import (
	"iter"
	"slices"
	"strings"

	"natter/stanza"
)

// Limits bounds a roster. Sizes are in bytes, of the text as it is kept.
type Limits struct {
	Items       int // contacts in the list
	Name        int // bytes of a handle
	Group       int // bytes of a group's name
	Groups      int // groups of one contact
	Requests    int // subscription requests that wait for the owner's answer
	RequestSize int // bytes of one such request
	RequestsSum int // bytes of all of them
	Removed     int // removed contacts remembered for versioning
}

// DefaultLimits are the bounds a server has unless told otherwise, with room for
// any list that people have made by hand.
var DefaultLimits = Limits{
	Items:       10_000,
	Name:        1023,
	Group:       1023,
	Groups:      100,
	Requests:    1000,
	RequestSize: 16 << 10,
	RequestsSum: 1 << 20,
	Removed:     500,
}

// Item is one contact as its owner sees it. The JID is bare. Groups keep the
// client's order and are never changed in place, so a copy of an Item stays
// true to its moment.
type Item struct {
	JID    stanza.JID
	Name   string
	Groups []string
	State  State
}

// Roster is one account's contact list. Methods that only read may run side by
// side; the caller keeps them apart from those that change it.
type Roster struct {
	owner  stanza.JID // bare
	limits Limits

	// contacts are sorted by the text of their JIDs: lists come out in the
	// same order every time, and no index has to be kept in memory.
	contacts []contact
	requests map[stanza.JID][]byte // the waiting <presence type='subscribe'/>, whole

	items       int // contacts that are listed
	removed     int // contacts that are remembered as removed
	requestsSum int // bytes in requests

	epoch string // the fixed part of every version of this roster
	rev   uint64 // the counting part of the current version
	floor uint64 // what happened up to here is no longer known change by change

	newHeader bool                    // the header document has to be stored
	dirty     map[stanza.JID]struct{} // contacts whose documents have to be stored
}

// contact is all that is known about one bare JID. One that is not listed is
// here for a waiting request, or for having been removed lately, or both.
type contact struct {
	Item
	listed bool   // in the contact list
	rev    uint64 // the version that last changed what clients see, 0 for never
}

func (c *contact) gone() bool { return !c.listed && c.rev != 0 }

// New makes an empty roster for the account with the bare JID owner. The epoch
// tells this roster's versions from those of any other the same address had
// before (a removed account, a restored backup): a short random text. Characters
// other than ASCII letters and digits are dropped from it.
func New(owner stanza.JID, epoch string, limits Limits) *Roster {
	return &Roster{
		owner:     owner.Bare(),
		limits:    limits,
		epoch:     plain(epoch),
		newHeader: true,
	}
}

// Owner is the bare JID of the account.
func (r *Roster) Owner() stanza.JID { return r.owner }

// Len is the number of contacts in the list.
func (r *Roster) Len() int { return r.items }

// All yields the contacts of the list in the order of their JIDs. The pointers
// are only for reading and only until the roster changes.
func (r *Roster) All() iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for i := range r.contacts {
			if c := &r.contacts[i]; c.listed && !yield(&c.Item) {
				return
			}
		}
	}
}

// Get returns the contact with j's bare JID, if it is in the list.
func (r *Roster) Get(j stanza.JID) (Item, bool) {
	if c := r.find(j.Bare()); c != nil && c.listed {
		return c.Item, true
	}
	return Item{}, false
}

// State is the state of the subscriptions with j's bare JID, listed or not.
func (r *Roster) State(j stanza.JID) State {
	if c := r.find(j.Bare()); c != nil {
		return c.State
	}
	return StateNone
}

// Requests yields the waiting subscription requests in the order of their
// senders' bare JIDs, each with the stanza as it came in, to be shown whenever
// a resource of the owner becomes available (RFC 6121 §3.1.3). The bytes are
// the roster's own: for reading only.
func (r *Roster) Requests() iter.Seq2[stanza.JID, []byte] {
	return func(yield func(stanza.JID, []byte) bool) {
		if len(r.requests) == 0 {
			return
		}
		for i := range r.contacts {
			c := &r.contacts[i]
			if c.State.PendingIn() && !yield(c.JID, r.requests[c.JID]) {
				return
			}
		}
	}
}

// Request returns the waiting request of j's bare JID, nil if there is none.
func (r *Roster) Request(j stanza.JID) []byte { return r.requests[j.Bare()] }

// Waiting is the number of requests that wait for the owner's answer.
func (r *Roster) Waiting() int { return len(r.requests) }

// search finds the place of the bare JID j among the contacts.
func (r *Roster) search(j stanza.JID) (int, bool) {
	key := j.String()
	lo, hi := 0, len(r.contacts)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch strings.Compare(r.contacts[mid].JID.String(), key) {
		case 0:
			return mid, true
		case -1:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// find returns what is known about the bare JID j, nil for nothing. The
// pointer is good until a contact is added or dropped.
func (r *Roster) find(j stanza.JID) *contact {
	if i, ok := r.search(j); ok {
		return &r.contacts[i]
	}
	return nil
}

// touch returns the place for the bare JID j, made if need be, and marks its
// document for storing.
func (r *Roster) touch(j stanza.JID) *contact {
	if r.dirty == nil {
		r.dirty = make(map[stanza.JID]struct{}, 1)
	}
	r.dirty[j] = struct{}{}
	i, ok := r.search(j)
	if !ok {
		r.contacts = slices.Insert(r.contacts, i, contact{Item: Item{JID: j}})
	}
	return &r.contacts[i]
}

// drop forgets the bare JID j altogether.
func (r *Roster) drop(j stanza.JID) {
	if i, ok := r.search(j); ok {
		r.contacts = slices.Delete(r.contacts, i, i+1)
	}
}

// plain keeps the ASCII letters and digits of s, at most 32 of them.
func plain(s string) string {
	s = strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, s)
	return s[:min(len(s), 32)]
}
