package pep

import (
	"container/list"
	"sync/atomic"

	"natter/server"
	"natter/server/xep/pubsub"
	"natter/stanza"
)

// Bounds on the accounts' nodes that are kept in memory; those not used for the
// longest are let go first.
const (
	maxServices = 20_000
	maxMemory   = 64 << 20
)

// maxPeople bounds the subscriptions and affiliations at one account's nodes.
const maxPeople = 5000

// held is a service in memory.
type held struct {
	local   string
	service *pubsub.Service
	size    int // when it was looked at last
}

// service returns the nodes of an account, loading them if need be. An account
// that does not exist has none. It may read the store.
func (m *module) service(t *server.Turn, local string) (*pubsub.Service, error) {
	s := m.kept(local)
	if s != nil && !s.Gone() {
		return s, nil
	}
	if !m.host.Exists(local) {
		return m.fresh(local)
	}
	t.Flush()
	v, err, _ := m.loads.Do(local, func() (any, error) {
		old := m.kept(local)
		if old != nil && !old.Gone() {
			return old, nil
		}
		if old != nil { // what it had under way is to be decided
			m.host.Server.Do(func(t *server.Turn) { t.Await(1) })
		}
		for {
			removals := m.removals.Load()
			s, err := m.fresh(local)
			if err == nil {
				err = s.Load()
			}
			if err != nil {
				return nil, err
			}
			m.keep(local, s)
			if m.removals.Load() == removals {
				return s, nil
			}
			s.GiveUp() // it may still name an account that was removed meanwhile
		}
	})
	if err != nil {
		return nil, err
	}
	return v.(*pubsub.Service), nil
}

// fresh returns a service without nodes.
func (m *module) fresh(local string) (*pubsub.Service, error) {
	jid, err := stanza.ParseJID(local + "@" + m.host.Name)
	if err != nil {
		return nil, err
	}
	c := &m.host.Server.Config
	return &pubsub.Service{
		Host: m.host, JID: jid, Self: server.NewOrigin(jid), Local: local, Policy: m,
		Limits: pubsub.Limits{Nodes: c.PubSubNodes, Items: c.PubSubItems, Bytes: c.PubSubBytes, Payload: c.PubSubItem, People: maxPeople, Subscribers: 1000},
	}, nil
}

func (m *module) kept(local string) *pubsub.Service {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.services[local]
	if e == nil {
		return nil
	}
	m.order.MoveToFront(e)
	h := e.Value.(*held)
	size := h.service.Size() // it may have grown since
	m.memory += size - h.size
	h.size = size
	return h.service
}

// keep keeps a service in memory, in the place of an older one.
func (m *module) keep(local string, s *pubsub.Service) {
	h := &held{local: local, service: s, size: s.Size()}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.services[local]; e != nil {
		m.memory -= e.Value.(*held).size
		m.order.Remove(e)
	}
	m.services[local] = m.order.PushFront(h)
	m.memory += h.size
	for e := m.order.Back(); e != nil && e != m.order.Front() && (m.order.Len() > maxServices || m.memory > maxMemory); {
		old := e.Value.(*held)
		before := e.Prev()
		if old.service.Retire() {
			m.memory -= old.size
			m.order.Remove(e)
			delete(m.services, old.local)
		}
		e = before
	}
}

// forget gives up the nodes of an account that is removed.
func (m *module) forget(local string) {
	if s := m.kept(local); s != nil {
		s.GiveUp()
	}
}

// strip takes an account that was removed off all nodes in memory; those that are
// loaded later leave it out.
func (m *module) strip(jid stanza.JID) {
	m.removals.Add(1)
	m.mu.Lock()
	list := make([]*pubsub.Service, 0, len(m.services))
	for _, e := range m.services {
		list = append(list, e.Value.(*held).service)
	}
	m.mu.Unlock()
	for _, s := range list {
		s.Strip(jid)
	}
}

// cache is the services in memory.
type cache struct {
	services map[string]*list.Element
	order    *list.List // of *held, the last used first
	memory   int
	removals atomic.Int64 // of accounts, since the server was started
}
