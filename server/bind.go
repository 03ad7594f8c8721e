package server

import (
	"crypto/rand"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"natter/presence"
	"natter/stanza"
)

// Binding is what a stream asks for when it binds a resource (RFC 6120 §7).
type Binding struct {
	Local    string // authenticated account, in normal form
	Resource string // as the client chose it; "" lets the server choose
	Lang     []byte // the stream's xml:lang, escaped
	Remote   string
	Client   string // id in the account's list of clients; "" for none
	Out      Stream
	// Made, which may be nil, is told of the session before anybody else can see it,
	// with its account locked.
	Made func(*Session)
}

// NewID returns a random identifier of 128 bits, fit for stream ids, resources
// and resumption ids.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// Bind registers a session. A session that holds the resource already ends with
// a conflict (RFC 6120 §7.7.2.2, the first of its options).
func (h *Host) Bind(t *Turn, b Binding) (*Session, error) {
	if b.Resource == "" {
		b.Resource = NewID()[:13]
	}
	bare, err := stanza.ParseJID(h.account(b.Local))
	if err != nil {
		return nil, err
	}
	jid, err := bare.WithResource(b.Resource)
	if err != nil {
		return nil, stanza.BadRequest("that resource is not one an address can have")
	}
	for {
		a, err := h.LockAccount(t, b.Local)
		if err != nil {
			return nil, err
		}
		if a == nil { // removed since it logged in
			return nil, stanza.NotAuthorized("the account is gone")
		}
		if old := a.Session(jid.Resource()); old != nil {
			a.mu.Unlock()
			old.Out.End(t, &stanza.StreamError{Condition: "conflict", Text: "another session took over this resource"})
			continue
		}
		if len(a.sessions) >= h.Server.Config.Resources {
			a.mu.Unlock()
			return nil, stanza.ResourceConstraint("too many sessions of this account; end one of them")
		}
		s := a.newSession(jid, b)
		a.mu.Unlock()
		for _, m := range h.Modules {
			if m.Bound != nil {
				m.Bound(t, s)
			}
		}
		return s, nil
	}
}

// newSession makes and registers a session; the account must be locked.
func (a *Account) newSession(jid stanza.JID, b Binding) *Session {
	s := &Session{
		Origin:  *NewOrigin(jid),
		Account: a, Resource: jid.Resource(), Full: jid.String(),
		ID: NewID(), Since: time.Now(), Remote: b.Remote, Client: b.Client, Out: counted{b.Out},
	}
	s.Lang = b.Lang
	s.Origin.Session = s
	if b.Made != nil {
		b.Made(s)
	}
	a.sessions = append(a.sessions, s)
	a.view.Resources = append(a.view.Resources, presence.Resource{})
	a.Host.Server.reg.put(s.Full, entry{session: s})
	return s
}

// Leftover is what a session that has ended had not brought to its client.
type Leftover struct {
	// Logged are the deliveries not confirmed, in the order they were made.
	Logged []*Delivery
	// Stanzas are stanzas never written (or never acknowledged) that are in no
	// log, each standing alone with its addresses.
	Stanzas [][]byte
	// IDs are ids for the log, ascending, that were taken when the session
	// ended: enough for the Stanzas, whose last has the last. So they come
	// before what was sent to the account since. Nil: later ones will do.
	IDs []uint64
}

// End takes a session off the books, once, when its stream is gone for good:
// everybody who saw it hears that it is unavailable (RFC 6121 §4.5). left is what
// its client is known not to have received; more may follow with GiveBack.
func (srv *Server) End(t *Turn, s *Session, left Leftover) {
	a := s.Account
	a.mu.Lock()
	if s.ended {
		a.mu.Unlock()
		return
	}
	i := a.index(s)
	steps := a.resolve(a.view.Unavailable(nil, i, false))
	s.ended, s.current = true, nil
	a.used = srv.now()
	a.sessions = slices.Delete(a.sessions, i, i+1)
	a.view.Resources = slices.Delete(a.view.Resources, i, i+1)
	srv.reg.remove(s.Full, entry{session: s})
	a.retarget()
	a.endDrain(s)
	if !a.removed {
		a.requeue(t, s, left.Logged)
	}
	a.mu.Unlock()
	srv.perform(t, a, &s.Origin, nil, steps)
	srv.giveBackAll(t, left)
	srv.run(SessionEnded, &Passage{Turn: t, Origin: &s.Origin, Account: a, Session: s})
	a.Host.GuestLeaves(a.Local)
}

// GiveBack finds a new way for what a session that has ended had not brought to
// its client (XEP-0198 §5, RFC 6121 §8.5).
func (srv *Server) GiveBack(t *Turn, s *Session, left Leftover) {
	s.Account.mu.Lock()
	if !s.Account.removed {
		s.Account.requeue(t, s, left.Logged)
	}
	s.Account.mu.Unlock()
	srv.giveBackAll(t, left)
}

func (srv *Server) giveBackAll(t *Turn, left Leftover) {
	for i, b := range left.Stanzas {
		id := uint64(0)
		if at := len(left.IDs) - len(left.Stanzas) + i; at >= 0 && left.IDs != nil {
			id = left.IDs[at]
		}
		srv.giveBack(t, b, id)
	}
}
