package main

import (
	"net"
	"strings"
	"testing"
)

// fixed is a listener at an address, for what a greeting says of it.
type fixed struct {
	net.Listener
	at net.Addr
}

func (f fixed) Addr() net.Addr { return f.at }

func at(t *testing.T, addr string) net.Listener {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return fixed{at: a}
}

func TestTheGreetingSaysWhatToDoNext(t *testing.T) {
	noEnvironment(t)
	for _, row := range []struct {
		name      string
		args      []string
		authority string
		sockets   sockets
		says, not []string
	}{
		{"at home with all defaults", nil, defaultDataDir() + "/cert/ca.pem", sockets{"c2s": at(t, "127.0.0.1:5222"), "http": at(t, "127.0.0.1:5280")},
			[]string{
				"natter serves localhost\n", "  clients, STARTTLS      127.0.0.1:5222\n", "  web chat and API       127.0.0.1:5280\n",
				" user add juliet@localhost\n", " chat --as juliet@localhost\n", "in a browser, at http://localhost:5280/\n", "Pidgin: accept", `Gajim: in its certificate window tick "Add this`, "\nready\n",
			}, []string{"SSL_CERT_FILE", "--server", "--data", "direct TLS", "control socket"}},
		{"on another port and elsewhere", []string{"--data", "/srv/my natter"}, "/srv/my natter/cert/ca.pem", sockets{"c2s": at(t, "127.0.0.1:31310")},
			[]string{" user add juliet@localhost --data '/srv/my natter'\n", " chat --as juliet@localhost --server 127.0.0.1:31310 --ca '/srv/my natter/cert/ca.pem'\n"}, nil},
		{"with direct TLS only", nil, defaultDataDir() + "/cert/ca.pem", sockets{"c2s-tls": at(t, "127.0.0.1:5223")},
			[]string{" chat --as juliet@localhost --server 127.0.0.1:5223 --tls direct\n"}, []string{"STARTTLS"}},
		{"without clients", nil, defaultDataDir() + "/cert/ca.pem", sockets{"http": at(t, "127.0.0.1:5280")}, []string{" user add "}, []string{" chat --as", "Pidgin"}},
		{"for a real domain without a certificate", []string{"--domain", "example.org"}, defaultDataDir() + "/cert/ca.pem", sockets{"c2s": at(t, "0.0.0.0:5222")},
			[]string{" chat --as juliet@example.org --server 127.0.0.1:5222\n", "Nobody else trusts this certificate: get one for example.org"}, nil},
		{"for tests", []string{"--dev", "--control", "/run/natter.sock"}, "/run/natter-1/ca.pem", sockets{"c2s": at(t, "127.0.0.1:5222")},
			[]string{"in memory: gone", "control socket         /run/natter.sock\n", " user add juliet@localhost --control /run/natter.sock\n", "may register", "--ca /run/natter-1/ca.pem\n"}, nil},
		{"with a certificate of others", []string{"--domain", "example.org", "--cert", "c", "--key", "k"}, "", sockets{"c2s": at(t, "0.0.0.0:5222")},
			[]string{" chat --as juliet@example.org --server 127.0.0.1:5222\n"}, []string{"Pidgin", "Nobody else", "authority"}},
		{"without a control socket", []string{"--control", "off"}, defaultDataDir() + "/cert/ca.pem", sockets{"c2s": at(t, "127.0.0.1:5222")}, []string{" chat "}, []string{"user add"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			o, says := parsed(t, row.args...)
			if o == nil {
				t.Fatal(says)
			}
			var out strings.Builder
			o.greet(&out, greeting{authority: row.authority, sockets: row.sockets})
			for _, want := range row.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing in\n%s", want, out.String())
				}
			}
			for _, bad := range row.not {
				if strings.Contains(out.String(), bad) {
					t.Errorf("%q is said in\n%s", bad, out.String())
				}
			}
		})
	}
}
