package presence

import (
	"slices"

	"natter/stanza"
)

// MaxDirected is the number of addresses one resource may have sent directed
// presence to and not taken it back; a client in as many rooms is no client.
const MaxDirected = 1000

// Directed are the addresses that a resource has sent directed presence to and
// that must hear when it goes (RFC 6121 §4.6.1), in the order of sending. The
// zero value is empty.
type Directed struct{ list []stanza.JID }

// List returns the addresses, for storing them with the session. The caller
// must not change them.
func (d *Directed) List() []stanza.JID { return d.list }

// Restore sets the addresses from what List once returned; those beyond
// MaxDirected are dropped.
func (d *Directed) Restore(list []stanza.JID) {
	d.list = slices.Clone(list[:min(len(list), MaxDirected)])
}

// Knows reports whether anything at j's bare JID was sent directed presence: a
// room that was sent it by one occupant's address shows it to all the others.
func (d *Directed) Knows(j stanza.JID) bool {
	bare := j.Bare()
	for _, k := range d.list {
		if k.Bare() == bare {
			return true
		}
	}
	return false
}

func (d *Directed) add(j stanza.JID) bool {
	if slices.Contains(d.list, j) {
		return true
	}
	if len(d.list) >= MaxDirected {
		return false
	}
	d.list = append(d.list, j)
	return true
}

func (d *Directed) remove(j stanza.JID) {
	if i := slices.Index(d.list, j); i >= 0 {
		d.list = slices.Delete(d.list, i, i+1)
	}
}

// removeAll removes every address at the bare JID.
func (d *Directed) removeAll(bare stanza.JID) {
	d.list = slices.DeleteFunc(d.list, func(j stanza.JID) bool { return j.Bare() == bare })
}

// SendDirected handles presence without 'type', or of type "unavailable", that
// the resource res sends to the address to (RFC 6121 §4.6.3). It is relayed,
// and remembered unless the address is a subscriber's, who hears from an
// available resource anyway. The error, resource-constraint, is for the sender:
// MaxDirected is reached, and nothing may be sent, for its end could not be.
func (a *Account) SendDirected(dst []Action, res int, to stanza.JID, unavailable bool) ([]Action, *stanza.Error) {
	r := &a.Resources[res]
	switch {
	case unavailable:
		r.Directed.remove(to)
	case r.Available && a.shown(to):
	case !r.Directed.add(to):
		return dst, stanza.ResourceConstraint("presence is directed at too many addresses")
	}
	return contact(dst, Relay, res, to), nil
}

// HearUnavailable handles unavailable presence from the address from to the
// resource res, to All of them or to None: who has gone need not be told of it
// later (§4.6.1).
func (a *Account) HearUnavailable(res int, from stanza.JID) {
	for i := range a.Resources {
		if res == i || res == All {
			a.Resources[i].Directed.remove(from)
		}
	}
}

// Shares reports whether the resource res shows its presence to j, by
// subscription or as directed presence. An IQ request of anyone else to its
// full JID is answered with service-unavailable (RFC 6121 §8.5.3.1).
func (a *Account) Shares(res int, j stanza.JID) bool {
	return a.shown(j) || a.Resources[res].Directed.Knows(j)
}
