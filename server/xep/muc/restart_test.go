package muc_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

// TestARoomSurvivesARestart: its configuration, lists, subject and what was said.
func TestARoomSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{Store: store.Options{Path: filepath.Join(t.TempDir(), "db")}}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		romeo := srv.Login(t, "romeo@localhost/a")
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{
			"muc#roomconfig_persistentroom": "1", "muc#roomconfig_roomname": "Orchard", "muc#roomconfig_membersonly": "1",
		})
		romeo.Send(`<iq type='set' id='a' to='` + garden + `'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='juliet@localhost' nick='Jules'/></query></iq>`)
		for !strings.Contains(romeo.Next(), "id='a'") {
		}
		romeo.Send(`<message type='groupchat' id='s' to='`+garden+`'><subject>Names</subject></message>`,
			`<message type='groupchat' id='m' to='`+garden+`'><body>What's in a name?</body></message>`)
		romeo.Expect(`<message id='s'/>`)
		romeo.Expect(`<message id='m'/>`)
		romeo.Sync()
		srv.Close()

		srv = servertest.New(t, opts)
		tybalt, juliet := srv.Login(t, "tybalt@localhost/t"), srv.Login(t, "juliet@localhost/b")
		tybalt.Send(`<presence to='` + garden + `/Tybalt'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		tybalt.Expect(`<presence type='error'><error type='auth'><registration-required xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
		got := strings.Join(enter(t, juliet, garden, "Jules"), "\n")
		for _, want := range []string{"affiliation='member'", "<body>What's in a name?</body>", "Names</subject>", "stanza-id"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
		juliet.Send(`<iq type='get' id='i' to='` + garden + `'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
		if e := juliet.Next(); !strings.Contains(e, "name='Orchard'") || !strings.Contains(e, "muc_membersonly") {
			t.Errorf("info: %s", e)
		}
	})
}

// TestARestartIsNotSeenInTheRoom: who can be resumed is in the room after it, and
// leaves with 333 when the time is over.
func TestARestartIsNotSeenInTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{
			Store:  store.Options{Path: filepath.Join(t.TempDir(), "db")},
			Config: server.Config{ResumeTime: 10 * time.Minute, Idle: 24 * time.Hour},
		}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		ids := map[*servertest.Client]string{}
		for _, c := range []*servertest.Client{romeo, juliet} {
			c.Send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
			_, id, _ := strings.Cut(c.Next(), "id='")
			ids[c], _, _ = strings.Cut(id, "'")
		}
		open(t, romeo, garden, "Romeo")
		enter(t, juliet, garden, "Juliet")
		juliet.Send(`<presence to='` + garden + `/Jules'/>`)
		juliet.Sync()
		romeo.Sync()
		srv.Close()

		srv = servertest.New(t, opts)
		back := srv.Authenticated(t, "romeo@localhost/a")
		back.Send(`<resume xmlns='urn:xmpp:sm:3' previd='` + ids[romeo] + `' h='1000'/>`)
		if e := back.Next(); !strings.HasPrefix(e, "<resumed") {
			t.Fatalf("resuming: %s", e)
		}
		back.Send(`<message type='groupchat' id='m' to='` + garden + `'><body>still here</body></message>`)
		for {
			e := back.Next()
			if strings.Contains(e, "unavailable") || strings.Contains(e, "error") {
				t.Fatalf("seen in the room: %s", e)
			}
			if strings.Contains(e, "still here") {
				break
			}
		}
		back.Send(`<iq type='get' id='i' to='` + garden + `'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
		for {
			if e := back.Next(); strings.Contains(e, "id='i'") {
				if !strings.Contains(e, garden+"/Jules") {
					t.Fatalf("Juliet is not in the room: %s", e)
				}
				break
			}
		}
		time.Sleep(11 * time.Minute)
		for {
			e := back.Next()
			if strings.Contains(e, "unavailable") && strings.Contains(e, garden+"/Jules") {
				if !strings.Contains(e, "code='333'") {
					t.Fatalf("leaves without 333: %s", e)
				}
				break
			}
		}
	})
}

// TestIdleRoomsAreLetGo: and come back when somebody asks; those that are not kept
// end with their last occupant.
func TestIdleRoomsAreLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Idle: 24 * time.Hour}})
		romeo := srv.Login(t, "romeo@localhost/a")
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_persistentroom": "1", "muc#roomconfig_publicroom": "1"})
		romeo.Send(`<presence type='unavailable' to='` + garden + `/Romeo'/>`)
		romeo.Sync()
		time.Sleep(10 * time.Minute)
		romeo.Sync()
		romeo.Send(`<iq type='get' id='l' to='conference.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
		for {
			if e := romeo.Next(); strings.Contains(e, "id='l'") {
				if !strings.Contains(e, "jid='"+garden+"'") {
					t.Fatalf("not listed: %s", e)
				}
				break
			}
		}
		got := strings.Join(enter(t, romeo, garden, "Romeo"), "")
		if strings.Contains(got, "201") || !strings.Contains(got, "affiliation='owner'") {
			t.Fatalf("not the room that it was: %s", got)
		}
		const brief = "brief@conference.localhost"
		open(t, romeo, brief, "Romeo")
		romeo.Send(`<presence type='unavailable' to='` + brief + `/Romeo'/>`)
		romeo.Sync()
		if got := strings.Join(enter(t, romeo, brief, "Romeo"), ""); !strings.Contains(got, "201") {
			t.Fatalf("a room that nobody keeps is there: %s", got)
		}
	})
}
