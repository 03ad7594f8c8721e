package server

import (
	"net/netip"
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
type addressLimit struct{ Limit[netip.Addr] }

func newAddressLimit() *addressLimit {
	return &addressLimit{Limit[netip.Addr]{Burst: signUpBurst, Interval: signUpInterval, Most: maxSignUps}}
}

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
	return l.Allow(addr)
}

// AllowSignUp counts one account that is asked for from an address; false when it is one
// too many, which is not counted.
func (h *Host) AllowSignUp(addr netip.Addr) bool { return h.signUps.allow(addr) }
