// Package presence says who must be told what when a resource of an account
// changes: broadcasts, probes and their answers, directed presence, and what
// goes with a subscription that is granted or ends. It implements RFC 6121 §4,
// the ordering rules of §3, and the presence side of XEP-0191 version 1.3.
//
// Nothing here does input or output or takes a lock. An Account is the caller's
// view of one account, guarded by the caller; every method appends to dst the
// actions that follow, in the order in which they are to be carried out, and
// updates the account's resources. The caller puts the stanzas together.
package presence

import (
	"natter/roster"
	"natter/stanza"
)

// Resource is one connected resource of an account (RFC 6121 §4.1). The zero
// value is one that is connected and nothing more.
type Resource struct {
	// Available is set between initial and unavailable presence.
	Available bool
	// Priority counts while the resource is available (§4.7.2.3).
	Priority int8
	// Directed are those who were sent directed presence (§4.6).
	Directed Directed
}

// Account is what the rules need to know of one account. Resources are named by
// their index in Resources, in actions as in arguments.
type Account struct {
	JID       stanza.JID // bare
	Roster    *roster.Roster
	Resources []Resource

	// Blocked reports whether the account blocks j (XEP-0191); nil for nobody.
	Blocked func(j stanza.JID) bool
}

// Kind is what an action sends.
type Kind uint8

// Presence information. Current keeps the id the client gave its stanza; the
// others that answer a probe mirror the probe's (RFC 6121 §4.3.2.1).
const (
	// Relay sends the stanza that is being handled, whole, from the full JID of
	// the resource.
	Relay Kind = iota
	// Current sends the last broadcast presence of the resource, whole.
	Current
	// Available sends presence of the resource without any children (§4.6.6).
	Available
	// Unavailable sends unavailable presence made by the server.
	Unavailable
	// LastUnavailable sends unavailable presence from the bare JID, which should
	// tell since when (§4.3.2, XEP-0203).
	LastUnavailable
	// Probe asks To for its presence, from the bare JID (§4.3.1). Own is the
	// resource that wants to know, or None if all do: an answer from this very
	// server may go to it alone.
	Probe
)

// Subscription stanzas. Route passes the stanza that is being handled, from the
// account's bare JID; Deliver... hands it to the account's own resources; the
// rest are made by the server, from the account's bare JID (§3).
const (
	Route Kind = iota + 16
	DeliverAvailable
	DeliverInterested
	Subscribe
	Subscribed
	Unsubscribe
	Unsubscribed
	// Request shows the resource Own the waiting request of To (§3.1.3).
	Request
	// Push sends the roster push to the interested resources (§2.1.6).
	Push
)

var kindNames = map[Kind]string{
	Relay: "relay", Current: "current", Available: "available", Unavailable: "unavailable",
	LastUnavailable: "last unavailable", Probe: "probe", Route: "route",
	DeliverAvailable: "deliver to available", DeliverInterested: "deliver to interested",
	Subscribe: "subscribe", Subscribed: "subscribed", Unsubscribe: "unsubscribe", Unsubscribed: "unsubscribed",
	Request: "request", Push: "push",
}

// String names the kind for logs and tests.
func (k Kind) String() string { return kindNames[k] }

// What stands in place of a resource's index.
const (
	None  = -1 // From: the account's bare JID. Own: no resource of the account.
	Asked = -2 // From: the full JID that a probe was sent to, which no resource has
	All   = -3 // as an argument: every resource
)

// Action is one thing to send. It goes to the account's own resource Own, or
// with Own None to the address To. For DeliverAvailable, DeliverInterested and
// Push, To is the contact it is about.
type Action struct {
	Kind Kind
	From int32 // index of the resource it comes from, None or Asked
	Own  int32 // index of the resource it goes to, or None
	To   stanza.JID
}

// contact appends what goes from a resource, or None, to an address.
func contact(dst []Action, k Kind, from int, to stanza.JID) []Action {
	return append(dst, Action{Kind: k, From: int32(from), Own: None, To: to})
}

// own appends what goes from one resource of the account to another.
func own(dst []Action, k Kind, from, to int) []Action {
	return append(dst, Action{Kind: k, From: int32(from), Own: int32(to)})
}

func (a *Account) blocks(j stanza.JID) bool { return a.Blocked != nil && a.Blocked(j) }

// state is the state of the subscriptions with j.
func (a *Account) state(j stanza.JID) roster.State {
	if a.Roster == nil {
		return roster.StateNone
	}
	return a.Roster.State(j)
}

// shown reports whether j sees the account's presence by subscription; every
// account does its own (RFC 6121 §4.2.2).
func (a *Account) shown(j stanza.JID) bool {
	bare := j.Bare()
	return bare == a.JID || a.state(bare).HasFrom()
}

// contacts yields the contacts of the roster that are not blocked.
func (a *Account) contacts(yield func(*roster.Item) bool) {
	if a.Roster == nil {
		return
	}
	for item := range a.Roster.All() {
		if !a.blocks(item.JID) && !yield(item) {
			return
		}
	}
}
