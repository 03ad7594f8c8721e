// Package proxy is about those who stand between clients and this server: which
// addresses are theirs, and what they say of a client at the beginning of a
// connection, by the PROXY protocol (HAProxy's specification of 2020/03/05, versions 1
// and 2). What they say by HTTP headers is read in package web.
package proxy

import "net/netip"

// Networks are addresses that are treated alike. The zero value holds none.
type Networks []netip.Prefix

// ParseNetworks reads a list of addresses and networks as 10.0.0.0/8. IPv4 addresses
// may be written as IPv6 (::ffff:10.0.0.0/104) and are the same. The error names
// the one that is neither.
func ParseNetworks(list []string) (Networks, error) {
	var n Networks
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil {
				return nil, &networkError{s}
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		n = append(n, p.Masked())
	}
	return n, nil
}

type networkError struct{ what string }

func (e *networkError) Error() string {
	return `"` + e.what + `" is neither an address nor a network such as 10.0.0.0/8`
}

// Contains reports whether one of the networks holds the address, which may be
// the zero one.
func (n Networks) Contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range n {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
