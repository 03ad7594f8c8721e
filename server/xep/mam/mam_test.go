package mam_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// form is a query's form, fields given as name, value.
func form(fields ...string) string { return servertest.Form("urn:xmpp:mam:2", fields...) }

// history returns the ids that the messages of an archive have, with spaces between.
func history(c *servertest.Client) string {
	var list []string
	for _, m := range c.History("", "").Messages {
		list = append(list, m.IDString())
	}
	return strings.Join(list, " ")
}

// TestWhatIsArchived, and for whom: XEP-0313 §6.1.1, XEP-0334 §4. Both are online, and
// then Juliet is not.
func TestWhatIsArchived(t *testing.T) {
	contents := []struct {
		what, attrs, content string
		archived             bool
	}{
		{"a body", "", "<body>x</body>", true},
		{"a message of type normal", "type='normal'", "<body>x</body>", true},
		{"one of an unknown type", "type='odd'", "<body>x</body>", true},
		{"a headline", "type='headline'", "<body>x</body>", false},
		{"an error", "type='error'", "<body>x</body><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", false},
		{"what is for a room", "type='groupchat'", "<body>x</body>", false},
		{"a chat state", "type='chat'", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", false},
		{"a chat state with a body", "type='chat'", "<body>x</body><active xmlns='http://jabber.org/protocol/chatstates'/>", true},
		{"a receipt", "type='chat'", "<received xmlns='urn:xmpp:receipts' id='1'/>", true},
		{"a marker", "type='chat'", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", true},
		{"a reaction", "type='chat'", "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>+</reaction></reactions>", true},
		{"a correction", "type='chat'", "<body>y</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/>", true},
		{"a reply", "type='chat'", "<body>&gt; x\ny</body><reply xmlns='urn:xmpp:reply:0' to='romeo@localhost/garden' id='1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='4'/></fallback>", true},
		{"a retraction", "type='chat'", "<retract xmlns='urn:xmpp:message-retract:1' id='nothing'/>", true},
		{"a call", "type='chat'", "<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>", true},
		{"no body and store", "type='chat'", "<x xmlns='urn:example:x'/><store xmlns='urn:xmpp:hints'/>", true},
		{"a body and no-store", "type='chat'", "<body>x</body><no-store xmlns='urn:xmpp:hints'/>", false},
		{"a body and no-permanent-store", "type='chat'", "<body>x</body><no-permanent-store xmlns='urn:xmpp:hints'/>", false},
		{"a body and no-copy", "type='chat'", "<body>x</body><no-copy xmlns='urn:xmpp:hints'/>", true},
		{"something unknown", "type='chat'", "<x xmlns='urn:example:x'/>", false},
	}
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "example.org"}}})
		romeo := srv.Login(t, "romeo@localhost/garden")
		juliet := srv.Online(t, "juliet@example.org/balcony")
		want := ""
		play := func(when string) {
			for i, c := range contents {
				id := fmt.Sprintf("%s%d", when, i)
				romeo.Send(fmt.Sprintf(`<message to='juliet@example.org' id='%s' %s>%s</message>`, id, c.attrs, c.content))
				if c.archived {
					want = strings.TrimSpace(want + " " + id)
				}
			}
			romeo.Sync()
		}
		play("live")
		juliet.Sync()
		juliet.Close()
		play("late")
		juliet = srv.Login(t, "juliet@example.org/tomb") // without presence, what waits for her stays
		for _, c := range []*servertest.Client{romeo, juliet} {
			if got := history(c); got != want {
				t.Errorf("the archive of %s has\n  %s\nwant\n  %s", c.JID, got, want)
			}
		}
		// As it was sent, and with the same content for both.
		f, g := romeo.History("", ""), juliet.History("", "")
		for i := range f.Messages {
			if string(f.Messages[i].Raw) != string(g.Messages[i].Raw) {
				t.Errorf("romeo has %s\njuliet has %s", f.Messages[i].Raw, g.Messages[i].Raw)
			}
			if f.IDs[i] == g.IDs[i] {
				t.Errorf("both know %s as %s", f.Messages[i].Raw, f.IDs[i])
			}
			if from := f.Messages[i].FromString(); from != "romeo@localhost/garden" {
				t.Errorf("from %s", from)
			}
		}
	})
}

// TestAnIDIsTheArchives: the stanza-id that comes with a message, also in a carbon,
// is the id of it in the archive; what is not archived has none (XEP-0313 §3.5).
func TestAnIDIsTheArchives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Online(t, "romeo@localhost/garden")
		other := srv.Online(t, "romeo@localhost/orchard")
		juliet := srv.Online(t, "juliet@localhost/balcony")
		romeo.Sync()
		other.Sync()
		other.Send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`)
		other.Expect(`<iq type='result' id='c'/>`)
		const forged = `<stanza-id xmlns='urn:xmpp:sid:0' by='room@conference.example.org' id='odd'/>`
		romeo.Send(`<message to='juliet@localhost' type='chat' id='m'><body>x</body>` + forged + `</message>`)
		live := juliet.Expect(`<message id='m'><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='{scansion:any}'/></message>`)
		carbon := other.Next()
		for _, side := range []struct {
			c    *servertest.Client
			came string
		}{{juliet, live}, {romeo, carbon}} {
			f := side.c.History("", "")
			want := `<stanza-id xmlns='urn:xmpp:sid:0' by='` + side.c.JID.Bare().String() + `' id='` + f.IDs[0] + `'/>`
			if !strings.Contains(side.came, want) {
				t.Errorf("no %s in %s", want, side.came)
			}
			if strings.Contains(f.Results[0], "stanza-id") {
				t.Errorf("an id of somebody else in %s", f.Results[0])
			}
		}
		romeo.Send(`<message to='juliet@localhost' type='chat' id='n'><body>x</body><no-permanent-store xmlns='urn:xmpp:hints'/></message>`)
		if got := juliet.Expect(`<message id='n'/>`); strings.Contains(got, "by='juliet@localhost'") {
			t.Errorf("what is not archived came with an id: %s", got)
		}
	})
}

func TestAMessageToOneselfIsThereOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		romeo := srv.Login(t, "romeo@localhost/garden")
		juliet.Send(`<message to='juliet@localhost' type='chat' id='note'><body>x</body></message>`,
			`<message to='juliet@localhost/balcony' type='chat' id='own'><body>x</body></message>`,
			`<message to='romeo@localhost' type='chat' id='out'><body>x</body></message>`)
		juliet.Sync()
		romeo.Send(`<message to='juliet@localhost' type='chat' id='in'><body>x</body></message>`)
		romeo.Sync()
		if got := history(juliet); got != "note own out in" {
			t.Errorf("the archive has %s", got)
		}
		var with []string // §4.1.1: only what is both from and to oneself
		for _, m := range juliet.History("", form("with", "juliet@localhost")).Messages {
			with = append(with, m.IDString())
		}
		if strings.Join(with, " ") != "note own" {
			t.Errorf("with oneself: %s", with)
		}
	})
}

// TestWhatIsSentToAServiceIsArchived for who sends it, such as a private message to
// an occupant of a room; what is said in the room is the room's.
func TestWhatIsSentToAServiceIsArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		echo := func(h *server.Host) []*server.Module {
			route := func(t *server.Turn, o *server.Origin, to stanza.JID, st *stanza.Stanza) {
				b := stanza.AppendOpen(nil, "message", "from", to.String(), "to", o.JID.String(), "type", st.Type.String(), "id", "echo-"+st.IDString())
				h.Server.Send(t, append(b, "<body>y</body></message>"...))
			}
			return []*server.Module{{Name: "echo", Service: &server.Service{Prefix: "echo", Route: route}}}
		}
		srv := servertest.New(t, servertest.Options{Modules: echo})
		romeo := srv.Online(t, "romeo@localhost/garden")
		phone := srv.Login(t, "romeo@localhost/phone")
		phone.Send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`)
		phone.Expect(`<iq type='result' id='c'/>`)
		romeo.Send(`<message to='room@echo.localhost/nick' type='chat' id='pm'><body>x</body></message>`,
			`<message to='room@echo.localhost' type='groupchat' id='said'><body>x</body></message>`,
			`<message to='room@echo.localhost' type='chat' id='off'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>`)
		romeo.Sync()
		f := romeo.History("", form("with", "room@echo.localhost/nick"))
		var got []string
		for _, m := range f.Messages {
			got = append(got, m.IDString())
		}
		if strings.Join(got, " ") != "pm echo-pm" {
			t.Errorf("the archive has %s with the occupant", got)
		}
		if got := history(romeo); got != "pm echo-pm echo-off" {
			t.Errorf("the archive has %s", got)
		}
		// The answer came first: the service answers at once.
		for _, id := range []string{f.IDs[1], f.IDs[0]} {
			if got := phone.Next(); !strings.Contains(got, "by='romeo@localhost' id='"+id+"'") {
				t.Errorf("the carbon has not the id %s: %s", id, got)
			}
		}
	})
}

const prefs = `<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='%s'><always>%s</always><never>%s</never></prefs></iq>`

func jids(list ...string) string {
	s := ""
	for _, j := range list {
		s += "<jid>" + j + "</jid>"
	}
	return s
}

func TestPreferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Login(t, "juliet@localhost/balcony")
		get := func() string {
			juliet.Send(`<iq type='get' id='g'><prefs xmlns='urn:xmpp:mam:2'/></iq>`)
			return juliet.Next()
		}
		if got := get(); !strings.Contains(got, `<prefs xmlns='urn:xmpp:mam:2' default='always'><always></always><never></never></prefs>`) {
			t.Errorf("before anything was set: %s", got)
		}
		juliet.Send(fmt.Sprintf(prefs, "roster", jids("ROMEO@localhost"), jids("paris@localhost/street")))
		const set = `<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>romeo@localhost</jid></always><never><jid>paris@localhost/street</jid></never></prefs>`
		if got := juliet.Next(); !strings.Contains(got, "type='result'") || !strings.Contains(got, set) {
			t.Errorf("set: %s", got)
		}
		if got := get(); !strings.Contains(got, set) {
			t.Errorf("get: %s", got)
		}
		for _, bad := range []string{
			`<prefs xmlns='urn:xmpp:mam:2'/>`, `<prefs xmlns='urn:xmpp:mam:2' default='perhaps'/>`,
			`<prefs xmlns='urn:xmpp:mam:2' default='always'><never><jid>@</jid></never></prefs>`,
		} {
			juliet.Send(`<iq type='set' id='b'>` + bad + `</iq>`)
			juliet.ExpectError("bad-request")
		}
		juliet.Send(fmt.Sprintf(prefs, "always", "", strings.Repeat("<jid>x@y</jid>", 1001)))
		juliet.ExpectError("not-acceptable")
		romeo := srv.Login(t, "romeo@localhost/garden")
		for _, typ := range []string{"get", "set"} {
			romeo.Send(`<iq type='` + typ + `' id='x' to='juliet@localhost'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>`)
			romeo.ExpectError("forbidden")
		}
		if got := get(); !strings.Contains(got, set) {
			t.Errorf("after what was refused: %s", got)
		}
	})
}

// TestPreferencesAreObeyed for each side on its own (XEP-0441 §2.3).
func TestPreferencesAreObeyed(t *testing.T) {
	for _, tt := range []struct {
		name, def, always, never string
		friends                  bool
		want                     string // of what Juliet gets from the garden, the orchard, and sends to both
	}{
		{"always", "always", "", "", false, "in1 in2 out1 out2"},
		{"never", "never", "", "", true, ""},
		{"roster, a contact", "roster", "", "", true, "in1 in2 out1 out2"},
		{"roster, a stranger", "roster", "", "", false, ""},
		{"never but him", "never", jids("romeo@localhost"), "", false, "in1 in2 out1 out2"},
		{"always but him", "always", "", jids("romeo@localhost"), false, ""},
		{"all of a contact but one resource", "roster", "", jids("romeo@localhost/garden"), true, "in2 out2"},
		{"nothing but one resource", "never", jids("romeo@localhost/garden"), "", false, "in1 out1"},
		{"a resource before the account", "never", jids("romeo@localhost/garden"), jids("romeo@localhost"), false, "in1 out1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				if tt.friends {
					srv.Befriend(t, "juliet@localhost", "romeo@localhost")
				}
				juliet := srv.Login(t, "juliet@localhost/balcony")
				juliet.Send(fmt.Sprintf(prefs, tt.def, tt.always, tt.never))
				juliet.Expect(`<iq type='result' id='p'/>`)
				garden, orchard := srv.Online(t, "romeo@localhost/garden"), srv.Online(t, "romeo@localhost/orchard")
				garden.Sync()
				send := func(c *servertest.Client, to, id string) {
					c.Send(`<message type='chat' to='` + to + `' id='` + id + `'><body>x</body></message>`)
					c.Sync()
				}
				send(garden, "juliet@localhost", "in1")
				send(orchard, "juliet@localhost", "in2")
				send(juliet, "romeo@localhost/garden", "out1")
				send(juliet, "romeo@localhost/orchard", "out2")
				if got := history(juliet); got != tt.want {
					t.Errorf("her archive has %q, want %q", got, tt.want)
				}
				if got := history(garden); got != "in1 in2 out1 out2" {
					t.Errorf("his archive has %q", got)
				}
				// What she does not archive waits for her all the same, without an id.
				juliet.Send(`<presence/>`)
				for _, id := range []string{"in1", "in2"} {
					for {
						st, err := stanza.ParseIn([]byte(juliet.Next()), stanza.NSClient, stanza.AfterLogin)
						if err != nil {
							t.Fatal(err)
						}
						if st.Kind != stanza.Message {
							continue
						}
						_, stamped := st.Child("urn:xmpp:sid:0", "stanza-id")
						if st.IDString() != id || stamped != strings.Contains(tt.want, id) {
							t.Errorf("came: %s", st.Raw)
						}
						break
					}
				}
			})
		})
	}
}

// TestAnAccountsArchiveGoesWithIt: who registers the name anew finds nothing, and the
// other side keeps its own.
func TestAnAccountsArchiveGoesWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		juliet.Send(fmt.Sprintf(prefs, "always", "", jids("nurse@localhost")))
		juliet.Expect(`<iq type='result' id='p'/>`)
		romeo.Send(`<message to='juliet@localhost' type='chat' id='m'><body>x</body></message>`)
		romeo.Sync()
		juliet.Send(`<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
		juliet.Expect(`<iq type='result' id='r'/>`)
		synctest.Wait()
		juliet = srv.Login(t, "juliet@localhost/balcony")
		if got := history(juliet); got != "" {
			t.Errorf("who has the name now finds %s", got)
		}
		juliet.Send(`<iq type='get' id='g'><prefs xmlns='urn:xmpp:mam:2'/></iq>`)
		if got := juliet.Next(); strings.Contains(got, "nurse") {
			t.Errorf("who has the name now has preferences: %s", got)
		}
		if got := history(romeo); got != "m" {
			t.Errorf("the other side has %s", got)
		}
	})
}

// TestWithoutTheArchive nothing of it is announced or answered.
func TestWithoutTheArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Strict: true, Config: server.Config{Dev: true}})
		juliet := srv.Login(t, "juliet@localhost/balcony")
		juliet.Send(`<iq type='get' id='d' to='juliet@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
		if got := juliet.Next(); strings.Contains(got, "urn:xmpp:mam") {
			t.Errorf("announced: %s", got)
		}
		if f := juliet.History("", ""); f.Condition() != "service-unavailable" {
			t.Errorf("answered: %s", f.Fin.Raw)
		}
	})
}
