package server

import (
	"net/netip"
	"sync"
	"time"
)

// An address may ask for signUpBurst accounts at once, and for one more each interval.
const (
	signUpBurst    = 10
	signUpInterval = 5 * time.Minute
)

// maxSignUps bounds how many addresses are remembered.
const maxSignUps = 16_384

// addressLimit bounds how often one address asks for an account. IPv6 addresses count by
// their /64, and what has no address (a pipe) as one. A nil limit allows all. It
// is safe for concurrent use.
type addressLimit struct {
	mu sync.Mutex
	// full says, of each address, when it may ask for signUpBurst accounts again; one
	// that may already is as good as not there. It moves on by an interval with
	// each account.
	full map[netip.Addr]time.Time
}

func newAddressLimit() *addressLimit { return &addressLimit{full: make(map[netip.Addr]time.Time)} }

// allow counts one request; false when it is one too many, which is not counted.
func (l *addressLimit) allow(addr netip.Addr) bool {
	if l == nil {
		return true
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	at, known := l.full[addr]
	if at.Before(now) {
		at = now
	}
	at = at.Add(signUpInterval)
	if at.Sub(now) > signUpBurst*signUpInterval {
		return false
	}
	if !known && len(l.full) >= maxSignUps {
		l.forget(now)
	}
	l.full[addr] = at
	return true
}

// AllowSignUp counts one account that is asked for from an address; false when it is one
// too many, which is not counted.
func (h *Host) AllowSignUp(addr netip.Addr) bool { return h.signUps.allow(addr) }

// forget drops the addresses that have nothing to remember, and if there are
// none, the one of a few that has least.
func (l *addressLimit) forget(now time.Time) {
	for addr, at := range l.full {
		if !at.After(now) {
			delete(l.full, addr)
		}
	}
	if len(l.full) < maxSignUps {
		return
	}
	var least netip.Addr
	n := 0
	for addr, at := range l.full {
		if n == 0 || at.Before(l.full[least]) {
			least = addr
		}
		if n++; n == 8 {
			break
		}
	}
	delete(l.full, least)
}
