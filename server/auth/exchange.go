package auth

import (
	"errors"
	"time"

	"mellium.im/xmpp/jid"
)

// MaxMessage is the longest decoded message an exchange takes, in bytes: room for
// the longest names and password, and far below what a stream may carry.
const MaxMessage = 6144

// Exchange is one run of one mechanism on one connection. It is not safe for
// use by several goroutines at once. It holds no resource: an aborted one
// (<abort/>, a new <auth/>, a lost connection) is just let go.
type Exchange struct {
	config    *Config
	channel   Channel
	mechanism *mechanism
	bindable  bool // -PLUS was on offer

	next  func(in []byte) (out []byte, err error) // nil at the end
	asked bool
	done  bool
	name  string // prepared, or as sent where it can't be prepared
	known bool   // name is prepared
	wait  time.Duration
	scram *scramState
	token *tokenState // of HT mechanisms
}

// errMore says from within a step that the exchange goes on.
var errMore = errors.New("auth: exchange goes on")

// Step takes the client's next message, decoded, and returns what to answer.
// A nil message is an <auth/> without initial response, answered with
// an empty challenge. Done means success, with out as additional data (nil for
// none). The error is a *Failure and ends the exchange, as done does; no further
// step succeeds. Either answer is to be held back for [Exchange.Wait].
func (x *Exchange) Step(in []byte) (out []byte, done bool, err error) {
	x.wait = 0
	switch {
	case x.next == nil:
		return nil, false, malformed("The exchange is over.")
	case in == nil && !x.asked:
		// RFC 6120 §6.3.10: both mechanisms are for the client to begin.
		x.asked = true
		return []byte{}, false, nil
	case len(in) > MaxMessage:
		x.next = nil
		return nil, false, malformed("The message is too long.")
	}
	x.asked = true
	step := x.next
	x.next = nil
	out, err = step(in)
	switch {
	case err == errMore:
		return out, false, nil
	case err != nil:
		return nil, false, err
	}
	x.done = true
	return out, true, nil
}

// Wait is how long the answer to the last step must be held back, success and
// failure alike, before it is sent. It is 0 unless there has been guessing.
func (x *Exchange) Wait() time.Duration { return x.wait }

// Username is the prepared localpart of who was authenticated; empty until done.
func (x *Exchange) Username() string {
	if !x.done {
		return ""
	}
	return x.name
}

// Claimed is the name the client gave, for logs only: nothing is proven by
// it. It is empty before the first message.
func (x *Exchange) Claimed() string { return x.name }

// Mechanism is the name of the mechanism in use.
func (x *Exchange) Mechanism() string { return x.mechanism.name }

// identify takes the two identities of a first message: name is whose password
// is to be proven; authzid, if not empty, must be the bare JID of the same account
// (RFC 6120 §6.3.8). Who exists plays no part in it.
func (x *Exchange) identify(name, authzid string) error {
	x.name = name
	if prepared, ok := prepareName(name); ok {
		x.name, x.known = prepared, true
	}
	if authzid == "" {
		return nil
	}
	j, err := jid.Parse(authzid)
	if err != nil || !x.known || j.Resourcepart() != "" ||
		j.Localpart() != x.name || j.Domainpart() != x.config.Domain {
		return fail(InvalidAuthzid, "You may only log in as yourself.")
	}
	if from := x.channel.From; from != "" && from != j.String() { // XEP-0388 §2.3
		return fail(InvalidAuthzid, "The stream's 'from' names somebody else.")
	}
	return nil
}

// judge decides about a password or proof, and is the only place that does. The
// throttle is asked before, so that a try it refuses learns nothing. instead, if not
// nil, is what those hear who were right: the account is disabled, say.
func (x *Exchange) judge(instead *Failure, right func() bool) error {
	t := x.config.Throttle
	if t != nil {
		wait, ok := t.Allow(x.channel.Addr, x.name)
		if !ok {
			return fail(TemporaryAuthFailure, "Too many failed tries. Please wait a minute.")
		}
		x.wait = wait
	}
	switch {
	case !right() || !x.known:
		if t != nil {
			t.Failed(x.channel.Addr, x.name)
		}
		return wrong()
	case instead != nil:
		return instead
	}
	if t != nil {
		t.Succeeded(x.channel.Addr, x.name)
	}
	return nil
}
