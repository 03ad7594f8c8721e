package store

import (
	"errors"
	"time"
)

// Errors that callers tell apart with errors.Is. Any other error means that
// the database could not be written or read.
var (
	ErrExists   = errors.New("store: exists already")               // PutNew, Append of a known id
	ErrConflict = errors.New("store: version conflict")             // PutIf
	ErrBusy     = errors.New("store: queue is full")                // Commit
	ErrTooLarge = errors.New("store: batch is larger than allowed") // Commit
	ErrInvalid  = errors.New("store: invalid argument")             // Commit
	ErrClosed   = errors.New("store: closed")
	ErrLocked   = errors.New("store: data directory is in use by another process")
	ErrNewer    = errors.New("store: database was written by a newer version")
)

// Key names a document. Host is the virtual host, Account a localpart or bare
// JID (may be empty for what belongs to the host), Kind the sort of document
// and Key the one among the account's documents of that kind (may be empty).
// Kind is never empty. Keys compare by bytes.
type Key struct{ Host, Account, Kind, Key string }

// Doc is a document: opaque bytes under a key.
//
// Version as written by the caller: 0 stands for one more than the version
// stored (1 for a new document), any other value is stored as it is. Reads
// give the stored version, never 0.
//
// Index holds up to two strings by which FindIndex finds the document; empty
// strings are not indexed.
type Doc struct {
	Key
	Version uint64
	Index   [2]string
	Data    []byte
}

// FlagTransient marks a record that is not archived: it is in no owner's
// Range, and is removed with the last spool row that refers to it. The other
// bits of Record.Flags are the caller's.
const FlagTransient uint32 = 1 << 31

// Record is one message of the Log.
type Record struct {
	ID     uint64    // from NextID, or of the original time for an import
	Owners [2]string // bare JIDs in whose archive it is, sender's first; "" for none
	From   string    // full JID as routed
	To     string    // full JID as routed
	Kind   uint8     // the caller's
	Flags  uint32    // the caller's, but FlagTransient
	Stanza []byte    // stands alone: namespaces declared within
	Text   string    // for search, may be empty
}

// Time is when the record was made, in milliseconds' resolution, by its id.
func (r *Record) Time() time.Time { return TimeOf(r.ID) }

// peer is the other side as seen by the owner in that place.
func (r *Record) peer(i int) string {
	if i == 0 {
		return r.To
	}
	return r.From
}

// Spool says that a record waits for an owner: for one session of the owner,
// which has not confirmed it yet, or for the next to come.
type Spool struct {
	Owner   string // bare JID
	ID      uint64 // of the record
	Session string // "" for offline: no session has it
	Seq     uint32 // outbound stanza number in that session (XEP-0198)
	Done    bool   // another session confirmed it; kept for this session's resume only
}

// SpoolRecord is a spool entry with the record it stands for.
type SpoolRecord struct {
	Spool
	Record Record
}

// SpoolSession sums up what waits for one session of an owner.
type SpoolSession struct {
	Session string // "" for offline
	Count   int
	Bytes   int64
}

// AnySession stands for all sessions, offline included, in SpoolPage.
const AnySession = "*"

// RangeQuery selects records of one owner; the zero value selects all.
type RangeQuery struct {
	With     string    // a bare JID matches the peer in any resource, a full JID only that one
	Start    time.Time // not before, inclusive, when set
	End      time.Time // not after, inclusive, when set
	AfterID  uint64    // only ids above, when not 0
	BeforeID uint64    // only ids below, when not 0
	N        int       // at most so many, up to MaxPage; 0 for MaxPage
	Bytes    int       // no more once the stanzas are together so large, 0 for no bound; one is returned at least
	Reverse  bool      // newest first; N then counts from the newest
}

// MaxPage bounds how many rows one read returns.
const MaxPage = 1000
