package mam_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
)

func message(to, id, content string) string {
	return `<message type='chat' to='` + to + `' id='` + id + `'>` + content + `</message>`
}

func retract(to, id, what string) string {
	return message(to, id, `<retract xmlns='urn:xmpp:message-retract:1' id='`+what+`'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>/me retracted a previous message</body><store xmlns='urn:xmpp:hints'/>`)
}

// TestRetraction leaves a tombstone in both archives, and the retraction beside it
// (XEP-0424 §4, §5).
func TestRetraction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "example.org"}}})
		romeo := srv.Login(t, "romeo@localhost/garden")
		juliet := srv.Online(t, "juliet@example.org/balcony")
		romeo.Send(message("juliet@example.org", "a", "<body>before</body>"),
			message("juliet@example.org", "wrong", "<subject>secret</subject><body>secret</body>"),
			message("juliet@example.org", "b", "<body>secret, put right</body><replace xmlns='urn:xmpp:message-correct:0' id='wrong'/>"),
			message("juliet@example.org", "c", "<body>after: wrong</body>"))
		romeo.Sync()
		before := juliet.History("", "")
		// He retracts it from another device.
		phone := srv.Login(t, "romeo@localhost/phone")
		phone.Send(retract("juliet@example.org", "r", "wrong"))
		phone.Sync()
		for {
			if got := juliet.Next(); strings.Contains(got, "id='r'") {
				break
			}
		}
		synctest.Wait()
		for _, c := range []*servertest.Client{romeo, juliet} {
			f := c.History("", "")
			if got := history(c); got != "a wrong b c r" {
				t.Fatalf("%s has %s", c.JID, got)
			}
			for _, i := range []int{1, 2} {
				raw := string(f.Messages[i].Raw)
				grave, ok := f.Messages[i].Child("urn:xmpp:message-retract:1", "retracted")
				by, _ := f.Messages[i].ChildAttr(grave, "id")
				stamp, _ := f.Messages[i].ChildAttr(grave, "stamp")
				if !ok || by != "r" || stamp == "" || strings.Contains(raw, "secret") || !strings.Contains(raw, "from='romeo@localhost/garden'") {
					t.Errorf("%s has %s", c.JID, raw)
				}
			}
			if f.Bodies() != "before   after: wrong /me retracted a previous message" {
				t.Errorf("%s has %q", c.JID, f.Bodies())
			}
			if f := c.History("", form(fulltext, "secret")); len(f.IDs) > 0 {
				t.Errorf("%s still finds it: %s", c.JID, f.Results)
			}
		}
		if after := juliet.History("", ""); after.IDs[1] != before.IDs[1] {
			t.Errorf("it has another id: %s, was %s", after.IDs[1], before.IDs[1])
		}
	})
}

// TestForgedRetractions do nothing: by the other side, by a stranger, to somebody
// else, of what is not there.
func TestForgedRetractions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		tybalt := srv.Login(t, "tybalt@localhost/street")
		romeo.Send(message("juliet@localhost", "m", "<body>stays</body>"))
		romeo.Sync()
		tybalt.Send(retract("juliet@localhost", "r1", "m"), retract("romeo@localhost", "r2", "m"))
		tybalt.Sync()
		juliet.Send(retract("romeo@localhost", "r3", "m"))
		juliet.Sync()
		romeo.Send(retract("tybalt@localhost", "r4", "m"), retract("juliet@localhost", "r5", "x"), retract("juliet@localhost", "", "m"),
			message("juliet@localhost", "r6", "<retract xmlns='urn:xmpp:message-retract:1'/>"),
			message("juliet@localhost", "r7", "<retract xmlns='urn:xmpp:message-retract:1' id='m'/><no-store xmlns='urn:xmpp:hints'/>"))
		romeo.Sync()
		synctest.Wait()
		for _, c := range []*servertest.Client{romeo, juliet} {
			f := c.History("", form("with", map[bool]string{true: "juliet@localhost", false: "romeo@localhost"}[c == romeo]))
			if f.Messages[0].Body() != "stays" {
				t.Errorf("%s has %s", c.JID, f.Messages[0].Raw)
			}
		}
	})
}

// TestARetractedMessageIsNotDelivered any more to who was away.
func TestARetractedMessageIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		srv.Account(t, "juliet@localhost")
		romeo.Send(message("juliet@localhost", "m", "<body>secret</body>"))
		romeo.Sync()
		romeo.Send(retract("juliet@localhost", "r", "m"))
		romeo.Sync()
		synctest.Wait()
		juliet := srv.Online(t, "juliet@localhost/balcony")
		var got []string
		for len(got) < 2 {
			if e := juliet.Next(); strings.HasPrefix(e, "<message") {
				got = append(got, e)
			}
		}
		if strings.Contains(got[0], "secret") || !strings.Contains(got[0], "<retracted ") || !strings.Contains(got[1], "<retract ") {
			t.Errorf("she got %s", got)
		}
	})
}

// TestPrivateMessagesInARoom are taken back by the occupant who sent them, and by no
// other, though all of them have the room's address.
func TestPrivateMessagesInARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		const room = "verona@conference.localhost"
		in := func(nick string) *servertest.Client {
			c := srv.Login(t, nick+"@localhost/x")
			c.Send(`<presence to='` + room + `/` + nick + `'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
			c.Sync()
			if nick == "romeo" { // who made the room
				c.Send(`<iq type='set' id='o' to='` + room + `'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`)
				c.Sync()
			}
			return c
		}
		romeo, juliet, paris := in("romeo"), in("juliet"), in("paris")
		first := func() string {
			for _, m := range romeo.History("", form("with", room+"/juliet")).Messages {
				if m.IDString() == "m" {
					return string(m.Raw)
				}
			}
			return ""
		}
		juliet.Send(message(room+"/romeo", "m", "<body>secret</body>"))
		juliet.Sync()
		paris.Send(retract(room+"/romeo", "r", "m"))
		paris.Sync()
		synctest.Wait()
		if got := first(); !strings.Contains(got, "secret") {
			t.Errorf("after another occupant has retracted it: %q", got)
		}
		juliet.Send(retract(room+"/romeo", "r", "m"))
		juliet.Sync()
		synctest.Wait()
		if got := first(); !strings.Contains(got, "<retracted ") || strings.Contains(got, "secret") {
			t.Errorf("after she has retracted it: %q", got)
		}
		if f := juliet.History("", form("with", room)); !strings.Contains(string(f.Messages[0].Raw), "<retracted ") {
			t.Errorf("in her own archive: %s", f.Messages[0].Raw)
		}
	})
}
