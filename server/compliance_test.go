package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
)

// asked is what a client learns of a server by asking: the disco features and
// identities of the domain, its own account and every item of the domain.
type asked struct {
	domain, account []string
	commands        []string // for an account, at the domain
	services        map[string][]string
	form            string // the domain's extended information
	stream          string // features before and after login
}

func look(t *testing.T, srv *servertest.Server) asked {
	t.Helper()
	a := asked{services: map[string][]string{}}
	before := announce(t, srv)
	a.stream = before.before + before.after
	c := srv.Login(t, "nurse@localhost/house")
	info := func(addr string) []string {
		c.Send(`<iq type='get' id='i' to='` + addr + `'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
		st := parse(t, c.Next())
		q, _ := st.Child("http://jabber.org/protocol/disco#info", "query")
		var list []string
		for child := range st.Children(q) {
			switch string(st.Local(child)) {
			case "feature":
				v, _ := st.ChildAttr(child, "var")
				list = append(list, v)
			case "identity":
				category, _ := st.ChildAttr(child, "category")
				typ, _ := st.ChildAttr(child, "type")
				list = append(list, category+"/"+typ)
			case "x":
				a.form += string(st.Detach(nil, child))
			}
		}
		return list
	}
	a.account = info("nurse@localhost")
	a.form = ""
	a.domain = info("localhost")
	domainForm := a.form
	c.Send(`<iq type='get' id='s' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
	st := parse(t, c.Next())
	q, _ := st.Child("http://jabber.org/protocol/disco#items", "query")
	var items []string
	for child := range st.Children(q) {
		j, _ := st.ChildAttr(child, "jid")
		items = append(items, j)
	}
	for _, j := range items {
		a.services[j] = info(j)
	}
	c.Send(`<iq type='get' id='c' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>`)
	st = parse(t, c.Next())
	q, _ = st.Child("http://jabber.org/protocol/disco#items", "query")
	for child := range st.Children(q) {
		node, _ := st.ChildAttr(child, "node")
		a.commands = append(a.commands, node)
	}
	a.form = domainForm
	return a
}

// TestClientsSeeWhatTheyLookFor: every row of the server-info screens of
// Conversations, Gajim and Monal, and of the public compliance tester, but for
// those that need a domain on the internet (SRV records), or, as XEP-0474 and what the
// relay for calls offers, are not features that are announced.
func TestClientsSeeWhatTheyLookFor(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Config: server.Config{Register: true, Admins: []string{"admin@localhost"}, Bytestreams: "127.0.0.1:0"}})
	a := look(t, srv)
	domain := func(f string) bool { return slices.Contains(a.domain, f) }
	account := func(f string) bool { return slices.Contains(a.account, f) }
	stream := func(f string) bool { return strings.Contains(a.stream, "'"+f+"'") }
	service := func(identity string, features ...string) bool {
		for _, list := range a.services {
			if slices.Contains(list, identity) && !slices.ContainsFunc(features, func(f string) bool { return !slices.Contains(list, f) }) {
				return true
			}
		}
		return false
	}
	url := srv.HTTP(t)
	served := func(path string) bool {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	cors := func(path string) bool {
		req, err := http.NewRequest(http.MethodOptions, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://web.example")
		req.Header.Set("Access-Control-Request-Method", "PUT")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode < 300 && resp.Header.Get("Access-Control-Allow-Origin") == "*" && strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), "PUT")
	}
	for _, row := range []struct {
		what string
		is   bool
	}{
		{"0012 uptime", domain("jabber:iq:last")},
		{"0045 rooms", service("conference/text", "http://jabber.org/protocol/muc")},
		{"0048, 0402 bookmarks in rooms' and accounts' clients", account("urn:xmpp:bookmarks:1#compat") && account("urn:xmpp:bookmarks:1#compat-pep")},
		{"0049 private XML", domain("jabber:iq:private")},
		{"0054 vcard-temp", domain("vcard-temp")},
		{"0065 proxy", service("proxy/bytestreams", "http://jabber.org/protocol/bytestreams")},
		{"0077 registration", domain("jabber:iq:register")},
		{"0092 which software", domain("jabber:iq:version")},
		{"0115 capabilities", stream("http://jabber.org/protocol/caps")},
		{"0156 where the web is", served("/.well-known/host-meta") && served("/.well-known/host-meta.json")},
		{"0157 whom to tell of abuse", strings.Contains(a.form, "http://jabber.org/network/serverinfo") && strings.Contains(a.form, "abuse-addresses")},
		{"0157 for all the rows that Monal and Gajim show", strings.Contains(a.form, "admin-addresses") && strings.Contains(a.form, "security-addresses") && strings.Contains(a.form, "support-addresses")},
		{"0160 offline messages", domain("msgoffline")},
		{"0163 publishing", account("pubsub/pep")},
		{"0060 publish-options", account("http://jabber.org/protocol/pubsub#publish-options")},
		{"0184 to 0461: nothing to announce; 0191 blocking", domain("urn:xmpp:blocking")},
		{"0198 stream management", stream("urn:xmpp:sm:3")},
		{"0199 ping", domain("urn:xmpp:ping")},
		{"0215 STUN and TURN", domain("urn:xmpp:extdisco:2")},
		{"0280 carbons", domain("urn:xmpp:carbons:2")},
		{"0280 all its rules", domain("urn:xmpp:carbons:rules:0")},
		{"0292 vCard4", account("urn:ietf:params:xml:ns:vcard-4.0")},
		{"0313 archive", account("urn:xmpp:mam:2") && account("urn:xmpp:mam:2#extended")},
		{"0313 archive of rooms", service("conference/text", "urn:xmpp:mam:2")},
		{"0352 client state", stream("urn:xmpp:csi:0")},
		{"0357 push", account("urn:xmpp:push:0")},
		{"0363 upload", service("store/file", "urn:xmpp:http:upload:0")},
		{"0363 upload from web pages", cors("/upload/x/y")},
		{"0377 reports", domain("urn:xmpp:reporting:1")},
		{"0379 contacts by invitation", slices.Contains(a.commands, "urn:xmpp:invite#invite")},
		{"0384 keys everybody may read, as many as there are", account("http://jabber.org/protocol/pubsub#access-open") && account("http://jabber.org/protocol/pubsub#config-node-max")},
		{"0386 Bind 2", stream("urn:xmpp:bind:0")},
		{"0388 SASL2", stream("urn:xmpp:sasl:2")},
		{"0398 pictures old and new", account("urn:xmpp:pep-vcard-conversion:0")},
		{"0411 bookmark conversion", account("urn:xmpp:bookmarks-conversion:0")},
		{"0440 channel bindings", stream("urn:xmpp:sasl-cb:0")},
		{"0484 tokens", stream("urn:xmpp:fast:0")},
		{"0486 pictures of rooms", service("conference/text", "vcard-temp")},
		{"0490 what was read", account("urn:xmpp:mds:server-assist:0")},
		{"roster versions", stream("urn:xmpp:features:rosterver")},
		{"subscriptions approved beforehand", stream("urn:xmpp:features:pre-approval")},
	} {
		if !row.is {
			t.Errorf("clients do not see: %s", row.what)
		}
	}
	if t.Failed() {
		t.Logf("domain %q\naccount %q\nservices %q\nform %s", a.domain, a.account, a.services, a.form)
	}
}
