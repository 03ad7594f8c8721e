package web

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// mayAsk reports whether a request may be answered to the page that makes it
// (RFC 6454): one of this site, of a site in Config.Origins, or none at all, as
// with programs that are no browsers.
func (s *Site) mayAsk(r *http.Request) bool {
	list := r.Header.Values("Origin")
	if len(list) == 0 {
		return true
	}
	return len(list) == 1 && (s.sameOrigin(r, list[0]) || s.listed(list[0]))
}

// listed reports whether the configuration lets pages of that origin in.
func (s *Site) listed(origin string) bool {
	for _, o := range s.core.Config.Origins {
		if o == "*" || strings.EqualFold(strings.TrimSuffix(o, "/"), origin) {
			return true
		}
	}
	return false
}

// sameOrigin reports whether the page is of the site that the request is for. The
// scheme is not compared when a proxy may have changed it.
func (s *Site) sameOrigin(r *http.Request, origin string) bool {
	if p := s.core.Config.PublicURL; p != "" && strings.EqualFold(strings.TrimSuffix(p, "/"), origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	if r.TLS != nil && u.Scheme != "https" {
		return false
	}
	return canonicalHost(u.Host, u.Scheme) == canonicalHost(r.Host, u.Scheme)
}

// canonicalHost returns a host with its port, in small letters.
func canonicalHost(host, scheme string) string {
	host = strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := "80"
	if scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}
