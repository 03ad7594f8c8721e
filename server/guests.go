package server

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"natter/presence"
	"natter/roster"
	"natter/stanza"
)

// guestPrefix is put before a domain to name the host of its guests.
const guestPrefix = "guests."

// guestResume bounds how long a guest's session without a connection can be resumed:
// a guest that does not come back soon takes up room for others.
const guestResume = 5 * time.Minute

// Hosts returns the names of all hosts: the domains, and those for their guests.
func (cfg *Config) Hosts() []string {
	list := append([]string(nil), cfg.Domains...)
	if cfg.TakesGuests() {
		for _, d := range cfg.Domains {
			list = append(list, GuestHost(d))
		}
	}
	return list
}

// TakesGuests reports whether there are hosts for guests.
func (cfg *Config) TakesGuests() bool { return cfg.Guests == "on" }

// GuestHost names the host for the guests of a domain.
func GuestHost(domain string) string { return guestPrefix + domain }

// ErrGuests refuses a guest because there are too many.
var ErrGuests = errors.New("too many guests are here")

// guests are the temporary accounts of a host. They are in memory only: nothing of
// them, or for them, is written to the store.
type guests struct {
	mu      sync.Mutex
	numbers map[int]bool
	here    map[string]guest // by localpart
	from    map[netip.Addr]int
}

type guest struct {
	number int
	addr   netip.Addr
}

// comeIn makes a guest's account: guest-N with the smallest number that is free, and
// something behind it that never comes again, so that what a room knows of one guest
// is never another's. addr, which may be invalid, is the peer's.
func (h *Host) comeIn(addr netip.Addr) (string, error) {
	g, cfg := &h.guests, &h.Server.Config
	if addr = addr.Unmap().WithZone(""); addr.Is6() { // a household's, as in auth.Throttle
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.here) >= cfg.GuestAccounts || addr.IsValid() && !cfg.NoLimits && g.from[addr] >= cfg.GuestsPerAddress {
		return "", ErrGuests
	}
	n := 1
	for g.numbers[n] {
		n++
	}
	local := "guest-" + strconv.Itoa(n) + "-" + NewID()[:8]
	if g.here == nil {
		g.numbers, g.here, g.from = make(map[int]bool), make(map[string]guest), make(map[netip.Addr]int)
	}
	g.numbers[n], g.here[local] = true, guest{n, addr}
	g.from[addr]++
	h.names.add(local)
	return local, nil
}

// GuestLeaves ends the account of a guest that has no session; of anybody else it does
// nothing.
func (h *Host) GuestLeaves(local string) {
	if !h.Anonymous {
		return
	}
	if a := h.Online(local); a != nil {
		a.mu.Lock()
		a.gone, a.removed = true, true
		a.mu.Unlock()
		h.Server.reg.remove(a.Bare, entry{account: a})
	}
	g := &h.guests
	g.mu.Lock()
	defer g.mu.Unlock()
	who, ok := g.here[local]
	if !ok {
		return
	}
	delete(g.here, local)
	delete(g.numbers, who.number)
	if g.from[who.addr]--; g.from[who.addr] <= 0 {
		delete(g.from, who.addr)
	}
	h.names.remove(local)
}

// guest makes the account of a guest: with nothing in it.
func (h *Host) guest(local string) (*Account, error) {
	jid, err := stanza.ParseJID(h.account(local))
	if err != nil {
		return nil, err
	}
	a := &Account{Host: h, Local: local, JID: jid, Bare: jid.String(), Self: NewOrigin(jid), used: h.Server.now()}
	a.Roster = roster.New(jid, "", h.rosterLimits())
	a.view = presence.Account{JID: jid, Roster: a.Roster}
	a.Set(AccountGuest, true)
	a.retarget()
	return a, nil
}

// ResumeTime is how long a session of the host can be resumed.
func (h *Host) ResumeTime() time.Duration {
	if d := h.Server.Config.ResumeTime; !h.Anonymous || d < guestResume {
		return d
	}
	return guestResume
}

// IsGuest reports whether an address is that of a guest.
func (srv *Server) IsGuest(j stanza.JID) bool {
	h := srv.hosts[j.Domain()]
	return h != nil && h.Anonymous && j.Local() != ""
}

// forGuest reports whether guests and an address may exchange stanzas: it is the
// guest's own, the guests' host, or at a service that takes guests.
func (h *Host) forGuest(guest *Account, j stanza.JID) bool {
	if j.Bare() == guest.JID || j == h.JID {
		return true
	}
	s := h.Server.service(j.Domain())
	return s != nil && s.Guests
}

// stray refuses what a guest sends to anybody else (XEP-0175 §3); false when it may go
// on. An address that is none is for the router to refuse.
func (srv *Server) stray(t *Turn, o *Origin, st *stanza.Stanza) bool {
	a := o.Session.Account
	raw := st.To()
	if raw == nil {
		return false
	}
	to, err := parseAddr(raw)
	if err != nil || a.Host.forGuest(a, to) && !subscription(st) {
		return false
	}
	srv.Bounce(t, o, st, stanza.NotAllowed("guests speak in rooms only; log in with an account"))
	return true
}

func subscription(st *stanza.Stanza) bool {
	switch st.Type {
	case stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed:
		return st.Kind == stanza.Presence
	}
	return false
}

// intrudes reports that a stanza for a guest comes from somebody who may not write to
// guests. It is answered as if nobody had the address, presence not at all.
func (h *Host) intrudes(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID) bool {
	if !h.Anonymous {
		return false
	}
	if a := h.Online(to.Local()); a != nil && h.forGuest(a, o.JID) {
		return false
	}
	if st.Kind != stanza.Presence {
		h.Server.Bounce(t, o, st, stanza.ServiceUnavailable(""))
	}
	return true
}

// nothingKept are what accounts keep on a server and guests do not.
var nothingKept = []struct{ ns, name string }{
	{roster.Namespace, "query"},
	{"vcard-temp", "vCard"},
	{"jabber:iq:private", "query"},
	{"jabber:iq:register", "query"},
	{"http://jabber.org/protocol/pubsub", "pubsub"},
	{"http://jabber.org/protocol/pubsub#owner", "pubsub"},
	{"urn:ietf:params:xml:ns:vcard-4.0", "vcard"},
	{"urn:xmpp:blocking", "block"},
	{"urn:xmpp:blocking", "unblock"},
	{"urn:xmpp:mam:2", "prefs"},
	{"urn:xmpp:push:0", "enable"},
}

// GuestModule is what a host of guests has of its own: it says where the rooms are, and
// refuses to keep anything.
func GuestModule(h *Host) *Module {
	m := &Module{
		Name: "guests", XEP: "0175 1.2", Summary: "guests without an account meet people in rooms",
		IQ: []IQHandler{{Type: stanza.Get, NS: roster.Namespace, Name: "query", To: AtSelf, Handle: func(q *IQ) error {
			q.Reply(q.Turn, []byte("<query xmlns='"+roster.Namespace+"'/>"))
			return nil
		}}},
	}
	if main := h.Server.hosts[strings.TrimPrefix(h.Name, guestPrefix)]; main != nil {
		for _, other := range main.Modules {
			if s := other.Service; s != nil && s.Guests {
				m.Items = append(m.Items, Item{JID: s.Prefix + "." + main.Name, Name: s.Name})
			}
		}
	}
	for _, p := range nothingKept {
		m.IQ = append(m.IQ, IQHandler{Type: stanza.Set, NS: p.ns, Name: p.name, To: AtSelf | AtHost, Handle: func(*IQ) error {
			return stanza.NotAllowed("nothing is kept for guests; log in with an account")
		}})
	}
	return m
}
