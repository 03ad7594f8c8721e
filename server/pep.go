package server

import "natter/stanza"

// PEP is how extensions read and publish what accounts publish (XEP-0163), in the
// accounts' own names. The module pep sets it, before modules that come after it
// are made. Its functions may read the store: no lock may be held, and they are
// not for callbacks of commits.
type PEP struct {
	// Publish publishes; then is called when that is durable, or has failed. It is
	// not called where Publish returns an error.
	Publish func(t *Turn, a *Account, p NodePublication, then func(*Turn, error)) error
	// Items returns a node's items, the oldest first, all or those with these ids;
	// none where there is no such node.
	Items func(t *Turn, a *Account, node string, ids ...string) ([]NodeItem, error)
	// Access returns a node's access model, "" where there is no such node.
	Access func(t *Turn, a *Account, node string) (string, error)
	// Reads reports whether somebody may read a node; it is there.
	Reads func(t *Turn, a *Account, who stanza.JID, node string) (bool, error)
	// Greet sends a session of this server, which an account of the host shares
	// its presence with, the account's last items that the session wants and did not
	// want by the features it had before. Those with ids of the store above at are
	// told to it anyway.
	Greet func(t *Turn, local string, s *Session, before *Features, at uint64)
	// View registers a view, while the modules are made.
	View func(v NodeView)
	// Private says which private XML (XEP-0049), by name space, a line feed and
	// local name, is the payload of a node's one item and kept there alone.
	Private map[string]string
}

// NodeView is a node that is another way to see a node, its base: its one item is
// made of all items of the base, and what is published at it becomes items there.
type NodeView struct {
	Name, Base string
	// Collate makes the payload of the view's item, for an account.
	Collate func(t *Turn, local string, items []NodeItem) ([]byte, error)
	// Split says which of the base's items are to be published and which retracted
	// so that the view's payload is the given one, and what is stored beside: of the
	// publication these fields count. The error is a stanza error.
	Split func(current []NodeItem, payload []byte) (NodePublication, error)
}

// NodeItem is an item of a node. Payload is one element that stands alone, nil for
// none, and must not be changed.
type NodeItem struct {
	ID      string
	Payload []byte
}

// NodePublication is what an extension publishes at a node.
type NodePublication struct {
	Node    string
	Items   []NodeItem
	Retract []string // ids of items that go at the same time
	Module  string   // who publishes
	// Access and MaxItems are how the node is made when it is not there; "" and 0
	// for the default, a MaxItems of -1 for as many as there may be. Where Access
	// is given and the node has another one, nothing is published: the error is a
	// conflict.
	Access   string
	MaxItems int
	// SendLast is as pubsub#send_last_published_item, "" for the default.
	SendLast string
	Docs     []NodeDoc // of the account, stored along with it
}

// NodeDoc is a document of an account.
type NodeDoc struct {
	Kind, Key string
	Data      []byte
}

// Shares reports whether the session shows its presence to j: by subscription, or
// because it has sent it. The account must not be locked.
func (s *Session) Shares(j stanza.JID) bool {
	a := s.Account
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.index(s)
	return i >= 0 && a.view.Shares(i, j)
}
