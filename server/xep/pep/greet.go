package pep

import (
	"context"

	"natter/server"
	"natter/server/xep/pubsub"
	"natter/stanza"
)

// greetedKey keeps the features by which a session was sent last items;
// sharersKey those sessions that have sent an account directed presence. Both are
// guarded by the account's lock.
type (
	greetedKey struct{}
	sharersKey struct{}
)

// greeting is a resource that is to be sent last items, on behalf of all whose
// events it gets or of one account only.
type greeting struct {
	session *server.Session // of this server, or
	peer    stanza.JID      // … a resource of another one
	local   string          // whose items; "" for all of the session's contacts
	before  *server.Features
	was     *pubsub.Asker // what it was to local before; nil: nothing
	at      uint64        // an id of the store: what is published later is told anyway
}

// welcome has a session that is available sent the last items of those nodes that
// it wants and has not been sent yet: it has just come, or has come to be known, or
// is another client now (XEP-0163 §4.3.4).
func (m *module) welcome(s *server.Session) {
	a := s.Account
	a.Lock()
	on, _ := a.Available(s)
	before, _ := s.Value(greetedKey{}).(*server.Features)
	now := s.Features()
	if !on || now == nil || now == before {
		a.Unlock()
		return
	}
	s.SetValue(greetedKey{}, now)
	a.Unlock()
	m.enqueue(greeting{session: s, before: before})
}

// presence sees presence that a session broadcasts.
func (m *module) presence(p *server.Passage) server.Verdict {
	s := p.Origin.Session
	if p.Stanza.To() != nil {
		return server.Pass
	}
	switch p.Stanza.Type {
	case stanza.TypeNone:
		m.welcome(s) // changed its features while it is available; else see Available
	case stanza.Unavailable:
		p.Account.Lock()
		if s.Value(greetedKey{}) != nil {
			s.SetValue(greetedKey{}, (*server.Features)(nil))
		}
		p.Account.Unlock()
	}
	return server.Pass
}

// on hears of what a client turned out to want, and of contacts that are new.
func (m *module) on(t *server.Turn, e server.Event) {
	switch {
	case e.Kind == server.ContactsChanged:
		m.newContact(e.Account, e.Peer, nil)
	case e.Kind == server.ContactEdited:
		m.edited(t, e)
	case e.Kind == server.AccountRemoved:
		m.strip(e.Account.JID)
	case e.Kind != server.FeaturesChanged:
	case e.Session != nil:
		m.welcome(e.Session)
	default:
		m.enqueue(greeting{peer: e.Peer, local: e.Account.Local})
	}
}

// newContact has the resources of a contact that has come to see the account's
// presence sent its last items: the contact is subscribed now (XEP-0163 §4.3.4).
// was, when not nil, is what the contact was before: what it could read then is left
// out.
func (m *module) newContact(a *server.Account, contact stanza.JID, was *pubsub.Asker) {
	if h := m.host.Server.Host(contact.Domain()); h != nil {
		c := h.Online(contact.Local())
		if c == nil {
			return
		}
		c.Lock()
		var there []*server.Session
		for _, s := range c.Sessions() {
			if on, _ := c.Available(s); on && s.Features() != nil {
				there = append(there, s)
			}
		}
		c.Unlock()
		for _, s := range there {
			m.enqueue(greeting{session: s, local: a.Local, was: was})
		}
		return
	}
	a.Lock()
	var there []stanza.JID
	a.Peers(func(j stanza.JID, _ *server.Features) {
		if j.Bare() == contact {
			there = append(there, j)
		}
	})
	a.Unlock()
	for _, j := range there {
		m.enqueue(greeting{peer: j, local: a.Local, was: was})
	}
}

// edited re-calculates what a contact may see that has lost the account's presence or
// is in other groups now (XEP-0163 §7.1, XEP-0060 §12.2).
func (m *module) edited(t *server.Turn, e server.Event) {
	a := e.Account
	s, err := m.service(t, a.Local)
	if err != nil {
		m.host.Server.Log.Error("access to nodes not looked at", "account", a.Bare, "err", err)
		return
	}
	s.Recheck(e.Peer)
	who := pubsub.Asker{JID: e.Peer, Personal: true}
	a.Lock()
	look(a, &who)
	a.Unlock()
	if who.Presence {
		was := who
		was.Groups = e.Before
		m.newContact(a, e.Peer, &was)
	}
}

// maxSharers bounds how many sessions an account remembers to have sent it
// directed presence.
const maxSharers = 200

// shared sees directed presence to an account: the session that sends it gets the
// events of open nodes while it stays (XEP-0060 §9.1.3).
func (m *module) shared(p *server.Passage) server.Verdict {
	s, a := p.Origin.Session, p.Account
	if s == nil || p.Stanza.To() == nil || s.Account == a {
		return server.Pass
	}
	switch p.Stanza.Type {
	case stanza.TypeNone, stanza.Unavailable:
	default:
		return server.Pass
	}
	a.Lock()
	list, _ := a.Value(sharersKey{}).([]*server.Session)
	now := make([]*server.Session, 0, len(list)+1)
	known := false
	for _, x := range list {
		if x != s && m.host.Server.Session(x.Full) == x { // else it has ended
			now = append(now, x)
		}
		known = known || x == s
	}
	if p.Stanza.Type == stanza.TypeNone && len(now) < maxSharers && !a.Roster.State(s.JID).HasFrom() {
		now = append(now, s)
	}
	a.SetValue(sharersKey{}, now)
	a.Unlock()
	if !known && len(now) > 0 && now[len(now)-1] == s {
		m.enqueue(greeting{session: s, local: a.Local})
	}
	return server.Pass
}

// sharersOf returns the sessions that have sent an account directed presence. The
// account must be locked.
func sharersOf(a *server.Account) []*server.Session {
	list, _ := a.Value(sharersKey{}).([]*server.Session)
	return list
}

// maxGreetings bounds the greetings that wait. Beyond it clients get what is
// published from then on, and can ask for the rest.
const maxGreetings = 50_000

// enqueue has a greeting done by a goroutine that lives while there are any.
func (m *module) enqueue(g greeting) {
	g.at = m.host.Server.Store.NextID()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.greetings) >= maxGreetings {
		return
	}
	m.greetings = append(m.greetings, g)
	if !m.greeting {
		m.greeting = true
		m.host.Server.Go(m.greet)
	}
}

func (m *module) greet(ctx context.Context) {
	for ctx.Err() == nil {
		m.mu.Lock()
		if len(m.greetings) == 0 {
			m.greeting, m.greetings = false, nil
			m.mu.Unlock()
			return
		}
		g := m.greetings[0]
		m.greetings = m.greetings[1:]
		m.mu.Unlock()
		m.host.Server.Do(func(t *server.Turn) { m.carryOut(t, g) })
	}
}

func (m *module) carryOut(t *server.Turn, g greeting) {
	switch {
	case g.session == nil:
		m.greetPeer(t, g.local, g.peer, g.was, g.at)
	case g.local != "":
		m.greetOne(t, g.local, g.session, g.was, g.before, g.at)
	default:
		m.greetAll(t, g.session, g.before, g.at)
	}
}

// greetAll sends a session the last items of its own account and of the contacts
// on this server whose presence it gets; other servers do that for theirs.
func (m *module) greetAll(t *server.Turn, s *server.Session, before *server.Features, at uint64) {
	a := s.Account
	m.greetFrom(t, a.Local, s, before, at)
	var contacts []stanza.JID
	a.Lock()
	for item := range a.Roster.All() {
		if item.State.HasTo() {
			contacts = append(contacts, item.JID)
		}
	}
	a.Unlock()
	for _, j := range contacts {
		if h := m.host.Server.Host(j.Domain()); h != nil && h.PEP.Greet != nil && j.Local() != "" {
			h.PEP.Greet(t, j.Local(), s, before, at)
		}
	}
}

// greetFrom sends a session the last items of one account of the host.
func (m *module) greetFrom(t *server.Turn, local string, s *server.Session, before *server.Features, at uint64) {
	m.greetOne(t, local, s, nil, before, at)
}

func (m *module) greetOne(t *server.Turn, local string, s *server.Session, was *pubsub.Asker, before *server.Features, at uint64) {
	now := s.Features()
	if now == nil || !m.host.Exists(local) {
		return
	}
	m.sendLast(t, local, s.JID, was, at, func(node string) bool { return now.Wants(node) && !before.Wants(node) })
}

// greetPeer does so for a resource of another server.
func (m *module) greetPeer(t *server.Turn, local string, peer stanza.JID, was *pubsub.Asker, at uint64) {
	a := m.host.Online(local)
	if a == nil {
		return
	}
	a.Lock()
	f := a.Peer(peer)
	a.Unlock()
	if f != nil {
		m.sendLast(t, local, peer, was, at, f.Wants)
	}
}

func (m *module) sendLast(t *server.Turn, local string, to stanza.JID, was *pubsub.Asker, at uint64, wants func(string) bool) {
	s, err := m.service(t, local)
	var who pubsub.Asker
	if err == nil {
		who, err = m.Ask(t, s, to)
	}
	if err != nil {
		m.host.Server.Log.Error("last items not sent", "account", local, "err", err)
		return
	}
	s.SendLast(who, was, at, wants)
}

// saveGreeted keeps over a restart that a session was greeted.
func saveGreeted(s *server.Session) []byte {
	if f, _ := s.Value(greetedKey{}).(*server.Features); f != nil {
		return []byte{1}
	}
	return nil
}

func restoreGreeted(s *server.Session, data []byte) {
	if len(data) > 0 && s.Features() != nil {
		s.SetValue(greetedKey{}, s.Features())
	}
}
