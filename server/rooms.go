package server

import (
	"time"

	"natter/stanza"
)

// Rooms is a host's room service (XEP-0045) for what is no XMPP client: web
// pages, bots, the command line. The module that serves the rooms sets it on the
// Host; it is nil on a host without rooms. Its functions may be called from any
// goroutine with no lock held, and may block on the store. Errors are
// *stanza.Error where the caller did something that may not be done: item-not-found
// for a room there is not.
type Rooms struct {
	// Domain is the service's address: conference.localhost.
	Domain string
	// Post sends a message to the room under a name that no occupant has, and
	// calls then, which may be nil, once: when the occupants are being told, with
	// the message as they get it, or with the error. then must not block.
	Post func(t *Turn, room stanza.JID, p RoomPost, then func(*Turn, RoomMessage, error))
	// Watch calls fn with each message of the room as it goes out, in order,
	// until cancel is called; fn must not block and must not call Rooms.
	Watch func(t *Turn, room stanza.JID, fn func(RoomMessage)) (cancel func(), err error)
	// Occupants lists who is in the room, in the order they came.
	Occupants func(t *Turn, room stanza.JID) ([]RoomOccupant, error)
	// History returns up to n messages, the newest of those with an ID below
	// before (0: of all), oldest first: from the room's archive where it has one,
	// else what the room remembers.
	History func(t *Turn, room stanza.JID, before uint64, n int) ([]RoomMessage, error)
	// After returns up to n messages with an ID above after, oldest first, as
	// History does.
	After func(t *Turn, room stanza.JID, after uint64, n int) ([]RoomMessage, error)
	// May tells whether somebody who is not in the room, named by a bare JID, may read
	// it, or with speak, write to it; the error says why not.
	May func(t *Turn, room, who stanza.JID, speak bool) error
	// Info describes a room.
	Info func(t *Turn, room stanza.JID) (RoomInfo, error)
	// Return is the module's own: a session was in the room before a restart.
	Return func(s *Session, room stanza.JID, where any)
}

// RoomPost is a message for a room.
type RoomPost struct {
	As   string     // nick it is sent under
	From stanza.JID // bare JID of who sends it; the host's own when zero
	Body string     // may be empty when there is a Payload
	// Payload are further elements of the message, each standing alone.
	Payload []byte
	ID      string // of the stanza; "" has one made
}

// RoomMessage is a message that a room sent to its occupants.
type RoomMessage struct {
	ID      uint64 // in the room's archive and its stanza-id; ascending
	Time    time.Time
	Nick    string // "" for the room itself
	Body    string
	Subject string // with HasSubject
	// HasSubject says that the message sets the subject.
	HasSubject bool
	// Stanza is the message as an element that stands alone, without 'to'. It
	// must not be changed.
	Stanza []byte
}

// RoomOccupant is somebody in a room.
type RoomOccupant struct {
	Nick, Role, Affiliation string
}

// RoomInfo describes a room.
type RoomInfo struct {
	Name, Description, Subject string
	Occupants                  int
	Public, MembersOnly        bool
	Password, Guests, Archived bool
}
