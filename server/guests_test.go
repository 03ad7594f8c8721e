package server_test

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

// guestIn logs a guest in; inline is what else <bind/> holds.
func guestIn(t *testing.T, srv *servertest.Server, inline ...string) *servertest.Client {
	t.Helper()
	c := srv.ConnectTo(t, "guests.localhost")
	c.Send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'><bind xmlns='urn:xmpp:bind:0'>" +
		strings.Join(inline, "") + "</bind></authenticate>")
	success := c.Next()
	id := regexp.MustCompile(`<authorization-identifier>(guest-[^<]+)</`).FindStringSubmatch(success)
	if id == nil {
		t.Fatalf("expected success, got %s", success)
	}
	c.Bound(id[1])
	c.Next() // features
	return c
}

func TestGuestsLogInWithoutAnything(t *testing.T) {
	srv := servertest.New(t)
	c := srv.ConnectTo(t, "guests.localhost")
	for _, want := range []string{"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms>",
		"<authentication xmlns='urn:xmpp:sasl:2'><mechanism>ANONYMOUS</mechanism><inline>"} {
		if !strings.Contains(c.Header, want) {
			t.Errorf("no %s in %s", want, c.Header)
		}
	}
	for _, not := range []string{"SCRAM", "fast:0", "upgrade", "register"} {
		if strings.Contains(c.Header, not) {
			t.Errorf("%s in %s", not, c.Header)
		}
	}
	c.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
	c.Expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
	c.Open("guests.localhost")
	c.Bind("x/web")
	if !regexp.MustCompile(`^guest-1-[a-z2-7]{8}@guests\.localhost/web$`).MatchString(c.JID.String()) {
		t.Errorf("the guest is %s", c.JID)
	}
	c.Send("<iq type='get' id='d' to='" + c.JID.Bare().String() + "'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	if got := c.Next(); !strings.Contains(got, "<identity category='account' type='anonymous'") {
		t.Errorf("XEP-0175 §5: %s", got)
	}
	c.Send("<iq type='get' id='i' to='guests.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
	if got := c.Next(); strings.Count(got, "<item ") != 1 || !strings.Contains(got, "jid='conference.localhost'") {
		t.Errorf("where the rooms are: %s", got)
	}
}

// TestOnlyTheGuestsHostTakesGuests, and nobody else.
func TestOnlyTheGuestsHostTakesGuests(t *testing.T) {
	srv := servertest.New(t)
	for _, c := range []struct{ domain, mechanism, data string }{
		{"localhost", "ANONYMOUS", ""}, {"guests.localhost", "SCRAM-SHA-256", "biwsbj1hLHI9Yg=="}, {"guests.localhost", "PLAIN", "AGEAYg=="},
	} {
		s := srv.ConnectTo(t, c.domain)
		if strings.Contains(s.Header, c.mechanism) {
			t.Errorf("%s is offered at %s", c.mechanism, c.domain)
		}
		s.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='" + c.mechanism + "'>" + c.data + "</auth>")
		s.Expect("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><invalid-mechanism/></failure>")
	}
	s := srv.ConnectTo(t, "guests.localhost")
	s.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>AA==</auth>")
	s.Expect("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><malformed-request/></failure>")
}

func TestGuestsAreOffByDefault(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Strict: true, Config: server.Config{Dev: true}})
	c := srv.Connect(t)
	c.Write("</stream:stream>")
	if srv.Core.Host("guests.localhost") != nil {
		t.Error("there is a host for guests")
	}
}

// TestGuestsReachNoAccounts, by no kind of stanza, nor accounts them.
func TestGuestsReachNoAccounts(t *testing.T) {
	srv := servertest.New(t)
	juliet := srv.Online(t, "juliet@localhost/balcony")
	guest, other := guestIn(t, srv), guestIn(t, srv)
	guest.Send("<presence/>")
	guest.Expect("<presence from='" + guest.JID.String() + "'/>")
	other.Sync()
	refused := "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
	for _, to := range []string{
		"juliet@localhost", juliet.JID.String(), "nobody@localhost", "localhost", "upload.localhost",
		other.JID.String(), other.JID.Bare().String(), "somebody@example.org",
	} {
		for _, st := range []string{
			"<message to='%' id='x' type='chat'><body>psst</body></message>",
			"<presence to='%' id='x'/>", "<presence to='%' id='x' type='unavailable'/>", "<presence to='%' id='x' type='subscribe'/>",
			"<presence to='%' id='x' type='probe'/>",
			"<iq to='%' id='x' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
		} {
			guest.Send(strings.ReplaceAll(st, "%", to))
			kind := st[1:strings.IndexByte(st, ' ')]
			guest.Expect("<" + kind + " type='error' id='x' from='" + to + "'>" + refused + "</" + kind + ">")
		}
		// An answer is not answered.
		guest.Send("<iq to='" + to + "' id='y' type='result'/>" + "<message to='" + to + "' type='error'/><presence to='" + to + "' type='error'/>")
		guest.Silent()
	}
	guest.Send("<presence to='room@conference.localhost' type='subscribe' id='x'/>")
	guest.Expect("<presence type='error' id='x'>" + refused + "</presence>")
	juliet.Silent()
	other.Silent()

	for _, to := range []string{guest.JID.String(), guest.JID.Bare().String()} {
		juliet.Send("<message to='" + to + "' id='m' type='chat'><body>hello</body></message>")
		juliet.Expect("<message type='error' id='m'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
		juliet.Send("<iq to='" + to + "' id='q' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
		juliet.Expect("<iq type='error' id='q'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
		juliet.Send("<presence to='" + to + "'/>")
	}
	juliet.Send("<presence to='" + guest.JID.Bare().String() + "' type='subscribe'/>")
	juliet.Sync()
	guest.Silent()
}

func TestGuestsMeetInRooms(t *testing.T) {
	srv := servertest.New(t)
	juliet := srv.Online(t, "juliet@localhost/balcony")
	juliet.Send("<presence to='hall@conference.localhost/juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	juliet.Sync()
	juliet.Send("<iq type='set' id='o' to='hall@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>")
	juliet.Sync()
	guest := guestIn(t, srv)
	guest.Send("<presence/>", "<presence to='hall@conference.localhost/guest'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	if got := strings.Join(guest.Sync(), ""); !strings.Contains(got, "code='110'") {
		t.Fatalf("the guest is not in: %s", got)
	}
	guest.Send("<message to='hall@conference.localhost' type='groupchat'><body>hello all</body></message>")
	hears := func(texts ...string) {
		for got := juliet.Next(); ; got = juliet.Next() {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(got, text) }) {
				return
			}
		}
	}
	hears("<message ", "hall@conference.localhost/guest", "<body>hello all</body>")
	guest.Close()
	hears("<presence ", "hall@conference.localhost/guest", "unavailable")
}

func TestNothingIsKeptForGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		juliet.Sync()
		guest := guestIn(t, srv)
		guest.Send("<presence/>")
		guest.Sync()
		for _, payload := range []string{
			"<query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query>", "<vCard xmlns='vcard-temp'/>",
			"<query xmlns='jabber:iq:private'><x xmlns='x'/></query>", "<block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block>",
			"<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item><x xmlns='x'/></item></publish></pubsub>",
			"<query xmlns='jabber:iq:register'><remove/></query>",
		} {
			guest.Send("<iq type='set' id='s'>" + payload + "</iq>")
			guest.Expect("<iq type='error' id='s'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
		}
		guest.Send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
		guest.Expect("<iq type='result' id='r'><query xmlns='jabber:iq:roster'/></iq>")
		// To itself, there and away.
		guest.Send("<message to='" + guest.JID.String() + "' type='chat' id='m'><body>note to myself</body></message>")
		guest.Expect("<message id='m'><body>note to myself</body></message>")
		guest.Send("<presence type='unavailable'/>", "<message to='"+guest.JID.Bare().String()+"' type='chat' id='o'><body>for later</body></message>")
		guest.Sync()
		guest.Conn.Close()
		// One that counts what it gets and sends, and can come back.
		guest = guestIn(t, srv, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
		guest.Send("<presence/>", "<message to='"+guest.JID.String()+"' type='chat' id='m'><body>note to myself</body></message>", "<r xmlns='urn:xmpp:sm:3'/>")
		for !strings.HasPrefix(guest.Next(), "<a xmlns='urn:xmpp:sm:3' h='2'") {
		}
		guest.Conn.Close()
		synctest.Wait()
		if n := len(srv.Core.Host("guests.localhost").Accounts()); n != 1 {
			t.Errorf("%d guests are awaited", n)
		}
		domains, err := server.Domains(context.Background(), srv.Store)
		if err != nil || strings.Join(domains, " ") != "localhost" {
			t.Errorf("the store knows of %q, %v", domains, err)
		}
		for _, kind := range []string{"session", "session-h", "client", "account", "roster"} {
			if list, err := srv.Store.Accounts(context.Background(), "guests.localhost", kind, "", store.MaxPage); len(list) > 0 || err != nil {
				t.Errorf("%s of %q are stored, %v", kind, list, err)
			}
		}
		owners, err := srv.Store.SpoolOwners(context.Background(), "", store.MaxPage)
		if len(owners) > 0 || err != nil {
			t.Errorf("messages of %q are stored, %v", owners, err)
		}
		time.Sleep(6 * time.Minute)
		if n := len(srv.Core.Host("guests.localhost").Accounts()); n != 0 {
			t.Errorf("%d guests are left", n)
		}
	})
}

func TestGuestsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		host := srv.Core.Host("guests.localhost")
		c := srv.ConnectTo(t, "guests.localhost")
		c.Send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'><bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>")
		success := c.Next()
		id := regexp.MustCompile(`resume='true' id='([^']+)' max='300'`).FindStringSubmatch(success)
		if id == nil {
			t.Fatal(success)
		}
		who := regexp.MustCompile(`<authorization-identifier>([^<]+)<`).FindStringSubmatch(success)[1]
		c.Conn.Close()
		synctest.Wait()
		back := srv.ConnectTo(t, "guests.localhost")
		back.Send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'><resume xmlns='urn:xmpp:sm:3' previd='" + id[1] + "' h='0'/></authenticate>")
		if got := back.Next(); !strings.Contains(got, "<authorization-identifier>"+who+"</authorization-identifier><resumed ") {
			t.Fatalf("not back: %s", got)
		}
		if list := host.Accounts(); len(list) != 1 {
			t.Errorf("guests %q", list)
		}
		// From elsewhere nobody comes by that way.
		thief := srv.Authenticated(t, "juliet@localhost")
		thief.Send("<resume xmlns='urn:xmpp:sm:3' previd='" + id[1] + "' h='0'/>")
		thief.Expect("<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
		back.Conn.Close()
		time.Sleep(6 * time.Minute)
		if list := host.Accounts(); len(list) != 0 {
			t.Errorf("guests %q", list)
		}
	})
}

// TestGuestsAreBounded, and a name does not come again.
func TestGuestsAreBounded(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Config: server.Config{GuestAccounts: 3}})
	guests := []*servertest.Client{guestIn(t, srv), guestIn(t, srv), guestIn(t, srv)}
	c := srv.ConnectTo(t, "guests.localhost")
	try := "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'/>"
	c.Send(try)
	c.Expect("<failure xmlns='urn:xmpp:sasl:2'><temporary-auth-failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><text xml:lang='en'>Too many guests are here. Try again later, or log in with an account.</text></failure>")
	was := guests[1].JID.Local()
	guests[1].Close()
	c.Send(try)
	if got := c.Next(); !strings.Contains(got, "<authorization-identifier>guest-2-") || strings.Contains(got, was) {
		t.Errorf("after %s has gone: %s", was, got)
	}
	c.Conn.Close() // without a session: its place is free at once
	for len(srv.Core.Host("guests.localhost").Accounts()) > 2 {
		guests[0].Sync()
	}
	guestIn(t, srv)
}

func TestGuestsAreBoundedByAddress(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Config: server.Config{GuestsPerAddress: 2}})
	auth := srv.Core.Host("guests.localhost").Auth
	come := func(addr string) (string, error) { return auth.Guest(netip.MustParseAddr(addr)) }
	for i, c := range []struct {
		addr string
		in   bool
	}{
		{"192.0.2.1", true}, {"192.0.2.1", true}, {"192.0.2.1", false}, {"::ffff:192.0.2.1", false}, {"192.0.2.2", true},
		{"2001:db8::1", true}, {"2001:db8::2", true}, {"2001:db8::3", false}, {"2001:db8:0:1::1", true},
	} {
		if _, err := come(c.addr); (err == nil) != c.in {
			t.Errorf("%d: from %s: %v", i, c.addr, err)
		}
	}
}
