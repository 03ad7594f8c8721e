package relay

import (
	"net"
	"net/netip"
	"sync"
)

// special are networks that no peer of a call on the internet is in (RFC 6890 and its
// registries), and those that stand for addresses of another family, behind which one
// of them might be.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
	"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

// near are those of them that a server for this machine alone may relay to.
var near = prefixes("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")

func prefixes(list ...string) (ps []netip.Prefix) {
	for _, s := range list {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// open reports whether a may be a peer, wherever it is but on this machine.
func (c *Config) open(a netip.Addr) bool {
	switch a = a.Unmap(); {
	case !a.IsValid(), a.Zone() != "", a.IsUnspecified(), a.IsMulticast():
		return false
	case within(c.Peers, a):
		return true
	case c.Local && within(near, a):
		return true
	}
	return !within(special, a)
}

// ours reports whether a is an address at which relayed addresses are seen.
func (c *Config) ours(a netip.Addr) bool {
	for _, own := range c.Addresses {
		if own == a.Unmap() {
			return true
		}
	}
	return false
}

// onThisMachine returns the addresses of this machine.
func onThisMachine() map[netip.Addr]bool {
	own := make(map[netip.Addr]bool)
	list, err := net.InterfaceAddrs()
	if err != nil {
		return own
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own[ip.Unmap()] = true
			}
		}
	}
	return own
}

// mayReach decides whether a client may have a permission for a peer (RFC 8656 §9.2).
// What is sent is looked at again, port and all, when it goes out.
func (s *Server) mayReach(client net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	if !ok {
		return false
	}
	a = a.Unmap()
	return (s.cfg.ours(a) || s.cfg.open(a) && (s.cfg.Local || !s.ports.own[a])) && s.perms.room(client, a)
}

// maxPermissions bounds the peers of one allocation.
const maxPermissions = 100

// permissions counts what clients have permissions for.
type permissions struct {
	mu      sync.Mutex
	granted map[string]map[netip.Addr]struct{} // by the client's address
}

// room reports whether a client may have a permission for a peer.
func (p *permissions) room(client net.Addr, peer netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.granted[client.Network()+client.String()]
	_, has := of[peer]
	return has || len(of) < maxPermissions
}

func (p *permissions) created(client, _ net.Addr, _, _, _ string, _ net.Addr, peer net.IP) {
	a, ok := netip.AddrFromSlice(peer)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := client.Network() + client.String()
	of := p.granted[key]
	if of == nil {
		of = make(map[netip.Addr]struct{})
		p.granted[key] = of
	}
	of[a.Unmap()] = struct{}{}
}

func (p *permissions) deleted(client, _ net.Addr, _, _, _ string, _ net.Addr, peer net.IP) {
	a, _ := netip.AddrFromSlice(peer)
	p.mu.Lock()
	defer p.mu.Unlock()
	key := client.Network() + client.String()
	if delete(p.granted[key], a.Unmap()); len(p.granted[key]) == 0 {
		delete(p.granted, key)
	}
}

func (p *permissions) gone(client, _ net.Addr, _, _, _ string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.granted, client.Network()+client.String())
}
