package cert

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// names are what a leaf is good for.
type names struct {
	common string   // subject's common name; "" if it would be too long for one
	dns    []string // A-labels, lower case, no repetition
	ips    []net.IP
}

// maxCommonName is X.520's ub-common-name in characters (RFC 5280, appendix A.1).
const maxCommonName = 64

// namesFor lists the names for a server of some hosts.
func namesFor(hosts []string) (names, error) {
	n := names{
		common: "localhost",
		dns:    []string{"localhost", "*.localhost"},
		ips:    []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback},
	}
	for i, h := range hosts {
		name, ip, err := hostName(h)
		if err != nil {
			return names{}, err
		}
		if ip != nil {
			if !slices.ContainsFunc(n.ips, ip.Equal) {
				n.ips = append(n.ips, ip)
			}
			continue
		}
		if i == 0 {
			n.common = name
		}
		n.add(name)
		n.add("*." + name)
	}
	if len(n.common) > maxCommonName {
		n.common = ""
	}
	return n, nil
}

func (n *names) add(name string) {
	if len(name) <= 253 && !slices.Contains(n.dns, name) {
		n.dns = append(n.dns, name)
	}
}

// hostName turns a configured host into what a certificate says: a DNS name in
// A-labels (RFC 6125 §6.4.2) or an IP address.
func hostName(host string) (string, net.IP, error) {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && addr.Zone() == "" {
		return "", net.IP(addr.Unmap().AsSlice()), nil
	}
	name, err := idna.Punycode.ToASCII(strings.ToLower(strings.TrimSuffix(host, ".")))
	if err != nil {
		return "", nil, fmt.Errorf("cert: host %q: %w", host, err)
	}
	ok := name != "" && len(name) <= 253
	for label := range strings.SplitSeq(name, ".") {
		ok = ok && label != "" && len(label) <= 63 && strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
	}
	if !ok {
		return "", nil, fmt.Errorf("cert: host %q can't be in a certificate", host)
	}
	return name, nil, nil
}

// equal reports that a certificate is for these names and no others.
func (n names) equal(c *x509.Certificate) bool {
	return len(c.DNSNames) == len(n.dns) && len(c.IPAddresses) == len(n.ips) &&
		!slices.ContainsFunc(n.dns, func(s string) bool { return !slices.Contains(c.DNSNames, s) }) &&
		!slices.ContainsFunc(n.ips, func(ip net.IP) bool { return !slices.ContainsFunc(c.IPAddresses, ip.Equal) })
}
