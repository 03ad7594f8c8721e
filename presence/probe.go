package presence

import "natter/stanza"

// Answer says how a probe from the address from to the account a is answered
// (RFC 6121 §4.3.2, §4.6.6). A nil account is one that does not exist. The res
// is the index of the resource the probe names, None if it names none, and
// Asked if it names one that is not connected.
//
//	who probes                  what for     answer
//	blocked                     anything     nothing (XEP-0191 §3.3)
//	subscribed, or the account  bare JID     each available resource's presence, whole;
//	                                         if there is none, since when
//	subscribed, or the account  full JID     that resource is available, or not, no more
//	was sent directed presence  bare JID     each resource that sent it, available, no more
//	was sent directed presence  full JID     the same for that resource
//	anyone else, or no account  anything     unsubscribed, from the bare JID
func Answer(dst []Action, a *Account, from stanza.JID, res int) []Action {
	if a == nil {
		return contact(dst, Unsubscribed, None, from)
	}
	if a.blocks(from) {
		return dst
	}
	switch subscribed := a.shown(from); {
	case subscribed && res == None:
		return a.answerWhole(dst, from)
	case subscribed && res >= 0 && a.Resources[res].Available:
		return contact(dst, Available, res, from)
	case subscribed:
		return contact(dst, Unavailable, res, from)
	}
	told := len(dst)
	for i := range a.Resources {
		if (res == None || res == i) && a.Resources[i].Directed.Knows(from) {
			dst = contact(dst, Available, i, from)
		}
	}
	if len(dst) == told {
		dst = contact(dst, Unsubscribed, None, from)
	}
	return dst
}

func (a *Account) answerWhole(dst []Action, from stanza.JID) []Action {
	if !a.online() {
		return contact(dst, LastUnavailable, None, from)
	}
	return a.presenceTo(dst, Current, from)
}

// presenceTo appends an action to the address for each available resource.
func (a *Account) presenceTo(dst []Action, k Kind, to stanza.JID) []Action {
	for i := range a.Resources {
		if a.Resources[i].Available {
			dst = contact(dst, k, i, to)
		}
	}
	return dst
}
