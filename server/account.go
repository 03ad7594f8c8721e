package server

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"natter/presence"
	"natter/roster"
	"natter/stanza"
)

// Account flags, cached in Account.flags; a hook that is triggered by one costs
// nothing while it is clear.
const (
	AccountBlocks   uint32 = 1 << iota // the block list is not empty (XEP-0191)
	AccountCarbons                     // a session wants carbons (XEP-0280)
	AccountInactive                    // a session is inactive (XEP-0352)
	AccountDraining                    // offline messages are being delivered
	AccountArchive                     // messages are archived
	AccountPush                        // a device wants to be woken (XEP-0357)
	AccountGuest                       // it is a guest's: see guests.go
)

// accountFlagNames say what the flags mean, from the lowest bit up.
var accountFlagNames = [...]string{
	"the account blocks somebody", "a session wants carbons", "a session is inactive",
	"offline messages are being delivered", "the account archives", "a device wants to be woken",
	"the account is a guest's",
}

// Account is one account of a host while somebody needs it: loaded at the first
// session or the first stanza that has to know its roster or block list, and
// let go some time after the last.
type Account struct {
	Host  *Host
	Local string     // localpart
	JID   stanza.JID // bare JID
	Bare  string     // JID.String(), the account's key in the store
	Self  *Origin    // origin of stanzas the server sends on the account's behalf

	flags   atomic.Uint32
	targets atomic.Pointer[[]*Session] // most available sessions (RFC 6121 §8.5.2.1.1)
	policy  atomic.Pointer[ArchivePolicy]
	changes atomic.Uint64 // counts changes of presence and of who sees it: see correct.go

	mu       sync.Mutex
	Roster   *roster.Roster
	sessions []*Session       // in step with view.Resources
	view     presence.Account // what package presence sees of the account
	values   values           // what modules cache with the account
	spool    spool
	peers    map[stanza.JID]*Features // available resources at other servers, see features.go
	storing  int                      // changes of the roster that are on their way to the store
	used     time.Time
	gone     bool // let go: look it up again
	removed  bool // … and there is nothing to find
}

// spool is what is known of the account's offline messages. The rows are in
// the store; see drain.go.
type spool struct {
	count int       // messages waiting for no session in particular
	bytes int64     // their size
	added int       // counts messages that were added, to tell whether a count is out of date
	drain *drainage // under way or paused; nil when nothing is being delivered
	// restored are, while sessions are brought back after a restart, the
	// deliveries that several of them may share, by the ids of their records.
	restored map[uint64]*Delivery
}

// Has reports whether any of the flags is set.
func (a *Account) Has(flags uint32) bool { return a.flags.Load()&flags != 0 }

// Set sets or clears flags.
func (a *Account) Set(flags uint32, on bool) {
	if on {
		a.flags.Or(flags)
	} else {
		a.flags.And(^flags)
	}
}

// Lock locks the account's state: roster, sessions, and what modules keep with
// it. Rank: see server.go.
func (a *Account) Lock() { a.mu.Lock() }

// Unlock unlocks it.
func (a *Account) Unlock() { a.mu.Unlock() }

// Value returns what a module keeps with the account under key, nil without.
// The account must be locked.
func (a *Account) Value(key any) any { return a.values.get(key) }

// SetValue keeps v with the account under key. The account must be locked.
func (a *Account) SetValue(key, v any) {
	a.values.set(key, v)
}

// Sessions returns the bound sessions, detached ones included, in the order
// they were bound. The account must be locked; the slice is a copy.
func (a *Account) Sessions() []*Session { return slices.Clone(a.sessions) }

// Snapshot returns the bound sessions without the lock being held.
func (a *Account) Snapshot() []*Session {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.sessions)
}

// Session returns the session bound to resource, nil without. The account must
// be locked.
func (a *Account) Session(resource string) *Session {
	for _, s := range a.sessions {
		if s.Resource == resource {
			return s
		}
	}
	return nil
}

// index returns the session's place in the account, presence.None without one.
func (a *Account) index(s *Session) int { return slices.Index(a.sessions, s) }

// Available reports whether the session has sent initial presence (RFC 6121
// §4.2), and its priority. The account must be locked.
func (a *Account) Available(s *Session) (bool, int8) {
	i := a.index(s)
	if i < 0 {
		return false, 0
	}
	r := &a.view.Resources[i]
	return r.Available, r.Priority
}

// IsAvailable is Available, without the account being locked.
func (a *Account) IsAvailable(s *Session) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	on, _ := a.Available(s)
	return on
}

// SeenBy reports whether j may know about the account: it is the account's own
// address, or a contact that gets its presence. The account must not be locked.
func (a *Account) SeenBy(j stanza.JID) bool {
	if j.Bare() == a.JID {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Roster.State(j).HasFrom()
}

// SetBlocked tells the account whom it blocks (XEP-0191); nil: nobody. The
// account must be locked, or not yet shared.
func (a *Account) SetBlocked(blocked func(stanza.JID) bool) {
	a.view.Blocked = blocked
	a.Set(AccountBlocks, blocked != nil)
}

// View is the account as package presence sees it. The account must be locked.
func (a *Account) View() *presence.Account { return &a.view }

// retarget works out anew which sessions a message to the bare JID goes to: the
// available ones of the highest priority, if that is not negative. The account
// must be locked.
func (a *Account) retarget() {
	var best []*Session
	for _, i := range presence.MostAvailable(nil, a.view.Resources) {
		best = append(best, a.sessions[i])
	}
	a.targets.Store(&best)
	carbons, inactive := false, false
	for _, s := range a.sessions {
		carbons = carbons || s.Has(SessionCarbons)
		inactive = inactive || s.Has(SessionInactive)
	}
	a.Set(AccountCarbons, carbons)
	a.Set(AccountInactive, inactive)
}

// Retarget works out anew what is cached about the account's sessions, after a
// session's flags changed. The account must be locked.
func (a *Account) Retarget() { a.retarget() }

// online reports whether any session is available. The account must not be
// locked.
func (a *Account) online() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, _ := a.available()
	return all > 0
}

// available counts the sessions that are available, and those of them with a
// priority that is not negative. The account must be locked.
func (a *Account) available() (all, nonNegative int) {
	for i := range a.view.Resources {
		if r := &a.view.Resources[i]; r.Available {
			all++
			if r.Priority >= 0 {
				nonNegative++
			}
		}
	}
	return
}
