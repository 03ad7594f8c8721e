package roster

import "natter/stanza"

// Effect is what one subscription stanza did and what is to be sent because of
// it. Package presence puts it in order.
type Effect struct {
	Kind   Kind
	Before State
	After  State

	// Pass says that the stanza goes on: to the contact if the owner sent it,
	// to the owner's resources if the contact did.
	Pass bool

	// AutoReply goes to the contact from the owner's bare JID, unless NoKind.
	// Only a received stanza has one.
	AutoReply Kind

	// Push tells the interested resources, if Pushed.
	Push   Push
	Pushed bool
}

// Granted reports that the contact now receives the owner's presence and is to
// be sent it as it is (RFC 6121 §3.1.5): it was approved, or it asked for what
// it has and so may have lost it.
func (e Effect) Granted() bool {
	return e.After.HasFrom() && (!e.Before.HasFrom() || e.AutoReply == Subscribed)
}

// Revoked reports that the contact no longer receives the owner's presence and
// is to be sent unavailable presence of every resource (RFC 6121 §3.2.2, §3.3.3).
func (e Effect) Revoked() bool { return e.Before.HasFrom() && !e.After.HasFrom() }

// Outbound applies a subscription stanza that the owner sends to the contact to
// (RFC 6121 §A.2, §3.4.2). A resource in the address is passed over (§3.1.2).
// The error is for the sender; with one, nothing has changed.
func (r *Roster) Outbound(to stanza.JID, k Kind) (Effect, *stanza.Error) {
	to = to.Bare()
	if to == r.owner {
		// An account is implicitly subscribed to itself (§4.2.2).
		return Effect{}, stanza.NotAllowed("an account is no contact of its own")
	}
	before := r.State(to)
	does := Outbound(before, k)
	e := Effect{Kind: k, Before: before, After: does.Next, Pass: does.Route, Pushed: does.Push}
	if does.Next == before {
		return e, nil
	}
	if does.Push {
		if err := r.room(to); err != nil {
			return Effect{}, err
		}
	}
	r.enter(to, &e)
	return e, nil
}

// Inbound applies a subscription stanza that the contact from has sent to the
// owner (RFC 6121 §A.3, §3.4.2). The request of a Subscribe is the whole stanza
// as it is to be shown to the owner, with its addresses and namespaces; it is
// copied if it has to wait, and not looked at for other kinds. Of several
// requests from one contact the first is kept (§3.1.3).
//
// The error is for the contact: too many requests wait (resource-constraint) or
// this one is too long (policy-violation). With one, nothing has changed. Who
// would rather not show that the account exists drops it (§8.1).
func (r *Roster) Inbound(from stanza.JID, k Kind, request []byte) (Effect, *stanza.Error) {
	from = from.Bare()
	if from == r.owner {
		return Effect{}, nil
	}
	before := r.State(from)
	does := Inbound(before, k)
	e := Effect{Kind: k, Before: before, After: does.Next, Pass: does.Deliver, AutoReply: does.AutoReply, Pushed: does.Push}
	if does.Next == before {
		return e, nil
	}
	if does.Next.PendingIn() && !before.PendingIn() {
		if err := r.keepRequest(from, request); err != nil {
			return Effect{}, err
		}
	}
	r.enter(from, &e)
	return e, nil
}

// enter puts the contact j into the state e ends in.
func (r *Roster) enter(j stanza.JID, e *Effect) {
	var c *contact
	if e.Pushed {
		c = r.list(j)
	} else {
		c = r.touch(j)
	}
	c.State = e.After
	if e.Before.PendingIn() && !e.After.PendingIn() {
		r.dropRequest(j)
		if !c.listed && !c.gone() {
			r.drop(j)
			return
		}
	}
	if e.Pushed {
		e.Push = r.modified(c)
	}
}

// keepRequest makes the request of the bare JID j wait, unless there is no room.
// One that waits already is replaced.
func (r *Roster) keepRequest(j stanza.JID, request []byte) *stanza.Error {
	old, again := r.requests[j]
	if len(request) > r.limits.RequestSize {
		return stanza.PolicyViolation("the subscription request is too long")
	}
	if !again && len(r.requests) >= r.limits.Requests ||
		r.requestsSum-len(old)+len(request) > r.limits.RequestsSum {
		return stanza.ResourceConstraint("too many subscription requests wait for an answer")
	}
	if r.requests == nil {
		r.requests = make(map[stanza.JID][]byte)
	}
	// Not nil, so that a request without bytes is still one.
	r.requests[j] = append(make([]byte, 0, len(request)), request...)
	r.requestsSum += len(request) - len(old)
	return nil
}

// dropRequest forgets the request of the bare JID j, if one waits.
func (r *Roster) dropRequest(j stanza.JID) {
	r.requestsSum -= len(r.requests[j])
	delete(r.requests, j)
}
