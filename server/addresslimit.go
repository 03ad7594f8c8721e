package register

import (
	"net/netip"
	"sync"
	"time"
)

// An address may ask for burst accounts at once, and for one more each interval.
const (
	burst    = 10
	interval = 5 * time.Minute
)

// maxAddresses bounds how many addresses are remembered.
const maxAddresses = 16_384

// limit bounds how often one address asks for an account. IPv6 addresses count by
// their /64, and what has no address (a pipe) as one. A nil limit allows all. It
// is safe for concurrent use.
type limit struct {
	mu sync.Mutex
	// full says, of each address, when it may ask for burst accounts again; one
	// that may already is as good as not there. It moves on by an interval with
	// each account.
	full map[netip.Addr]time.Time
}

func newLimit() *limit { return &limit{full: make(map[netip.Addr]time.Time)} }

// allow counts one request; false when it is one too many, which is not counted.
func (l *limit) allow(addr netip.Addr) bool {
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
	at = at.Add(interval)
	if at.Sub(now) > burst*interval {
		return false
	}
	if !known && len(l.full) >= maxAddresses {
		l.forget(now)
	}
	l.full[addr] = at
	return true
}

// forget drops the addresses that have nothing to remember, and if there are
// none, the one of a few that has least.
func (l *limit) forget(now time.Time) {
	for addr, at := range l.full {
		if !at.After(now) {
			delete(l.full, addr)
		}
	}
	if len(l.full) < maxAddresses {
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
