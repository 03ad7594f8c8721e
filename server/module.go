package server

import (
	"net/http"
	"strings"
	"time"

	"natter/server/store"
	"natter/stanza"
)

// Module is one extension on one host, as a value. All fields but Name are
// optional. disco features, docs/xeps.md and the DOAP file derive from it, so it
// names only what works.
type Module struct {
	Name    string // by word: "carbons"
	XEP     string // number and version it implements: "0280 1.0.1"; more than one separated by ", "
	Summary string // for docs/xeps.md: what a user gets

	Features        []string // announced by the host (XEP-0030)
	AccountFeatures []string // announced by each account's bare JID
	Items           []Item   // disco items of the host
	// Identities and AccountIdentities are what the host, or each account, is
	// beside a server and an account (XEP-0030 §3.1).
	Identities, AccountIdentities []Identity
	// Forms are extended information about the host (XEP-0128): whole <x/>
	// elements of jabber:x:data, as package forms makes them.
	Forms func() [][]byte
	// AccountItems appends the <item/>s that an account has for asker
	// (XEP-0030 §4); the account is not locked.
	AccountItems func(t *Turn, a *Account, asker stanza.JID, dst []byte) ([]byte, error)
	// Node answers disco about a node of the host, or of q.Account where that is
	// set, for who may see the account: with the content of <query/>, what the node
	// is, or with items what it has. It returns nil when the node is not the
	// module's.
	Node func(q *IQ, node string, items bool) ([]byte, error)

	// StreamFeatures are whole elements announced to an authenticated stream.
	StreamFeatures []string
	// StreamFeatureFunc returns features that are worked out: for a stream
	// before authentication or after.
	StreamFeatureFunc func(authenticated bool) string

	// Inline is what of the module a client may have done while it binds a
	// resource (XEP-0386), nil for nothing.
	Inline *Inline

	IQ     []IQHandler
	Nonzas []NonzaHandler // elements that are not stanzas, from bound sessions
	Hooks  []Hook

	// Load fills what the module keeps with an account when it is loaded; it
	// may read the store. The account is not yet shared and needs no lock.
	Load func(a *Account) error
	// Bound is told of each new session before its client hears of it.
	Bound func(t *Turn, s *Session)
	// Available is told after a session's initial presence was handled.
	Available func(t *Turn, s *Session)
	// Wake is told that an inactive session is about to get a message, with its
	// account locked.
	Wake func(t *Turn, s *Session)
	// LastSeen tells since when an account is unavailable, false when that is
	// not known. It may read the store; no lock is held.
	LastSeen func(t *Turn, a *Account) (time.Time, bool)
	// Remove adds to b what deletes the module's data of an account beyond
	// its documents, which the core deletes.
	Remove func(a *Account, b *store.Batch)
	// Service serves a host of its own below the module's host.
	Service *Service
	// Commands are what people may have done by a form (XEP-0050).
	Commands []Command
	// HTTP is what the module serves on the host's HTTP and HTTPS listeners.
	HTTP []HTTPRoute
	// Start is called once, when the server stands and before anybody is let in.
	// It must not block: what takes time goes to Server.Go or Server.Wheel.
	Start func()
	// On is told of events of the host (events.go); it must not block on the
	// network. The account is not locked.
	On func(t *Turn, e Event)
	// SessionState saves and restores what the module keeps with a session
	// over a restart; Restore is called before the session is shared.
	SaveSession    func(s *Session) []byte
	RestoreSession func(s *Session, data []byte)
}

// Item is a disco item (XEP-0030 §4) of the host, or of the host's node Parent.
type Item struct{ Parent, JID, Node, Name string }

// Identity is what an entity is (XEP-0030 §3.1).
type Identity struct{ Category, Type, Name string }

// Service is an address below the host that takes its own stanzas. It is a disco
// item of the host.
type Service struct {
	Prefix string // "conference"
	Name   string // for people, in the disco item
	Guests bool   // guests may write to it, and it to them
	// Route takes every stanza for the service's domain and all addresses at
	// it. Requests are best answered through Host.Request. Answers to what was
	// asked with Server.Ask do not come here.
	Route func(t *Turn, o *Origin, to stanza.JID, st *stanza.Stanza)
}

// HTTPRoute is a pattern of http.ServeMux, without a host, and its handler.
type HTTPRoute struct {
	Pattern string
	Handler http.Handler
}

// Inline is a module's part in binding a resource within the login (XEP-0386 §3.2).
// Both functions see the new session after everybody else may send to it and before
// its client is told of it: what it is sent meanwhile follows what they return. The
// account is not locked, and they may read the store.
type Inline struct {
	NS string // announced; of the children of <bind/> that Apply takes
	// Apply does what a child asks for and appends what <bound/> says of it.
	Apply func(t *Turn, s *Session, st *stanza.Stanza, child stanza.Child, dst []byte) []byte
	// Tell appends what <bound/> says unasked.
	Tell func(t *Turn, s *Session, dst []byte) []byte
}

// NonzaHandler handles a top-level element that is not a stanza, from a session.
type NonzaHandler struct {
	NS     string
	Handle func(t *Turn, s *Session, st *stanza.Stanza)
}

// Stage is where on a stanza's way a hook stands.
type Stage uint8

const (
	// FromAccount: a local session sent it, it is not yet routed.
	FromAccount Stage = iota
	// ToAccount: it is for a local account, its sessions not yet chosen.
	// Presence of contacts passes here too.
	ToAccount
	// ToSession: the sessions that get it are chosen (Passage.Targets, which
	// may be empty); the hook may take some out or send copies to others.
	ToSession
	// Sent: a local session's message was delivered, kept or refused; whose
	// stage it is is the sender.
	Sent
	// Stored: it was written to the log for an account (Passage.ID).
	Stored
	// Undelivered: a message for an account that no session took.
	Undelivered
	// SessionEnded: Passage.Session has ended; there is no stanza.
	SessionEnded
	stages
)

var stageNames = [stages]string{
	"FromAccount", "ToAccount", "ToSession", "Sent", "Stored", "Undelivered", "SessionEnded",
}

// String returns the stage's name, "" beyond the last stage.
func (s Stage) String() string {
	if s >= stages {
		return ""
	}
	return stageNames[s]
}

// Kinds a hook is consulted for.
const (
	OnMessage = 1 << iota
	OnPresence
	OnIQ
	OnAll = OnMessage | OnPresence | OnIQ
)

// Hook is consulted at its stage when its trigger matches: the kind of stanza
// and either Flag is set on the account (FromAccount: the sender's) or the stanza
// has a child in namespace NS. With neither NS nor Flag it always matches.
type Hook struct {
	Stage Stage
	Kinds int // zero: all
	NS    string
	Flag  uint32
	Run   func(*Passage) Verdict
}

// KindNames returns the kinds of stanzas that the hook is consulted for.
func (k Hook) KindNames() string {
	var names []string
	for i, name := range []string{"message", "presence", "iq"} {
		if k.Kinds&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 || len(names) == 3 {
		return "all stanzas"
	}
	return strings.Join(names, ", ")
}

// Trigger returns, in words, when the hook is consulted.
func (k Hook) Trigger() string {
	var when []string
	for i, name := range accountFlagNames {
		if k.Flag&(1<<i) != 0 {
			when = append(when, name)
		}
	}
	if k.NS != "" {
		when = append(when, "it has a child in "+k.NS)
	}
	if len(when) == 0 {
		return "always"
	}
	return "if " + strings.Join(when, " or ")
}

// Verdict is what a hook decides.
type Verdict uint8

const (
	Pass  Verdict = iota // go on; the hook may have added to Passage.Stamp
	Stop                 // the stanza ends here; the hook has done what is to be done
	Reply                // answer Passage.Err to the sender and end
)

// Passage is a stanza at a hook. It is valid during the call.
type Passage struct {
	Turn    *Turn
	Origin  *Origin
	Stanza  *stanza.Stanza
	To      stanza.JID    // in normal form; the sender's bare JID where the stanza has none
	Account *Account      // whose stage it is
	Targets []*Session    // ToSession: who gets it
	Session *Session      // SessionEnded
	ID      uint64        // of the log record; 0 when it is not logged
	Stamp   *stanza.Stamp // add Cut and Tail here
	Err     *stanza.Error // with Reply
	Refused []byte        // Sent: the error that the sender was answered; nil for none
	Stored  bool          // Undelivered: it waits in the offline spool
	Next    *Session      // … and this session gets it, after what waited before; nil for nobody in particular
	Hints   Hints         // processing hints (XEP-0334)

	archived sides
}
