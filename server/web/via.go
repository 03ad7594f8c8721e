package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"natter/server/c2s"
)

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
	header, announced := c2s.Announced(r.Context())
	v := c2s.Via{Addr: peer(r), TLS: r.TLS, Proxied: header.TLS && r.TLS == nil}
	said := proxied(r)
	switch {
	case said && v.Addr.IsValid() && s.trusted.Contains(v.Addr):
		v.TLS, v.Proxied = nil, false
		if h, ok := s.client(r.Header); ok {
			v.Addr, v.Proxied = h.addr, h.secure
		} else {
			s.disagreement.Do(func() {
				s.core.Log.Warn("a proxy's headers name no client, or several: none counts; let it write one and delete the others", "proxy", v.Addr)
			})
		}
	case said && (v.Addr.IsLoopback() || v.Addr.IsPrivate()): // where one's own proxies are
		s.unnamed.Do(func() {
			s.core.Log.Warn("a proxy that is not in trusted_proxies: who comes by it has its address, and cannot log in", "proxy", v.Addr)
		})
	case !said && !announced:
		v.Local = (!v.Addr.IsValid() || v.Addr.IsLoopback()) && loopbackName(r.Host)
	}
	return v
}

// client returns who the trusted proxies say that the client is. They write one kind of
// header, and pass on from the client those that they do not know. So where two
// kinds disagree, one of them may be the client's own word, and neither counts: ok
// is false, and the request is the proxy's.
func (s *Site) client(h http.Header) (c hop, ok bool) {
	for _, hops := range [][]hop{forwardedHops(h), xForwardedHops(h), realIPHops(h)} {
		if len(hops) == 0 {
			continue
		}
		i := len(hops) - 1
		for i > 0 && s.trusted.Contains(hops[i].addr) {
			i--
		}
		switch said := hops[i]; {
		case !ok, s.trusted.Contains(c.addr): // so far it was another proxy
			c, ok = said, true
		case s.trusted.Contains(said.addr):
		case said.addr != c.addr:
			return hop{}, false
		default:
			c.secure = c.secure && said.secure
		}
	}
	return c, ok
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

// forwardedHops reads Forwarded (RFC 7239); the last hop is the proxy next to us. A
// word that can't be read is a hop of no address.
func forwardedHops(h http.Header) []hop {
	var hops []hop
	for _, element := range splitList(h.Values("Forwarded"), ',') {
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

// xForwardedHops reads X-Forwarded-For and X-Forwarded-Proto, realIPHops X-Real-IP in
// the place of the former, in the same way.
func xForwardedHops(h http.Header) []hop { return namedHops(h, "X-Forwarded-For") }
func realIPHops(h http.Header) []hop     { return namedHops(h, "X-Real-Ip") }

func namedHops(h http.Header, name string) []hop {
	var hops []hop
	protos := splitList(h.Values("X-Forwarded-Proto"), ',')
	from := splitList(h.Values(name), ',')
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
