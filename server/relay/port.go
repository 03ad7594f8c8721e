package relay

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// port is one relayed address: a socket that sends only where it may, and no more than
// its rate.
type port struct {
	*net.UDPConn
	all          *ports
	user         string
	seen, inside netip.AddrPort // from outside, and from this machine
	in, out      bucket
	once         sync.Once
}

// WriteTo implements net.PacketConn. What may not go out is dropped, as a network
// would.
func (p *port) WriteTo(b []byte, to net.Addr) (int, error) {
	at, ok := addrPort(to)
	switch {
	case !ok || at.Port() == 0 || !p.out.take(len(b)):
		return len(b), nil
	case p.all.cfg.ours(at.Addr()):
		// Both sides of a call are relayed here: the way is by this machine, which a
		// router in front of it may not turn around.
		other := p.all.sibling(at)
		switch {
		case other != nil:
			at = other.inside
		case !p.all.cfg.Local:
			return len(b), nil
		}
	case !p.all.cfg.open(at.Addr()), p.all.own[at.Addr()] && !p.all.cfg.Local:
		return len(b), nil
	}
	if _, err := p.UDPConn.WriteToUDPAddrPort(b, at); err != nil {
		return 0, err
	}
	return len(b), nil
}

// ReadFrom implements net.PacketConn. What comes from another relayed address is shown
// with the address that this has outside.
func (p *port) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := p.UDPConn.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, nil, err
		}
		if !p.in.take(n) {
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if other := p.all.behind(from); other != nil {
			from = other.seen
		}
		return n, net.UDPAddrFromAddrPort(from), nil
	}
}

// Close implements net.PacketConn.
func (p *port) Close() error {
	p.once.Do(func() {
		p.all.mu.Lock()
		delete(p.all.active, p.seen)
		delete(p.all.inside, p.inside)
		p.all.mu.Unlock()
		p.all.release(p.user)
	})
	return p.UDPConn.Close()
}

func addrPort(a net.Addr) (netip.AddrPort, bool) {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	at := u.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), at.IsValid()
}

// bucket bounds a rate in bytes a second, with a second's worth at once.
type bucket struct {
	mu   sync.Mutex
	rate float64
	left float64
	at   time.Time
}

func (k *bucket) take(n int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.at.IsZero() {
		k.left = k.rate
	} else {
		k.left = min(k.rate, k.left+max(0, now.Sub(k.at).Seconds())*k.rate)
	}
	k.at = now
	if k.left < float64(n) {
		return false
	}
	k.left -= float64(n)
	return true
}
