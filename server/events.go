package server

import "natter/stanza"

// EventKind says what happened.
type EventKind uint8

const (
	// AvatarChanged: the account's picture changed; Hash is its SHA-1 in hex, ""
	// for none, Data the picture and Type its media type.
	AvatarChanged EventKind = iota + 1
	// PictureLoaded: it has become known what the account's card says of its picture,
	// by Hash; Module is "pep" where that came by PEP. PictureWanted asks for
	// AvatarChanged with the card's own picture.
	PictureLoaded
	PictureWanted
	// AccountRemoved: the account is gone from the store, its sessions have been told
	// to end; its name is free again when all have been told, the other hosts too.
	AccountRemoved
	// ContactsChanged: Peer sees the account's presence from now on.
	ContactsChanged
	// ContactEdited: what Peer may see of the account may be less or something else
	// from now on: it no longer sees its presence, or is in other groups. Before is
	// in which groups it was.
	ContactEdited
	// AccountCreated: there is a new account, Local.
	AccountCreated
	// FeaturesChanged: it has become known what the client of Session, or the
	// resource Peer at another server whose presence Account gets, can do.
	FeaturesChanged
	// NodeChanged: items of the account's node Node were published, or went; it is
	// durable. Module is who did it, "" for a client.
	NodeChanged
	// CardChanged: what everybody sees in the account's card (XEP-0054) is another
	// now; Data is the card, nil for none, without pictures published by PEP, and
	// Node the one whose item it is made of, "" for none.
	CardChanged
	// ConnectionLost: the connection of Session is gone, and it can be resumed.
	// Unconfirmed are the kept messages that its client may not have got; it is told
	// where there are any and the account has devices to wake.
	ConnectionLost
)

// Event is something that modules tell each other without knowing each other.
type Event struct {
	Kind    EventKind
	Account *Account
	Local   string // where there is no Account yet
	By      string // module that tells it
	Hash    string
	Type    string
	Data    []byte
	Session *Session
	Peer    stanza.JID
	Before  []string

	Node      string
	Module    string
	Published []NodeItem
	Retracted []string // ids

	Unconfirmed [][]byte // as they were sent
}

// Tell tells every module of the host of an event, in their order, but for the one
// that tells it. The account must not be locked.
func (h *Host) Tell(t *Turn, e Event) {
	for _, m := range h.Modules {
		if m.On != nil && m.Name != e.By {
			m.On(t, e)
		}
	}
}
