package pubsub

import (
	"natter/stanza"
)

// with adds the condition of XEP-0060's own to a stanza error (§16.1, §11.3);
// feature goes with unsupported only.
func with(e *stanza.Error, condition, feature string) *stanza.Error {
	e.App = stanza.AppendEmpty(nil, condition, "xmlns", NSErrors, "feature", feature)
	return e
}

func nodeRequired() error {
	return with(stanza.BadRequest("name the node"), "nodeid-required", "")
}

func unsupported(feature, text string) error {
	return with(stanza.FeatureNotImplemented(text), "unsupported", feature)
}

func forbidden() error { return stanza.Forbidden("only who may change the node can do that") }

// presenceRequired is what those hear who may not see the owner's presence, of
// nodes that are there and of nodes that are not: so it says nothing of either
// (RFC 6120 §13.11).
func presenceRequired() error {
	return with(stanza.NotAuthorized("this is for those who may see the owner's presence"), "presence-subscription-required", "")
}

// noNode is what w hears of a node that is not there.
func noNode(w *Asker) error {
	if w.stranger() {
		return presenceRequired()
	}
	return stanza.ItemNotFound("there is no such node")
}
