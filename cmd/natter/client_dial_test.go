package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"
)

func TestEndpoints(t *testing.T) {
	srv := func(target string, port, priority uint16) *net.SRV {
		return &net.SRV{Target: target, Port: port, Priority: priority}
	}
	type records map[string][]*net.SRV
	for _, row := range []struct {
		name    string
		account account
		domain  string
		dns     records
		want    []endpoint
		err     string
	}{
		{"localhost needs no lookup", account{}, "localhost", nil, []endpoint{{"127.0.0.1:5222", tlsStart}}, ""},
		{"nor does a name below it", account{}, "chat.localhost", nil, []endpoint{{"127.0.0.1:5222", tlsStart}}, ""},
		{"nor an address in numbers", account{}, "192.0.2.1", nil, []endpoint{{"192.0.2.1:5222", tlsStart}}, ""},
		{"nor one of version 6", account{}, "[::1]", nil, []endpoint{{"[::1]:5222", tlsStart}}, ""},
		{"direct TLS has its own port", account{tls: tlsDirect}, "localhost", nil, []endpoint{{"127.0.0.1:5223", tlsDirect}}, ""},
		{"no TLS stays on the usual port", account{tls: tlsNone}, "localhost", nil, []endpoint{{"127.0.0.1:5222", tlsNone}}, ""},
		{"--server is the only place", account{server: "h:77"}, "example.org", records{"xmpp-client": {srv("x.", 1, 1)}}, []endpoint{{"h:77", tlsStart}}, ""},
		{"--server without port gets the usual one", account{server: "h"}, "example.org", nil, []endpoint{{"h:5222", tlsStart}}, ""},
		{"--server may be an IPv6 address", account{server: "[::1]"}, "example.org", nil, []endpoint{{"[::1]:5222", tlsStart}}, ""},
		{"port 5223 means direct TLS", account{server: "h:5223"}, "example.org", nil, []endpoint{{"h:5223", tlsDirect}}, ""},
		{"unless it is said otherwise", account{server: "h:5223", tls: tlsStart}, "example.org", nil, []endpoint{{"h:5223", tlsStart}}, ""},
		{"--server has to have a port that exists", account{server: "h:0"}, "example.org", nil, nil, "not HOST:PORT"},
		{"and a number", account{server: "h:xmpp"}, "example.org", nil, nil, "not HOST:PORT"},
		{"without records the domain itself is tried", account{}, "example.org", nil, []endpoint{{"example.org:5222", tlsStart}}, ""},
		{"records of both services are merged by priority, direct TLS first", account{}, "example.org",
			records{"xmpps-client": {srv("a.", 1, 5), srv("b.", 2, 20)}, "xmpp-client": {srv("c.", 3, 5), srv("d.", 4, 1)}},
			[]endpoint{{"d:4", tlsStart}, {"a:1", tlsDirect}, {"c:3", tlsStart}, {"b:2", tlsDirect}}, ""},
		{"--tls starttls leaves the direct ones out", account{tls: tlsStart}, "example.org",
			records{"xmpps-client": {srv("a.", 1, 5)}, "xmpp-client": {srv("c.", 3, 5)}}, []endpoint{{"c:3", tlsStart}}, ""},
		{"--tls direct leaves the others out", account{tls: tlsDirect}, "example.org",
			records{"xmpps-client": {srv("a.", 1, 5)}, "xmpp-client": {srv("c.", 3, 5)}}, []endpoint{{"a:1", tlsDirect}}, ""},
		{"a target of one dot says that nothing is offered", account{}, "example.org",
			records{"xmpp-client": {srv(".", 0, 0)}}, nil, "offers no chat service"},
		{"a domain beyond ASCII is looked up in its encoded form", account{}, "bücher.example", records{},
			[]endpoint{{"xn--bcher-kva.example:5222", tlsStart}}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.account.jid = jid.MustParse("romeo@" + row.domain)
			lookup := func(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
				if proto != "tcp" || strings.ContainsAny(name, "ü") {
					t.Errorf("looked up %s %s", proto, name)
				}
				if r, ok := row.dns[service]; ok {
					return "", r, nil
				}
				return "", nil, &net.DNSError{IsNotFound: true}
			}
			got, err := row.account.endpoints(t.Context(), lookup)
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Errorf("error is %v, want %q", err, row.err)
				}
				return
			}
			if err != nil || !slices.Equal(got, row.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestRefusedConnectionSaysHowToStartAServer(t *testing.T) {
	// A listener that is closed again: nobody listens on its port.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	a := account{jid: jid.MustParse("romeo@localhost"), server: address}
	_, _, err = a.connect(t.Context())
	var f *failure
	if !errors.As(err, &f) || f.code != exitConnect || !strings.Contains(f.hint, "natter serve") || !strings.Contains(f.Error(), address) {
		t.Errorf("error is %v", err)
	}
}

func TestIterations(t *testing.T) {
	for challenge, want := range map[string]int{
		"r=abc,s=c2FsdA==,i=4096":  4096,
		"i=99999999999999999999":   0,
		"":                         0,
		"r=i=5":                    0,
		"r=a,s=b,i=20000000,m=ext": 20000000,
	} {
		if got := iterations(challenge); got != want {
			t.Errorf("%q: got %d, want %d", challenge, got, want)
		}
	}
}
