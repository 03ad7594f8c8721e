package relay

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/pion/turn/v5"
)

// ports opens relayed addresses and knows which there are. It implements
// turn.RelayAddressGenerator.
type ports struct {
	cfg *Config
	own map[netip.Addr]bool // addresses of this machine

	mu     sync.Mutex
	users  map[string]int           // allocations of each
	active map[netip.AddrPort]*port // by the address seen from outside
	inside map[netip.AddrPort]*port // by that of the socket
}

func (p *ports) init(cfg *Config) {
	p.cfg, p.own = cfg, onThisMachine()
	p.users = make(map[string]int)
	p.active, p.inside = make(map[netip.AddrPort]*port), make(map[netip.AddrPort]*port)
}

var (
	errFull   = errors.New("there are too many allocations")
	errFamily = errors.New("there is no address of this family")
	errTCP    = errors.New("peers are reached over UDP only")
)

// Validate implements turn.RelayAddressGenerator.
func (p *ports) Validate() error { return nil }

// AllocateListener implements turn.RelayAddressGenerator: TCP to peers (RFC 6062) would
// be a proxy to whatever service they run.
func (p *ports) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errTCP
}

// AllocateConn implements turn.RelayAddressGenerator.
func (p *ports) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errTCP }

func (p *ports) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.active)
}

func (p *ports) room(user string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users[user] < p.cfg.PerUser && len(p.active) < p.cfg.Total
}

// AllocatePacketConn implements turn.RelayAddressGenerator.
func (p *ports) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	var seen netip.Addr
	for _, a := range p.cfg.Addresses {
		if a.Is4() == (c.Network == "udp4") {
			seen = a
		}
	}
	if !seen.IsValid() {
		return nil, nil, errFamily
	}
	bind := netip.IPv4Unspecified()
	if seen.Is6() {
		bind = netip.IPv6Unspecified()
	}
	if p.cfg.Bind.IsValid() && p.cfg.Bind.Unmap().Is4() == seen.Is4() {
		bind = p.cfg.Bind.Unmap()
	}
	if !p.reserve(c.UserID) {
		return nil, nil, errFull
	}
	conn, err := p.openPort(c.Network, bind, c.RequestedPort)
	if err != nil {
		p.release(c.UserID)
		return nil, nil, err
	}
	number := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	at := &port{
		UDPConn: conn, all: p, user: c.UserID,
		seen: netip.AddrPortFrom(seen, number), inside: netip.AddrPortFrom(loopbackFor(bind), number),
	}
	at.in.rate, at.out.rate = float64(p.cfg.Rate), float64(p.cfg.Rate)
	p.mu.Lock()
	p.active[at.seen], p.inside[at.inside] = at, at
	p.mu.Unlock()
	return at, net.UDPAddrFromAddrPort(at.seen), nil
}

// loopbackFor returns the address by which this machine itself reaches a socket that
// is bound to an address.
func loopbackFor(bind netip.Addr) netip.Addr {
	switch {
	case !bind.IsUnspecified():
		return bind
	case bind.Is4():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// openPort opens a socket at a port of the range, one that is asked for or any.
func (p *ports) openPort(network string, bind netip.Addr, wanted int) (*net.UDPConn, error) {
	const tries = 20
	low, span := int(p.cfg.MinPort), int(p.cfg.MaxPort)-int(p.cfg.MinPort)+1
	if wanted != 0 && (wanted < low || wanted >= low+span) {
		return nil, errors.New("the port " + strconv.Itoa(wanted) + " is not of the relay's")
	}
	var err error
	for range tries {
		number := wanted
		if number == 0 {
			number = low + rand.IntN(span)
		}
		var conn *net.UDPConn
		conn, err = net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(bind, uint16(number))))
		if err == nil || wanted != 0 {
			return conn, err
		}
	}
	return nil, err
}

func (p *ports) reserve(user string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users[user] >= p.cfg.PerUser || len(p.active) >= p.cfg.Total {
		return false
	}
	p.users[user]++
	return true
}

func (p *ports) release(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users[user]--; p.users[user] == 0 {
		delete(p.users, user)
	}
}

// sibling returns the relayed address that is seen at an address, nil when there is
// none; behind that which is at a socket of this machine.
func (p *ports) sibling(at netip.AddrPort) *port {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.active[at]
}

func (p *ports) behind(socket netip.AddrPort) *port {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inside[socket]
}
