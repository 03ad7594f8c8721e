package server

import "natter/stanza"

// action is what RFC 6121 §8.5 has the server do with a message for a local
// account.
type action uint8

const (
	ignore  action = iota // S: silently
	bounce                // E: answer service-unavailable
	offline               // O: keep for later
	deliver               // D: to the session addressed
	best                  // M: to the most available sessions
	all                   // A: to every session with a priority that is not negative
)

// recipient is the state of the account a message is for.
type recipient uint8

const (
	noAccount  recipient = iota // the account does not exist
	noResource                  // no available resource
	negative                    // available resources, all of negative priority
	reachable                   // at least one of non-negative priority
	recipients
)

// addressed is how a message addresses an account.
type addressed uint8

const (
	bareJID     addressed = iota
	fullMatch             // a full JID that a session is bound to
	fullNoMatch           // a full JID that no session is bound to
	addresses
)

// messageType indexes the columns of RFC 6121 §8.5.4, table 1.
func messageType(t stanza.Type) int {
	switch t {
	case stanza.Chat:
		return 1
	case stanza.Groupchat:
		return 2
	case stanza.Headline:
		return 3
	case stanza.TypeError:
		return 4
	}
	return 0 // normal; an unknown type is treated as normal (RFC 6121 §5.2.2)
}

// messageRules is table 1 of RFC 6121 §8.5.4 with the choices it leaves open
// made: what can be kept is kept, what cannot is bounced, and "most available"
// means all sessions of the highest priority. docs/routing.md is this table.
var messageRules = [recipients][addresses][5]action{
	//                normal   chat     groupchat headline error
	noAccount: {
		bareJID:     {bounce, bounce, bounce, ignore, ignore},
		fullMatch:   {bounce, bounce, bounce, ignore, ignore},
		fullNoMatch: {bounce, bounce, bounce, ignore, ignore},
	},
	noResource: {
		bareJID:     {offline, offline, bounce, ignore, ignore},
		fullMatch:   {deliver, deliver, deliver, deliver, deliver}, // connected, not available
		fullNoMatch: {bounce, offline, bounce, ignore, ignore},
	},
	negative: {
		bareJID:     {offline, offline, bounce, ignore, ignore},
		fullMatch:   {deliver, deliver, deliver, deliver, deliver},
		fullNoMatch: {bounce, offline, bounce, ignore, ignore},
	},
	reachable: {
		bareJID:     {best, best, bounce, all, ignore},
		fullMatch:   {deliver, deliver, deliver, deliver, deliver},
		fullNoMatch: {bounce, best, bounce, ignore, ignore},
	},
}
