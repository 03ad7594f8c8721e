package server

import (
	"sync/atomic"
	"time"

	"natter/stanza"
)

// A Deliverer takes stanzas for one destination: a client's stream here, and
// later a remote domain, a component, a room, a session on another node.
type Deliverer interface {
	// Deliver queues st, its start tag rewritten with stamp, and notes the
	// queue in t if it has to be flushed. log, when not zero, is the id of
	// the log record the destination has to confirm. It returns the stanza's
	// number in the destination's acknowledged stream (XEP-0198, 0 without),
	// and false when the destination has ended and nothing was taken.
	Deliver(t *Turn, st *stanza.Stanza, stamp *stanza.Stamp, log *Delivery) (seq uint32, ok bool)
	// Flush writes what is queued as far as that does not block.
	Flush(t *Turn)
}

// Delivery is a logged message on its way to the sessions of one account. It is
// shared by the sessions that were given a copy.
type Delivery struct {
	ID uint64 // of the log record
	// Copies counts the sessions that hold the message unconfirmed;
	// Confirmed says that one of them has confirmed it. Under the account's lock.
	Copies    int
	Confirmed bool
}

// Origin is where a stanza comes from.
type Origin struct {
	JID     stanza.JID
	Attr    []byte   // JID escaped for an attribute value: what is stamped as from
	Lang    []byte   // the stream's xml:lang, escaped; nil without
	Session *Session // nil when the sender is not a local session
}

// NewOrigin returns the origin of stanzas that the server itself sends as jid.
func NewOrigin(jid stanza.JID) *Origin {
	return &Origin{JID: jid, Attr: stanza.Attr(jid.String())}
}

// Session flags, cached in Session.flags so that the fast path reads one word.
const (
	SessionCarbons   uint32 = 1 << iota // wants copies (XEP-0280)
	SessionInactive                     // client state inactive (XEP-0352)
	SessionAcks                         // stream management is on (XEP-0198)
	SessionResumable                    // … and the session may be resumed
	SessionDetached                     // no connection at the moment
	SessionSlow                         // always take the slow path (draining)
)

// Session is one bound resource. It outlives its connection while it is
// resumable. Fields without a note are set before it is registered and never
// change.
type Session struct {
	Origin
	Account  *Account
	Resource string
	Full     string // JID.String()
	ID       string // names the session in the store and when it is resumed
	Since    time.Time
	Remote   string // the peer's address, for logs and administrators
	Client   string // id of the client in the account's list (Host.Clients); "" when it gave none
	Out      Stream

	flags    atomic.Uint32
	features atomic.Pointer[Features]

	// Guarded by Account.mu.
	interested bool   // asked for the roster (RFC 6121 §2.1.6)
	current    []byte // its last broadcast presence, standing alone; nil when not available
	values     values // what modules keep with the session
	ended      bool
}

// Stream is the output side of a session, with what the core asks of it beyond
// delivery.
type Stream interface {
	Deliverer
	// DeliverRaw queues one whole stanza already serialised for this stream.
	DeliverRaw(t *Turn, b []byte) bool
	// DeliverShared is DeliverRaw for a stanza that goes to many: what it keeps until
	// its client has confirmed it, it does not copy. w and to are never changed again.
	DeliverShared(t *Turn, w *Wire, to []byte) bool
	// DeliverNonza queues an element that is not a stanza and is not counted.
	DeliverNonza(t *Turn, b []byte) bool
	// End closes the stream with err (nil: an orderly close) and ends the
	// session; it does not wait for the peer.
	End(t *Turn, err *stanza.StreamError)
	// Room blocks until the queue and what is unconfirmed have room again,
	// asking for acknowledgement; false when the stream has ended.
	Room(t *Turn) bool
	// Allow lets n bytes more wait than the stream's bound, up to the point where
	// nothing waits any more: what somebody is told at once because they asked for it.
	Allow(n int)
	// Changed says that what a restart has to know of the session changed: its
	// presence, flags, or what modules keep with it.
	Changed(t *Turn)
	// TLS reports whether the connection is encrypted.
	TLS() bool
}

// Wire is a stanza that is the same for all who get it but for the value of 'to' in
// its start tag, escaped, which comes between Head and Tail.
type Wire struct{ Head, Tail []byte }

// Append appends the stanza as it is for one of them.
func (w *Wire) Append(b, to []byte) []byte {
	return append(append(append(b, w.Head...), to...), w.Tail...)
}

// Len is how long that is.
func (w *Wire) Len(to []byte) int { return len(w.Head) + len(to) + len(w.Tail) }

// Has reports whether any of the flags is set.
func (s *Session) Has(flags uint32) bool { return s.flags.Load()&flags != 0 }

// Set sets flags.
func (s *Session) Set(flags uint32) { s.flags.Or(flags) }

// Clear clears flags.
func (s *Session) Clear(flags uint32) { s.flags.And(^flags) }

// Value returns what a module keeps with the session under key, nil without.
// The account must be locked.
func (s *Session) Value(key any) any { return s.values.get(key) }

// SetValue keeps v with the session under key. The account must be locked.
func (s *Session) SetValue(key, v any) {
	s.values.set(key, v)
}

// Current returns the session's last broadcast presence, a stanza that stands
// alone, nil when it is not available. The account must be locked; the bytes
// must not be changed.
func (s *Session) Current() []byte { return s.current }

// Interested reports whether the session gets roster pushes. The account must
// be locked.
func (s *Session) Interested() bool { return s.interested }
