package web

import (
	"net/http"
	"testing"

	"natter/server/proxy"
)

// TestWhoTheClientIs, by what trusted proxies at 10.0.0.0/8 say in headers, some of
// which are the client's own.
func TestWhoTheClientIs(t *testing.T) {
	trusted, err := proxy.ParseNetworks([]string{"10.0.0.0/8", "2001:db8:1::/48"})
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{trusted: trusted}
	for _, row := range []struct {
		name    string
		headers []string
		addr    string // "" for nobody that is to be believed
		secure  bool
	}{
		{"one proxy", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"without TLS", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "http"}, "192.0.2.1", false},
		{"by IPv6", []string{"X-Forwarded-For", "2001:db8::1", "X-Forwarded-Proto", "https"}, "2001:db8::1", true},
		{"by IPv4 in IPv6", []string{"X-Forwarded-For", "::ffff:192.0.2.1", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"with a port", []string{"X-Forwarded-For", "192.0.2.1:4711", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"what the client claims to be before it", []string{"X-Forwarded-For", "203.0.113.9, 192.0.2.1", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"… in a header of its own", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"… to be a proxy", []string{"X-Forwarded-For", "10.0.0.9, 192.0.2.1", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"two proxies", []string{"X-Forwarded-For", "203.0.113.9, 192.0.2.1, 10.0.0.8", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"two proxies, the inner one without TLS", []string{"X-Forwarded-For", "192.0.2.1, 10.0.0.8", "X-Forwarded-Proto", "https, http"}, "192.0.2.1", true},
		{"a proxy that asks itself", []string{"X-Forwarded-For", "10.0.0.8", "X-Forwarded-Proto", "https"}, "10.0.0.8", true},
		{"the words of RFC 7239", []string{"Forwarded", `for=203.0.113.9, for="[2001:db8::1]:4711";proto=https`}, "2001:db8::1", true},
		{"two proxies in these words", []string{"Forwarded", `for=192.0.2.1;proto=https`, "Forwarded", `proto=http;for="[2001:db8:1::5]"`}, "192.0.2.1", true},
		{"somebody hidden", []string{"Forwarded", "for=_hidden;proto=https"}, "invalid IP", true},
		{"X-Real-IP alone", []string{"X-Real-Ip", "192.0.2.1", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"all three, at one", []string{"Forwarded", "for=192.0.2.1;proto=https", "X-Forwarded-For", "192.0.2.1", "X-Real-Ip", "192.0.2.1", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"X-Real-IP of the proxy before", []string{"X-Forwarded-For", "192.0.2.1, 10.0.0.8", "X-Real-Ip", "10.0.0.8", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},
		{"one proxy by RFC 7239, the next in the old way", []string{"Forwarded", "for=192.0.2.1;proto=https", "X-Forwarded-For", "10.0.0.8", "X-Forwarded-Proto", "https"}, "192.0.2.1", true},

		{"a header that the proxy does not know", []string{"Forwarded", "for=203.0.113.9;proto=https", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "", false},
		{"… the other way round", []string{"Forwarded", "for=192.0.2.1;proto=https", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, "", false},
		{"… X-Real-IP", []string{"X-Real-Ip", "203.0.113.9", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "", false},
		{"… about TLS alone", []string{"Forwarded", "for=192.0.2.1;proto=https", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "http"}, "192.0.2.1", false},
		{"… hidden", []string{"Forwarded", "for=unknown;proto=https", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "", false},
		{"nothing", []string{"X-Forwarded-Proto", "https"}, "", false},
	} {
		h := http.Header{}
		for i := 0; i < len(row.headers); i += 2 {
			h.Add(row.headers[i], row.headers[i+1])
		}
		c, ok := s.client(h)
		got := ""
		if ok {
			got = c.addr.String()
		}
		if got != row.addr || c.secure != row.secure {
			t.Errorf("%s: %q over TLS %v, want %q over TLS %v", row.name, got, c.secure, row.addr, row.secure)
		}
	}
}
