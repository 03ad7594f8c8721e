package contact_test

import (
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
)

func ask(t *testing.T, cfg server.Config) string {
	t.Helper()
	srv := servertest.New(t, servertest.Options{Config: cfg})
	c := srv.Login(t, "romeo@localhost/garden")
	c.Send(`<iq type='get' id='i' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
	return c.Next()
}

func TestWhomToTurnTo(t *testing.T) {
	for _, row := range []struct {
		name      string
		cfg       server.Config
		want, not []string
	}{
		{"the administrators, where nothing else is said", server.Config{Admins: []string{"admin@localhost"}},
			[]string{"http://jabber.org/network/serverinfo", "var='abuse-addresses' type='list-multi'><value>xmpp:admin@localhost</value>", "support-addresses"},
			[]string{"sales-addresses", "urn:xmpp:sos:0"}},
		{"who is named", server.Config{Admins: []string{"admin@localhost"}, AbuseContacts: []string{"mailto:abuse@example.org", "xmpp:abuse@localhost"}, SalesContacts: []string{"mailto:sales@example.org"}},
			[]string{"var='abuse-addresses' type='list-multi'><value>mailto:abuse@example.org</value><value>xmpp:abuse@localhost</value>", "<value>mailto:sales@example.org</value>"}, nil},
		{"where to look during an outage", server.Config{OutageAddresses: []string{"https://status.example.org/natter.json"}},
			[]string{"urn:xmpp:sos:0", "var='external-status-addresses' type='list-multi'><value>https://status.example.org/natter.json</value>"},
			[]string{"http://jabber.org/network/serverinfo"}},
	} {
		got := ask(t, row.cfg)
		for _, w := range row.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %s in %s", row.name, w, got)
			}
		}
		for _, n := range row.not {
			if strings.Contains(got, n) {
				t.Errorf("%s: %s in %s", row.name, n, got)
			}
		}
	}
}
