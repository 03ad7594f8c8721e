// Package caps implements the processing side of XEP-0115 Entity Capabilities,
// version 1.6.0: it finds out what the clients can do whose presence comes by, and
// notes that where extensions find it (server.Features), above all which events a
// client wants (XEP-0060 §9.2). What the server itself announces is in package disco.
//
// A hash is believed only once somebody's answer has been hashed to it; what does
// not hash to what it claims counts for the one resource that said it and nobody
// else, so that nobody can speak for others' clients.
package caps

import (
	"time"

	"natter/server"
	"natter/stanza"
)

const (
	ns     = "http://jabber.org/protocol/caps"
	nsInfo = "http://jabber.org/protocol/disco#info"
)

// patience is how long a client may take to say what it can do.
const patience = 30 * time.Second

type module struct {
	host  *server.Host
	cache *cache
}

// claimKey keeps a session's last claim, guarded by its account's lock.
type claimKey struct{}

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h, cache: newCache(h)}
	return &server.Module{
		Name: "caps", XEP: "0115 1.6.0", Summary: "who gets which events, by what clients can do",
		Hooks: []server.Hook{
			{Stage: server.FromAccount, Kinds: server.OnPresence, NS: ns, Run: m.own},
			{Stage: server.ToAccount, Kinds: server.OnPresence, Run: m.peer},
		},
		SaveSession: func(s *server.Session) []byte {
			c, _ := s.Value(claimKey{}).(claim)
			return c.marshal()
		},
		RestoreSession: func(s *server.Session, data []byte) {
			c, ok := unmarshal(data)
			if !ok {
				return
			}
			s.SetValue(claimKey{}, c)
			s.SetFeatures(m.cache.get(c))
		},
	}
}

// own looks at presence that a client of ours broadcasts.
func (m *module) own(p *server.Passage) server.Verdict {
	s := p.Origin.Session
	c, ok := claimOf(p.Stanza)
	if !ok || p.Stanza.Type != stanza.TypeNone || p.Stanza.To() != nil {
		return server.Pass
	}
	p.Account.Lock()
	was, _ := s.Value(claimKey{}).(claim)
	same := was == c
	s.SetValue(claimKey{}, c)
	p.Account.Unlock()
	if same && s.Features() != nil {
		return server.Pass
	}
	if f := m.cache.get(c); f != nil {
		s.SetFeatures(f)
		return server.Pass
	}
	if !same {
		s.SetFeatures(nil)
	}
	m.findOwn(p.Turn, s, c)
	return server.Pass
}

// findOwn finds out what a client of ours can do, which claims c.
func (m *module) findOwn(t *server.Turn, s *server.Session, c claim) {
	now := func() claim {
		s.Account.Lock()
		defer s.Account.Unlock()
		now, _ := s.Value(claimKey{}).(claim)
		return now
	}
	m.find(t, c, question{from: s.Account.JID, to: s.JID,
		then: func(t *server.Turn, f *server.Features) {
			if now() == c {
				s.SetFeatures(f)
				m.host.Tell(t, server.Event{Kind: server.FeaturesChanged, Account: s.Account, By: "caps", Session: s})
			}
		},
		again: func(t *server.Turn) {
			other := now()
			if other == c || s.Features() != nil || m.host.Server.Session(s.Full) != s {
				return
			}
			if f := m.cache.get(other); f != nil {
				s.SetFeatures(f)
				m.host.Tell(t, server.Event{Kind: server.FeaturesChanged, Account: s.Account, By: "caps", Session: s})
				return
			}
			m.findOwn(t, s, other)
		},
	})
}

// peer looks at presence that an account of ours gets from another server. Who
// shares nothing with the account is not remembered: there would be no end to them.
func (m *module) peer(p *server.Passage) server.Verdict {
	from, a := p.Origin.JID, p.Account
	if p.Origin.Session != nil || m.host.Server.Host(from.Domain()) != nil {
		return server.Pass
	}
	if p.Stanza.Type != stanza.TypeNone {
		a.Lock()
		a.SetPeer(from, nil)
		a.Unlock()
		return server.Pass
	}
	c, ok := claimOf(p.Stanza)
	if !ok || from.IsBare() || !a.SeenBy(from) {
		return server.Pass
	}
	note := func(t *server.Turn, f *server.Features) {
		a.Lock()
		was := a.Peer(from)
		a.SetPeer(from, f)
		a.Unlock()
		if was != f {
			m.host.Tell(t, server.Event{Kind: server.FeaturesChanged, Account: a, By: "caps", Peer: from})
		}
	}
	if f := m.cache.get(c); f != nil {
		note(p.Turn, f)
		return server.Pass
	}
	m.find(p.Turn, c, question{from: a.JID, to: from, then: note})
	return server.Pass
}

// find asks a client what it can do, unless somebody with the same claim is being
// asked, and calls then with the answer. It is not called when there is none.
func (m *module) find(t *server.Turn, c claim, q question) {
	if m.cache.wait(c, q) {
		m.ask(t, c, q)
	}
}

// question is a client whose features are wanted.
type question struct {
	from, to stanza.JID
	then     func(*server.Turn, *server.Features)
	// again, when not nil, is called when the client is no longer being asked: it
	// may have made another claim meanwhile.
	again func(*server.Turn)
}

// ask asks one client; those with the same claim wait for what comes of it.
func (m *module) ask(t *server.Turn, c claim, q question) {
	query := stanza.AppendEmpty(nil, "query", "xmlns", nsInfo, "node", c.node+"#"+c.ver)
	m.host.Server.Ask(t, q.from, q.to, stanza.Get, query, patience, func(t *server.Turn, answer *stanza.Stanza, err *stanza.Error) {
		var f *server.Features
		verified := false
		if err == nil {
			f, verified = read(answer, c)
		}
		switch {
		case verified:
			f = m.cache.put(t, c, f)
			for _, w := range m.cache.done(c, q.to) {
				w.then(t, f)
			}
			q.next(t)
			return
		case f != nil:
			q.then(t, f) // for itself alone
		}
		// §5.4: another one that makes the same claim may be right.
		if next, ok := m.cache.next(c, q.to); ok {
			m.ask(t, c, next)
		}
		q.next(t)
	})
}

func (q *question) next(t *server.Turn) {
	if q.again != nil {
		q.again(t)
	}
}
