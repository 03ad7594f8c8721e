package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// next reads until a stanza has all of the words.
func next(t *testing.T, c *servertest.Client, words ...string) string {
	t.Helper()
	for {
		e := c.Next()
		all := true
		for _, w := range words {
			all = all && strings.Contains(e, w)
		}
		if all {
			return e
		}
	}
}

// TestWhatIsRefusedAndHow: the condition that XEP-0045 names for each, by section.
func TestWhatIsRefusedAndHow(t *testing.T) {
	iq := func(typ, to, payload string) string {
		return `<iq type='` + typ + `' id='x' to='` + to + `'>` + payload + `</iq>`
	}
	const join = `<x xmlns='http://jabber.org/protocol/muc'/>`
	rows := []struct{ name, who, sends, condition string }{
		{"§7.2.1: no nick", "stranger", `<presence id='x' to='` + garden + `'>` + join + `</presence>`, "jid-malformed"},
		{"§15.1: a nick of spaces", "stranger", `<presence id='x' to='` + garden + `/   '>` + join + `</presence>`, "jid-malformed"},
		{"§15.1: a nick that nobody sees", "stranger", `<presence id='x' to='` + garden + `/&#x200B;'>` + join + `</presence>`, "jid-malformed"},
		{"a nick that begins with a space", "stranger", `<presence id='x' to='` + garden + `/ Romeo'>` + join + `</presence>`, "jid-malformed"},
		{"a nick beyond the bound", "stranger", `<presence id='x' to='` + garden + `/` + strings.Repeat("n", 300) + `'>` + join + `</presence>`, "not-acceptable"},
		{"a presence that is too long for everybody", "stranger", `<presence id='x' to='` + garden + `/S'>` + join + `<status>` + strings.Repeat("x", 9000) + `</status></presence>`, "policy-violation"},
		{"§7.2.8: a nick in use", "stranger", `<presence id='x' to='` + garden + `/Romeo'>` + join + `</presence>`, "conflict"},
		{"… in another case", "stranger", `<presence id='x' to='` + garden + `/rOMEO'>` + join + `</presence>`, "conflict"},
		{"… in full width", "stranger", `<presence id='x' to='` + garden + `/&#xFF32;omeo'>` + join + `</presence>`, "conflict"},
		{"… with the accent apart", "stranger", `<presence id='x' to='` + garden + `/Rene&#x301;'>` + join + `</presence>`, "conflict"},
		{"§7.6: a nick in use, changed to", "juliet", `<presence id='x' to='` + garden + `/ROMEO'/>`, "conflict"},
		{"§7.10: a nick that is reserved", "stranger", `<presence id='x' to='` + garden + `/merc'>` + join + `</presence>`, "conflict"},
		{"§7.2.7: who is banned", "outcast", `<presence id='x' to='` + garden + `/Out'>` + join + `</presence>`, "forbidden"},
		{"§7.4: to everybody, from outside", "stranger", `<message id='x' type='groupchat' to='` + garden + `'><body>x</body></message>`, "not-acceptable"},
		{"§7.5: in private, from outside", "stranger", `<message id='x' type='chat' to='` + garden + `/Romeo'><body>x</body></message>`, "not-acceptable"},
		{"§7.5: in private, of type groupchat", "juliet", `<message id='x' type='groupchat' to='` + garden + `/Romeo'><body>x</body></message>`, "bad-request"},
		{"§7.5: in private, to nobody", "juliet", `<message id='x' type='chat' to='` + garden + `/Nobody'><body>x</body></message>`, "item-not-found"},
		{"an empty message", "juliet", `<message id='x' type='groupchat' to='` + garden + `'><body/></message>`, "bad-request"},
		{"a message of another type", "juliet", `<message id='x' type='chat' to='` + garden + `'><body>x</body></message>`, "bad-request"},
		{"§15.2: a message to no room", "juliet", `<message id='x' type='groupchat' to='none@conference.localhost'><body>x</body></message>`, "item-not-found"},
		{"§15.2: a message to a room that is not open", "juliet", `<message id='x' type='groupchat' to='locked@conference.localhost'><body>x</body></message>`, "item-not-found"},
		{"§7.2.11: a room that is not open", "juliet", `<presence id='x' to='locked@conference.localhost/J'>` + join + `</presence>`, "item-not-found"},
		{"§10.1.1: what a room is that is not open", "juliet", iq("get", "locked@conference.localhost", info), "item-not-found"},
		{"§8.1: the subject", "juliet", `<message id='x' type='groupchat' to='` + garden + `'><subject>x</subject></message>`, "forbidden"},
		{"§8.2: a kick", "juliet", iq("set", garden, adminQuery+`<item nick='Romeo' role='none'/></query>`), "forbidden"},
		{"§8.2: a kick of nobody", "romeo", iq("set", garden, adminQuery+`<item nick='Nobody' role='none'/></query>`), "item-not-found"},
		{"§9.1: a ban", "juliet", iq("set", garden, adminQuery+`<item jid='paris@localhost' affiliation='outcast'/></query>`), "forbidden"},
		{"§9.1: a ban of oneself", "romeo", iq("set", garden, adminQuery+`<item jid='second@localhost' affiliation='owner'/><item jid='romeo@localhost' affiliation='outcast'/></query>`), "conflict"},
		{"§9.1: a ban of who is above", "admin", iq("set", garden, adminQuery+`<item jid='romeo@localhost' affiliation='outcast'/></query>`), "not-allowed"},
		{"§10.4: the last owner gives that up", "romeo", iq("set", garden, adminQuery+`<item jid='romeo@localhost' affiliation='none'/></query>`), "conflict"},
		{"§10.3: an admin makes an owner", "admin", iq("set", garden, adminQuery+`<item jid='paris@localhost' affiliation='owner'/></query>`), "forbidden"},
		{"§15.4: role and affiliation at once", "romeo", iq("set", garden, adminQuery+`<item nick='Juliet' jid='juliet@localhost' affiliation='member' role='participant'/></query>`), "bad-request"},
		{"an affiliation that is none", "romeo", iq("set", garden, adminQuery+`<item jid='paris@localhost' affiliation='king'/></query>`), "bad-request"},
		{"a role that is none", "romeo", iq("set", garden, adminQuery+`<item nick='Juliet' role='king'/></query>`), "bad-request"},
		{"nothing to change", "romeo", iq("set", garden, adminQuery+`</query>`), "bad-request"},
		{"an address that is none", "romeo", iq("set", garden, adminQuery+`<item jid='@' affiliation='member'/></query>`), "jid-malformed"},
		{"one nick for two", "romeo", iq("set", garden, adminQuery+`<item jid='a@localhost' affiliation='member' nick='N'/><item jid='b@localhost' affiliation='member' nick='n'/></query>`), "conflict"},
		{"§9.2: the list of the banned", "juliet", iq("get", garden, list("outcast")), "forbidden"},
		{"§9.5: the members of a semi-anonymous room", "juliet", iq("get", garden, list("member")), "forbidden"},
		{"§10.5: the owners, for an admin", "admin", iq("get", garden, list("owner")), "forbidden"},
		{"§8.5: who has voice", "juliet", iq("get", garden, adminQuery+`<item role='participant'/></query>`), "forbidden"},
		{"§10.2: the configuration", "admin", iq("get", garden, ownerQuery+`</query>`), "forbidden"},
		{"§10.2: a field that cannot be", "romeo", iq("set", garden, ownerQuery+dataForm+value("muc#roomconfig_whois", "nobody")+`</x></query>`), "not-acceptable"},
		{"§10.2: a number that is none", "romeo", iq("set", garden, ownerQuery+dataForm+value("muc#roomconfig_maxusers", "-1")+`</x></query>`), "not-acceptable"},
		{"§10.2: a text beyond the bound", "romeo", iq("set", garden, ownerQuery+dataForm+value("muc#roomconfig_roomdesc", strings.Repeat("x", 5000))+`</x></query>`), "not-acceptable"},
		{"§10.2: a password that is needed and missing", "romeo", iq("set", garden, ownerQuery+dataForm+value("muc#roomconfig_passwordprotectedroom", "1")+`</x></query>`), "not-acceptable"},
		{"§10.2: the form of something else", "romeo", iq("set", garden, ownerQuery+dataForm+value("FORM_TYPE", "x:y")+`</x></query>`), "bad-request"},
		{"§10.9: the end of the room", "admin", iq("set", garden, ownerQuery+`<destroy/></query>`), "forbidden"},
		{"§10.9: another place that is none", "romeo", iq("set", garden, ownerQuery+`<destroy jid='@'/></query>`), "jid-malformed"},
		{"§6.4: a room that is not there", "juliet", iq("get", "none@conference.localhost", info), "item-not-found"},
		{"§6.6: who an occupant is, from outside", "stranger", iq("get", garden+"/Romeo", info), "bad-request"},
		{"XEP-0410 §3.2: a ping from outside", "stranger", iq("get", garden+"/Romeo", `<ping xmlns='urn:xmpp:ping'/>`), "not-acceptable"},
		{"an occupant's card, changed by another", "juliet", iq("set", garden+"/Romeo", `<vCard xmlns='vcard-temp'/>`), "not-allowed"},
		{"a request to nobody", "juliet", iq("get", garden+"/Nobody", info), "item-not-found"},
		{"§17.1.1: nothing is discarded", "juliet", iq("get", garden, `<query xmlns='http://jabber.org/protocol/disco#info' node='http://jabber.org/protocol/muc#traffic'/>`), "service-unavailable"},
		{"§7.8.2: an invitation from outside", "stranger", `<message id='x' to='` + garden + `'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='paris@localhost'/></x></message>`, "not-acceptable"},
		{"§7.8.2: an invitation of nobody", "juliet", `<message id='x' to='` + garden + `'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='nobody@localhost'/></x></message>`, "item-not-found"},
		{"an invitation of who is banned", "juliet", `<message id='x' to='` + garden + `'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='outcast@localhost'/></x></message>`, "forbidden"},
		{"§7.10: registering without a form", "juliet", iq("set", garden, `<query xmlns='jabber:iq:register'><username>x</username></query>`), "bad-request"},
		{"§7.10: registering a nick in use", "juliet", iq("set", garden, `<query xmlns='jabber:iq:register'>`+dataForm+value("FORM_TYPE", "http://jabber.org/protocol/muc#register")+value("muc#register_roomnick", "romeo")+`</x></query>`), "conflict"},
		{"§7.10: registering with a room that is not there", "juliet", iq("get", "none@conference.localhost", `<query xmlns='jabber:iq:register'/>`), "item-not-found"},
		{"§7.10: registering when banned", "outcast", iq("get", garden, `<query xmlns='jabber:iq:register'/>`), "forbidden"},
		{"§7.13: asking for voice one has", "juliet", `<message id='x' to='` + garden + `'>` + dataForm + value("FORM_TYPE", "http://jabber.org/protocol/muc#request") + value("muc#role", "participant") + `</x></message>`, "not-allowed"},
		{"XEP-0425: moderating", "juliet", iq("set", garden, `<moderate xmlns='urn:xmpp:message-moderate:1' id='x'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`), "forbidden"},
		{"XEP-0425: moderating what is not there", "romeo", iq("set", garden, `<moderate xmlns='urn:xmpp:message-moderate:1' id='x'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`), "item-not-found"},
		{"XEP-0317: a hat", "juliet", iq("set", garden, hatCommand("create", value("hats#title", "x")+value("hats#uri", "x:y"))), "forbidden"},
		{"XEP-0486: a picture", "admin", iq("set", garden, `<vCard xmlns='vcard-temp'/>`), "forbidden"},
		{"XEP-0488: a token", "juliet", iq("set", garden, `<request xmlns='urn:xmpp:muc-token-invite:0'/>`), "forbidden"},
		{"XEP-0488: a token that never was", "romeo", iq("set", garden, `<revoke xmlns='urn:xmpp:muc-token-invite:0'>x</revoke>`), "item-not-found"},
		{"XEP-0488: a token for no time", "romeo", iq("set", garden, `<request xmlns='urn:xmpp:muc-token-invite:0' delay='0'/>`), "bad-request"},
		{"XEP-0513: who may mention", "admin", iq("set", garden, `<query xmlns='urn:xmpp:mentions:0'>`+dataForm+`</x></query>`), "forbidden"},
		{"what no room does", "romeo", iq("get", garden, `<query xmlns='x:y'/>`), "service-unavailable"},
		{"a message to the service", "juliet", `<message id='x' to='conference.localhost'><body>x</body></message>`, "service-unavailable"},
		{"a join of the service", "juliet", `<presence id='x' to='conference.localhost/J'>` + join + `</presence>`, "jid-malformed"},
		{"a command that is none", "romeo", iq("set", garden, `<command xmlns='http://jabber.org/protocol/commands' node='x'/>`), "item-not-found"},
	}
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{NoLimits: true, Idle: 24 * time.Hour}})
		who := map[string]*servertest.Client{}
		for _, name := range []string{"romeo", "juliet", "admin", "rene", "outcast", "stranger", "paris", "second"} {
			who[name] = srv.Login(t, name+"@localhost/r")
		}
		open(t, who["romeo"], garden, "Romeo")
		enter(t, who["romeo"], "locked@conference.localhost", "Romeo")
		enter(t, who["juliet"], garden, "Juliet")
		enter(t, who["admin"], garden, "Admin")
		enter(t, who["rene"], garden, "René")
		ask(t, who["romeo"], "set", adminQuery+`<item jid='admin@localhost' affiliation='admin'/><item jid='outcast@localhost' affiliation='outcast'/><item jid='mercutio@localhost' affiliation='member' nick='Merc'/></query>`)
		for _, row := range rows {
			c := who[row.who]
			c.Sync()
			c.Send(row.sends)
			e := next(t, c, "id='x'")
			if !strings.Contains(e, "type='error'") || !strings.Contains(e, "<"+row.condition+" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'") {
				t.Errorf("%s: %s, want %s", row.name, e, row.condition)
			}
		}
	})
}

// TestOneNickInTwoSpellings: a second client of somebody's is in the room under the
// nick that they have, and is told so (§7.2.3, status 210); they may spell it anew.
func TestOneNickInTwoSpellings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, phone := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "romeo@localhost/phone")
		open(t, romeo, garden, "Romeo")
		got := strings.Join(enter(t, phone, garden, "romeo"), "")
		if !strings.Contains(got, "from='"+garden+"/Romeo'") || !strings.Contains(got, "code='210'") || strings.Contains(got, "/romeo'") {
			t.Errorf("the second client: %s", got)
		}
		phone.Send(`<presence to='` + garden + `/ROMEO'/>`)
		next(t, romeo, "unavailable", "nick='ROMEO'", "code='303'")
		next(t, romeo, "from='"+garden+"/ROMEO'", "code='110'")
		juliet := srv.Login(t, "juliet@localhost/b")
		juliet.Send(`<presence to='` + garden + `/romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		juliet.ExpectError("conflict")
	})
}

// TestCardsAndPEPOfOccupants: requests for what an account keeps go to the account,
// whichever clients are in the room, and tell neither side's address; of several
// requests that nobody answers only so many wait.
func TestCardsAndPEPOfOccupants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{NoLimits: true}})
		romeo, juliet, phone := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b"), srv.Login(t, "juliet@localhost/phone")
		for _, set := range []string{
			`<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>`,
			`<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:vcard4'><item id='current'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Juliet C</text></fn></vcard></item></publish></pubsub>`,
		} {
			juliet.Send(`<iq type='set' id='s'>` + set + `</iq>`)
			next(t, juliet, "id='s'", "type='result'")
		}
		open(t, romeo, garden, "Romeo")
		enter(t, juliet, garden, "Juliet")
		enter(t, phone, garden, "Juliet")
		for _, row := range []struct{ typ, payload, want string }{
			{"get", `<vCard xmlns='vcard-temp'/>`, "Juliet"},
			{"get", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:vcard4'/></pubsub>`, ""},
			{"set", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='x'><item><x xmlns='x'/></item></publish></pubsub>`, "not-allowed"},
		} {
			e := askOf(t, romeo, garden+"/Juliet", row.typ, row.payload)
			if !strings.Contains(e, row.want) || strings.Contains(e, "juliet@") || !strings.Contains(e, "from='"+garden+"/Juliet'") {
				t.Errorf("%s: %s", row.payload, e)
			}
		}
		for _, c := range []*servertest.Client{juliet, phone} {
			if got := strings.Join(c.Sync(), ""); strings.Contains(got, "vcard") || strings.Contains(got, "pubsub") {
				t.Errorf("a client was asked: %s", got)
			}
		}
		// Another kind goes to the client that is shown, from the occupant who asks.
		romeo.Send(`<iq type='get' id='v' to='` + garden + `/Juliet'><query xmlns='jabber:iq:version'/></iq>`)
		e := next(t, phone, "jabber:iq:version")
		if !strings.Contains(e, "from='"+garden+"/Romeo'") || strings.Contains(e, "romeo@") {
			t.Errorf("the request: %s", e)
		}
		_, id, _ := strings.Cut(e, " id='")
		id, _, _ = strings.Cut(id, "'")
		phone.Send(`<iq type='result' id='` + id + `' to='` + garden + `/Romeo'><query xmlns='jabber:iq:version'><name>phone</name></query></iq>`)
		if e := next(t, romeo, "id='v'"); !strings.Contains(e, "<name>phone</name>") || strings.Contains(e, "juliet@") {
			t.Errorf("the answer: %s", e)
		}
		synctest.Wait()
		for i := range 25 {
			romeo.Send(fmt.Sprintf(`<iq type='get' id='w%d' to='%s/Juliet'><query xmlns='jabber:iq:version'/></iq>`, i, garden))
		}
		if n := strings.Count(strings.Join(romeo.Sync(), ""), "resource-constraint"); n != 5 {
			t.Errorf("of 25 requests that nobody answers %d are refused", n)
		}
		time.Sleep(2 * time.Minute)
		if n := strings.Count(strings.Join(romeo.Sync(), ""), "remote-server-timeout"); n != 20 {
			t.Errorf("of 20 requests that nobody answers %d have ended", n)
		}
	})
}

// TestSilentOccupantsFromElsewhereAreAsked: whoever is of another server and says
// nothing for long is pinged by the room; any answer will do, none is the end. far is
// a server as another one is seen: it has no sessions here.
func TestSilentOccupantsFromElsewhereAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pings := make(chan *stanza.Stanza, 10)
		srv := servertest.New(t, servertest.Options{
			Config: server.Config{Idle: 1000 * time.Hour},
			Modules: func(h *server.Host) []*server.Module {
				return []*server.Module{{Name: "far", Service: &server.Service{
					Prefix: "far", Name: "Elsewhere",
					Route: func(_ *server.Turn, _ *server.Origin, _ stanza.JID, st *stanza.Stanza) {
						if st.HasNS("urn:xmpp:ping") {
							pings <- st.Clone()
						}
					},
				}}}
			},
		})
		romeo := srv.Login(t, "romeo@localhost/a")
		open(t, romeo, garden, "Romeo")
		const ghost = "ghost@far.localhost/x"
		from(t, srv, ghost, `<presence from='`+ghost+`' to='`+garden+`/Ghost'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		next(t, romeo, "/Ghost")
		quiet := func() {
			t.Helper()
			synctest.Wait()
			if got := strings.Join(romeo.Sync(), ""); strings.Contains(got, "/Ghost") {
				t.Fatalf("the ghost is told of: %s", got)
			}
		}
		ping := func() string {
			t.Helper()
			select {
			case st := <-pings:
				if st.FromString() != garden || st.ToString() != ghost {
					t.Errorf("the ping is from %s to %s", st.FromString(), st.ToString())
				}
				return st.IDString()
			case <-time.After(5 * time.Minute):
				t.Fatal("it is not asked")
				return ""
			}
		}
		time.Sleep(14 * time.Minute)
		from(t, srv, ghost, `<message from='`+ghost+`' to='`+garden+`' type='groupchat'><body>boo</body></message>`)
		next(t, romeo, "boo")
		time.Sleep(14 * time.Minute)
		quiet()
		if len(pings) > 0 {
			t.Error("who has just spoken is asked")
		}
		from(t, srv, ghost, `<iq from='`+ghost+`' to='`+garden+`' type='result' id='`+ping()+`'/>`)
		time.Sleep(14 * time.Minute)
		quiet()
		from(t, srv, ghost, `<iq from='`+ghost+`' to='`+garden+`' type='error' id='`+ping()+`'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		quiet()
		time.Sleep(14 * time.Minute)
		ping()
		time.Sleep(2 * time.Minute)
		if e := next(t, romeo, "/Ghost"); !strings.Contains(e, "unavailable") || !strings.Contains(e, "code='307'") || !strings.Contains(e, "code='333'") {
			t.Errorf("the ghost goes as %s", e)
		}
	})
}

// TestPresenceOfMembersOnly: in a room that is set so, the others are told to
// moderators and themselves; they see the members, speak and are spoken to.
func TestPresenceOfMembersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, member := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "member@localhost/b")
		juliet, tybalt := srv.Login(t, "juliet@localhost/c"), srv.Login(t, "tybalt@localhost/d")
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"{urn:natter:muc}roomconfig_memberspresence": "1"})
		ask(t, romeo, "set", adminQuery+`<item jid='member@localhost' affiliation='member'/></query>`)
		enter(t, member, garden, "Member")
		enter(t, juliet, garden, "Juliet")
		got := strings.Join(enter(t, tybalt, garden, "Tybalt"), "")
		if !strings.Contains(got, "/Romeo'") || !strings.Contains(got, "/Member'") || strings.Contains(got, "/Juliet'") {
			t.Errorf("who enters sees %s", got)
		}
		next(t, romeo, "<presence", "/Juliet")
		next(t, romeo, "<presence", "/Tybalt")
		juliet.Send(`<message type='groupchat' to='` + garden + `'><body>heard by all</body></message>`)
		for _, c := range []*servertest.Client{member, tybalt} {
			for {
				e := c.Next()
				if strings.HasPrefix(e, "<presence") && strings.Contains(e, "/Juliet") {
					t.Errorf("is told of %s", e)
				}
				if strings.Contains(e, "heard by all") {
					break
				}
			}
		}
		items := ask(t, tybalt, "get", `<query xmlns='http://jabber.org/protocol/disco#items'/>`)
		if strings.Contains(items, "/Juliet") || !strings.Contains(items, "/Member") {
			t.Errorf("listed: %s", items)
		}
		// With membership one is seen, and without it again when the room is set back.
		ask(t, romeo, "set", adminQuery+`<item jid='juliet@localhost' affiliation='member'/></query>`)
		next(t, tybalt, "<presence", "/Juliet'", "affiliation='member'")
		tybalt.Send(`<presence type='unavailable' to='` + garden + `/Tybalt'/>`)
		next(t, romeo, "unavailable", "/Tybalt")
		if got := strings.Join(juliet.Sync(), ""); strings.Contains(got, "/Tybalt") {
			t.Errorf("is told of %s", got)
		}
		enter(t, tybalt, garden, "Tybalt")
		configure(t, romeo, garden, map[string]string{"{urn:natter:muc}roomconfig_memberspresence": "0"})
		next(t, juliet, "<presence", "/Tybalt'", "role='participant'")
	})
}

// TestALargeRoomIsEntered: the list of occupants may be longer than what may wait for a
// client that does not read.
func TestALargeRoomIsEntered(t *testing.T) {
	const n = 220
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{NoLimits: true, QueueBytes: 128 << 10, Idle: 24 * time.Hour}})
		romeo := srv.Login(t, "romeo@localhost/a")
		open(t, romeo, garden, "Romeo")
		romeo.Close()
		open(t, srv.Login(t, "juliet@localhost/a"), "other@conference.localhost", "J")
		owner := srv.Login(t, "owner@localhost/a")
		open(t, owner, garden, "Owner")
		drain := func(c *servertest.Client) {
			go func() {
				b := make([]byte, 32<<10)
				for {
					if _, err := c.Conn.Read(b); err != nil {
						return
					}
				}
			}()
		}
		drain(owner)
		for i := range n {
			c := srv.Login(t, fmt.Sprintf("guest%d@localhost/r", i))
			c.Send(fmt.Sprintf(`<presence to='%s/guest %d'><x xmlns='http://jabber.org/protocol/muc'/><status>%s</status></presence>`, garden, i, strings.Repeat("long ", 200)))
			drain(c)
		}
		synctest.Wait()
		last := srv.Login(t, "last@localhost/r")
		if got := enter(t, last, garden, "Last"); len(got) < n {
			t.Errorf("who enters is told of %d occupants", len(got))
		}
	})
}

// TestWhatGuestsMayNot: they enter rooms and talk there. They invite nobody, whom a
// message would reach, list no rooms, see nothing of a room that takes no guests, and
// register with none.
func TestWhatGuestsMayNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		open(t, romeo, garden, "Romeo")
		const closed = "closed@conference.localhost"
		enter(t, romeo, closed, "Romeo")
		configure(t, romeo, closed, map[string]string{"{urn:natter:muc}roomconfig_guests": "0"})
		guest := srv.ConnectTo(t, "guests.localhost")
		guest.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
		guest.Expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
		guest.Open("guests.localhost")
		guest.Bind("x/web")
		enter(t, guest, garden, "guest")
		for what, row := range map[string]struct{ sends, condition string }{
			"an invitation":       {`<message id='x' to='` + garden + `'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='juliet@localhost'/></x></message>`, "forbidden"},
			"the list of rooms":   {`<iq type='get' id='x' to='conference.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`, "forbidden"},
			"a search":            {`<iq type='get' id='x' to='conference.localhost'><search xmlns='urn:xmpp:channel-search:0:search'/></iq>`, "forbidden"},
			"the other room":      {`<iq type='get' id='x' to='` + closed + `'>` + info + `</iq>`, "forbidden"},
			"entering it":         {`<presence id='x' to='` + closed + `/guest'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, "registration-required"},
			"its archive":         {`<iq type='set' id='x' to='` + closed + `'><query xmlns='urn:xmpp:mam:2'/></iq>`, "forbidden"},
			"a nick of one's own": {`<iq type='get' id='x' to='` + garden + `'><query xmlns='jabber:iq:register'/></iq>`, "not-allowed"},
			"a room of one's own": {`<presence id='x' to='new@conference.localhost/guest'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, "not-allowed"},
			"a message to one":    {`<message id='x' type='chat' to='juliet@localhost'><body>psst</body></message>`, ""},
		} {
			guest.Send(row.sends)
			if e := next(t, guest, "id='x'"); !strings.Contains(e, "type='error'") || !strings.Contains(e, row.condition) {
				t.Errorf("%s: %s", what, e)
			}
		}
		if got := strings.Join(juliet.Sync(), ""); got != "" && strings.Contains(got, "psst") {
			t.Errorf("a guest has reached an account: %s", got)
		}
	})
}
