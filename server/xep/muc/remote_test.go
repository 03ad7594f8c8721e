package muc_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// from hands the server a stanza as if it had come from elsewhere.
func from(t *testing.T, srv *servertest.Server, who, element string) {
	t.Helper()
	j, err := stanza.ParseJID(who)
	if err != nil {
		t.Fatal(err)
	}
	st, err := stanza.ParseIn([]byte(element), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		t.Fatal(err)
	}
	srv.Core.Do(func(turn *server.Turn) { srv.Core.Route(turn, server.NewOrigin(j), st) })
}

// TestGhostsGo: an occupant whose server cannot be reached is taken out by the first
// error that comes back, and everybody is told why.
func TestGhostsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/a")
		open(t, romeo, garden, "Romeo")
		from(t, srv, "ghost@elsewhere.example/x", `<presence from='ghost@elsewhere.example/x' to='`+garden+`/Ghost'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		romeo.Expect(`<presence from='garden@conference.localhost/Ghost'/>`)
		e := romeo.Next()
		if !strings.Contains(e, "unavailable") || !strings.Contains(e, "code='333'") || !strings.Contains(e, "/Ghost") {
			t.Fatalf("the ghost is told of as %s", e)
		}
		from(t, srv, "ghost@elsewhere.example/x", `<presence from='ghost@elsewhere.example/x' to='none@conference.localhost/Ghost'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		romeo.Send(`<iq type='get' id='i' to='none@conference.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
		romeo.Expect(`<iq type='error' id='i'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	})
}

// TestPresenceOfSomeRolesOnly: visitors of a large room are told to moderators and
// themselves, and become visible with their voice.
func TestPresenceOfSomeRolesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, juliet, tybalt := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b"), srv.Login(t, "tybalt@localhost/c")
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_moderatedroom": "1", "muc#roomconfig_presencebroadcast": "moderator"})
		enter(t, juliet, garden, "Juliet")
		if got := strings.Join(enter(t, tybalt, garden, "Tybalt"), ""); strings.Contains(got, "/Juliet") {
			t.Errorf("a visitor is told of another: %s", got)
		}
		romeo.Expect(`<presence from='garden@conference.localhost/Juliet'/>`)
		romeo.Expect(`<presence from='garden@conference.localhost/Tybalt'/>`)
		romeo.Send(`<iq type='set' id='v' to='` + garden + `'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Juliet' role='moderator'/></query></iq>`)
		tybalt.Expect(`<presence from='garden@conference.localhost/Juliet'/>`)
		juliet.Expect(`<presence from='garden@conference.localhost/Juliet'/>`)
		tybalt.Send(`<presence type='unavailable' to='` + garden + `/Tybalt'/>`)
		tybalt.Expect(`<presence type='unavailable'/>`)
		juliet.Expect(`<presence type='unavailable' from='garden@conference.localhost/Tybalt'/>`)
	})
}

// TestADomainIsBanned: all of it, but for who has an affiliation of their own.
func TestADomainIsBanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "example.org"}}})
		romeo := srv.Login(t, "romeo@localhost/a")
		juliet, tybalt := srv.Login(t, "juliet@example.org/b"), srv.Login(t, "tybalt@example.org/c")
		open(t, romeo, garden, "Romeo")
		enter(t, juliet, garden, "Juliet")
		enter(t, tybalt, garden, "Tybalt")
		romeo.Send(`<iq type='set' id='m' to='` + garden + `'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='juliet@example.org' affiliation='member'/><item jid='example.org' affiliation='outcast'/></query></iq>`)
		for {
			if e := tybalt.Next(); strings.Contains(e, "code='301'") {
				break
			}
		}
		tybalt.Send(`<presence to='` + garden + `/Tybalt'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		tybalt.Expect(`<presence type='error'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
		juliet.Send(`<message type='groupchat' id='m' to='` + garden + `'><body>still here</body></message>`)
		for {
			if e := juliet.Next(); strings.Contains(e, "error") {
				t.Fatal(e)
			} else if strings.Contains(e, "still here") {
				break
			}
		}
	})
}

// TestNobodyLearnsWhoIsThere: an answer to an invitation that there was none of says
// nothing about who is in the room.
func TestNobodyLearnsWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, spy := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "spy@localhost/b")
		open(t, romeo, garden, "Romeo")
		var answers []string
		for _, to := range []string{"romeo@localhost", "nobody@localhost"} {
			spy.Send(`<message id='d' to='` + garden + `'><x xmlns='http://jabber.org/protocol/muc#user'><decline to='` + to + `'/></x></message>`)
			answers = append(answers, strings.ReplaceAll(spy.Next(), to, "X"))
		}
		if answers[0] != answers[1] {
			t.Errorf("they differ: %s\n%s", answers[0], answers[1])
		}
		romeo.Send(`<iq type='get' id='p' to='` + garden + `/Romeo'><ping xmlns='urn:xmpp:ping'/></iq>`)
		romeo.Expect(`<iq type='result' id='p'/>`)
	})
}

// TestASlowOccupantDelaysNobody: who does not read is out when their queue is full,
// and all the others have everything by then.
func TestASlowOccupantDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, slow := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "slow@localhost/b")
		open(t, romeo, garden, "Romeo")
		enter(t, slow, garden, "Slow")
		romeo.Expect(`<presence from='garden@conference.localhost/Slow'/>`)
		body := strings.Repeat("x", 60_000)
		gone, n := false, 0
		for n < 40 {
			romeo.Send(`<message type='groupchat' to='` + garden + `'><body>` + body + `</body></message>`)
			for {
				e := romeo.Next()
				if gone = gone || strings.Contains(e, "unavailable"); strings.HasPrefix(e, "<message") {
					n++
					break
				}
			}
		}
		if !gone {
			romeo.Expect(`<presence type='unavailable' from='garden@conference.localhost/Slow'/>`)
		}
	})
}
