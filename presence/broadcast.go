package presence

// mostAgain bounds how many requests are sent again at once: each may have an
// account read.
const mostAgain = 100

// Broadcast handles presence without 'to' and 'type' from the resource res:
// initial presence if the resource was not available (RFC 6121 §4.2.2), else a
// later one (§4.4.2). It makes the resource available with the priority.
//
// Initial presence goes to the subscribed contacts and to every available
// resource of the account, res included. Then res is sent the presence of the
// others, the contacts it is subscribed to are probed (§4.3.1), and it is shown
// the requests that wait (§3.1.3). With the first resource the account's own
// requests that had no answer are sent again (§3.1.2): what they did on the contact's
// side may have been lost, on another server or, between two commits, on this one.
// Where it was not, the contact's side passes over them (§A.3.1).
func (a *Account) Broadcast(dst []Action, res int, priority int8) []Action {
	initial, first := !a.Resources[res].Available, !a.online()
	a.Resources[res].Available = true
	a.Resources[res].Priority = priority

	dst = a.toSubscribers(dst, Relay, res)
	dst = a.toOwn(dst, Relay, res)
	if !initial {
		return dst
	}
	for i := range a.Resources {
		if i != res && a.Resources[i].Available {
			dst = own(dst, Current, i, res)
		}
	}
	for item := range a.contacts {
		if item.State.HasTo() {
			dst = append(dst, Action{Kind: Probe, From: None, Own: int32(res), To: item.JID})
		}
	}
	if a.Roster == nil {
		return dst
	}
	for j := range a.Roster.Requests() {
		if !a.blocks(j) {
			dst = append(dst, Action{Kind: Request, From: None, Own: int32(res), To: j})
		}
	}
	if !first {
		return dst
	}
	again := 0
	for item := range a.contacts {
		if item.State.Ask() && again < mostAgain {
			dst = contact(dst, Subscribe, None, item.JID)
			again++
		}
	}
	return dst
}

// Unavailable handles the end of the resource res's presence: unavailable
// presence without 'to' if graceful, which is relayed, else the loss of its
// stream, for which the server makes it (RFC 6121 §4.5.2). The subscribed
// contacts and the account's available resources are told, and whoever got
// directed presence from res and does not know yet (§4.6.3). Of a resource that
// was not available only the last hear. Afterwards res is not available and has
// no directed presence.
func (a *Account) Unavailable(dst []Action, res int, graceful bool) []Action {
	kind := Unavailable
	if graceful {
		kind = Relay
	}
	r := &a.Resources[res]
	was := r.Available
	if was {
		dst = a.toSubscribers(dst, kind, res)
	}
	for _, j := range r.Directed.list {
		if !(was && a.shown(j)) && !a.blocks(j) {
			dst = contact(dst, kind, res, j)
		}
	}
	if was {
		r.Available = graceful // its own copy, while there is someone to have it
		dst = a.toOwn(dst, kind, res)
	}
	r.Available = false
	r.Directed = Directed{}
	return dst
}

// online reports whether any resource is available.
func (a *Account) online() bool {
	for i := range a.Resources {
		if a.Resources[i].Available {
			return true
		}
	}
	return false
}

func (a *Account) toSubscribers(dst []Action, k Kind, res int) []Action {
	for item := range a.contacts {
		if item.State.HasFrom() {
			dst = contact(dst, k, res, item.JID)
		}
	}
	return dst
}

func (a *Account) toOwn(dst []Action, k Kind, res int) []Action {
	for i := range a.Resources {
		if a.Resources[i].Available {
			dst = own(dst, k, res, i)
		}
	}
	return dst
}
