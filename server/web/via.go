package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"natter/server/c2s"
)

// Prefixes reads a list of addresses and networks as 10.0.0.0/8. The error names
// the one that is neither.
func Prefixes(list []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil {
				return nil, &prefixError{s}
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

type prefixError struct{ what string }

func (e *prefixError) Error() string {
	return `"` + e.what + `" is neither an address nor a network such as 10.0.0.0/8`
}

// contains reports whether one of the networks holds the address.
func contains(list []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// forwarded are headers by which a proxy says that it asks for somebody else.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// proxied reports whether a proxy says so, trusted or not.
func proxied(r *http.Request) bool {
	for _, name := range forwarded {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// peer returns the address that the connection comes from; the zero one for a
// pipe.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// via says how a request has reached us. What a proxy says counts only when the
// connection is its own and it is one of the trusted; then the client is who the
// last of them has seen.
func (s *Site) via(r *http.Request) c2s.Via {
	v := c2s.Via{Addr: peer(r), TLS: r.TLS}
	said := proxied(r)
	switch {
	case said && v.Addr.IsValid() && contains(s.trusted, v.Addr):
		hops := forwardedHops(r.Header)
		for i := len(hops) - 1; i >= 0; i-- {
			v.Addr, v.Proxied, v.TLS = hops[i].addr, hops[i].secure, nil
			if !contains(s.trusted, hops[i].addr) {
				break
			}
		}
	case !said:
		v.Local = (!v.Addr.IsValid() || v.Addr.IsLoopback()) && loopbackName(r.Host)
	}
	return v
}

// loopbackName reports whether a Host header names this machine to itself: what a
// page of another site cannot, even when its name leads here.
func loopbackName(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if a, err := netip.ParseAddr(name); err == nil {
		return a.IsLoopback()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// hop is one proxy's word about who has asked it.
type hop struct {
	addr   netip.Addr
	secure bool // over https
}

// forwardedHops reads Forwarded (RFC 7239) or, without it, the X-Forwarded
// headers; the last hop is the proxy next to us. A word that can't be read is a
// hop of no address.
func forwardedHops(h http.Header) []hop {
	var hops []hop
	if list := h.Values("Forwarded"); len(list) > 0 {
		for _, element := range splitList(list, ',') {
			var p hop
			for _, pair := range splitList([]string{element}, ';') {
				name, value, _ := strings.Cut(pair, "=")
				value = strings.Trim(strings.TrimSpace(value), `"`)
				switch strings.ToLower(strings.TrimSpace(name)) {
				case "for":
					p.addr = nodeAddr(value)
				case "proto":
					p.secure = secureProto(value)
				}
			}
			hops = append(hops, p)
		}
		return hops
	}
	protos := splitList(h.Values("X-Forwarded-Proto"), ',')
	from := splitList(h.Values("X-Forwarded-For"), ',')
	if len(from) == 0 {
		from = splitList(h.Values("X-Real-Ip"), ',')
	}
	for i, a := range from {
		p := hop{addr: nodeAddr(a)}
		switch {
		case len(protos) == len(from):
			p.secure = secureProto(protos[i])
		case len(protos) > 0: // one proxy says it, the one next to us
			p.secure = secureProto(protos[len(protos)-1])
		}
		hops = append(hops, p)
	}
	return hops
}

func secureProto(s string) bool {
	return strings.EqualFold(s, "https") || strings.EqualFold(s, "wss")
}

// nodeAddr reads an address as proxies write it: with a port and in brackets, or
// without (RFC 7239 §6).
func nodeAddr(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap()
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// splitList splits header values at a separator that is in no quotes.
func splitList(values []string, sep byte) []string {
	var parts []string
	for _, v := range values {
		quoted, from := false, 0
		for i := 0; i <= len(v); i++ {
			switch {
			case i == len(v) || v[i] == sep && !quoted:
				if part := strings.TrimSpace(v[from:i]); part != "" {
					parts = append(parts, part)
				}
				from = i + 1
			case v[i] == '"':
				quoted = !quoted
			case v[i] == '\\' && quoted:
				i++
			}
		}
	}
	return parts
}
