package presence

import "natter/stanza"

// Block says who is told that the account is unavailable because it now blocks
// j: those that j stands for and that see its presence (XEP-0191 §3.3). It
// sends nothing else and takes no heed of a.Blocked.
func (a *Account) Block(dst []Action, j stanza.JID) []Action {
	dst = a.tell(dst, Unavailable, j)
	for i := range a.Resources {
		r := &a.Resources[i]
		for _, k := range r.Directed.list {
			if Matches(j, k) && !(r.Available && a.shown(k)) {
				dst = contact(dst, Unavailable, i, k)
			}
		}
	}
	return dst
}

// Unblock says who is sent the account's presence because it no longer blocks
// j, which a.Blocked must know by now (XEP-0191 §3.4), and who is probed for
// the presence that was missed. Directed presence is not renewed.
func (a *Account) Unblock(dst []Action, j stanza.JID) []Action {
	start := len(dst)
	dst = a.tell(dst, Current, j)
	kept := dst[:start]
	for _, act := range dst[start:] {
		if !a.blocks(act.To) {
			kept = append(kept, act)
		}
	}
	dst = kept
	if !a.online() {
		return dst
	}
	for item := range a.contacts {
		if item.State.HasTo() && Matches(j, item.JID) {
			dst = contact(dst, Probe, None, item.JID)
		}
	}
	return dst
}

// tell appends an action of each available resource for each subscribed contact
// that j stands for. A full JID is told itself: it gets what its bare JID gets.
func (a *Account) tell(dst []Action, k Kind, j stanza.JID) []Action {
	if a.Roster == nil {
		return dst
	}
	for item := range a.Roster.All() {
		switch {
		case !item.State.HasFrom():
		case Matches(j, item.JID):
			dst = a.presenceTo(dst, k, item.JID)
		case j.Bare() == item.JID:
			dst = a.presenceTo(dst, k, j)
		}
	}
	return dst
}

// Matches reports whether the blocked JID item stands for j (XEP-0191 §6): a
// full JID for itself, a bare JID for its resources too, a domain for all at it.
func Matches(item, j stanza.JID) bool {
	if item == j || item == j.Bare() {
		return true
	}
	return item.IsDomain() && item.Domain() == j.Domain()
}
