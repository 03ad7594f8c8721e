package presence

import (
	"natter/roster"
	"natter/stanza"
)

// SendSubscription says what follows when the account sends a subscription
// stanza to the contact to, given what that did to the roster (RFC 6121 §3.1.2,
// §3.1.5, §3.2.2, §3.3.2, §3.4.2).
//
// The push of a request goes before the request, not after it as §3.1.2 tells:
// a contact on this server may be answered for at once, and pushes have to come
// in the order of modification (§2.6.3).
func (a *Account) SendSubscription(dst []Action, to stanza.JID, e roster.Effect) []Action {
	to = to.Bare()
	if e.Kind == roster.Subscribe && e.Pushed {
		dst = contact(dst, Push, None, to)
	}
	if e.Revoked() {
		dst = a.withdraw(dst, to)
	}
	if e.Pass {
		dst = contact(dst, Route, None, to)
	}
	if e.Kind != roster.Subscribe && e.Pushed {
		dst = contact(dst, Push, None, to)
	}
	if e.Granted() {
		dst = a.grant(dst, to)
	}
	return dst
}

// ReceiveSubscription says what follows when the contact from has sent the
// account a subscription stanza, given what that did to the roster (RFC 6121
// §3.1.3, §3.1.6, §3.2.3, §3.3.3, §3.4.2). A request goes to the available
// resources, anything else to the interested ones.
func (a *Account) ReceiveSubscription(dst []Action, from stanza.JID, e roster.Effect) []Action {
	from = from.Bare()
	if e.Pass {
		kind := DeliverInterested
		if e.Kind == roster.Subscribe {
			kind = DeliverAvailable
		}
		dst = contact(dst, kind, None, from)
	}
	if e.AutoReply == roster.Subscribed {
		dst = contact(dst, Subscribed, None, from)
	}
	if e.Pushed {
		dst = contact(dst, Push, None, from)
	}
	if e.Granted() {
		dst = a.grant(dst, from)
	}
	if e.Revoked() {
		dst = a.withdraw(dst, from)
	}
	if e.AutoReply == roster.Unsubscribed {
		dst = contact(dst, Unsubscribed, None, from)
	}
	return dst
}

// RemoveContact says what follows when a contact was removed from the roster
// (RFC 6121 §2.5.2).
func (a *Account) RemoveContact(dst []Action, out roster.Removal) []Action {
	j := out.Push.Item.JID
	dst = contact(dst, Push, None, j)
	if out.Unsubscribe {
		dst = contact(dst, Unsubscribe, None, j)
	}
	if out.Unsubscribed {
		dst = a.withdraw(dst, j)
		dst = contact(dst, Unsubscribed, None, j)
	}
	return dst
}

// RemoveAccount says what the others are told when the account is removed: its
// resources go, its subscriptions end, and the requests that wait are denied.
// The resources are not available afterwards.
func (a *Account) RemoveAccount(dst []Action) []Action {
	for i := range a.Resources {
		dst = a.leave(dst, i)
	}
	if a.Roster == nil {
		return dst
	}
	for item := range a.Roster.All() {
		if item.State.HasTo() || item.State.Ask() {
			dst = contact(dst, Unsubscribe, None, item.JID)
		}
		if item.State.HasFrom() {
			dst = contact(dst, Unsubscribed, None, item.JID)
		}
	}
	for j := range a.Roster.Requests() {
		dst = contact(dst, Unsubscribed, None, j)
	}
	return dst
}

// leave is Unavailable without the account's own resources.
func (a *Account) leave(dst []Action, res int) []Action {
	start := len(dst)
	dst = a.Unavailable(dst, res, false)
	kept := dst[:start]
	for _, act := range dst[start:] {
		if act.Own == None {
			kept = append(kept, act)
		}
	}
	return kept
}

// grant sends the contact the presence of every available resource (§3.1.5).
func (a *Account) grant(dst []Action, to stanza.JID) []Action {
	if a.blocks(to) {
		return dst
	}
	return a.presenceTo(dst, Current, to)
}

// withdraw tells the contact that every resource it knows of is unavailable,
// those it has directed presence from included (§3.2.2, §4.6.1).
func (a *Account) withdraw(dst []Action, to stanza.JID) []Action {
	for i := range a.Resources {
		r := &a.Resources[i]
		if r.Available || r.Directed.Knows(to) {
			r.Directed.removeAll(to)
			if !a.blocks(to) {
				dst = contact(dst, Unavailable, i, to)
			}
		}
	}
	return dst
}
