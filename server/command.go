package server

import "natter/stanza"

// Command is an ad-hoc command (XEP-0050) that a module offers, of one step or of
// two: a form that is asked for, and what is done with it.
type Command struct {
	Node, Name string
	To         Address // AtHost, AtSelf or both
	Admin      bool    // for administrators only
	// For says for whom else it is only; nil: for everybody who may ask there.
	For func(stanza.JID) bool
	// Form returns the form to be filled in, nil for a command without: then Run is
	// called at once.
	Form func(c *CommandCall) ([]byte, error)
	// Run does it. An error is a *stanza.Error, or becomes internal-server-error.
	// It may block on the store, after c.Turn.Flush, but on nothing else.
	Run func(c *CommandCall) (CommandResult, error)
}

// CommandCall is one step of a command.
type CommandCall struct {
	*IQ
	// Submitted is the form that came with the step, within IQ.Stanza; Filled says
	// whether one did.
	Submitted stanza.Child
	Filled    bool
}

// CommandResult is what came of a command.
type CommandResult struct {
	Form []byte // a form of type result and other elements, or nil
	Note string // for people; "" for none
	Fail bool   // Note says why it was not done (XEP-0050 §4.3)
	// Then, when set, is done after the answer is on its way.
	Then func(*Turn)
}
