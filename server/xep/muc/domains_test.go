package muc_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// TestTwoDomains: users of one enter rooms of the other; rooms of one name at two
// domains are two.
func TestTwoDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "example.org"}}})
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@example.org/b")
		open(t, romeo, garden, "Romeo")
		enter(t, juliet, garden, "Juliet")
		open(t, juliet, "garden@conference.example.org", "Juliet")
		juliet.Send(`<message type='groupchat' id='m' to='garden@conference.example.org'><body>here</body></message>`)
		juliet.Expect(`<message id='m' from='garden@conference.example.org/Juliet'/>`)
		juliet.Send(`<message type='groupchat' id='n' to='` + garden + `'><body>there</body></message>`)
		juliet.Expect(`<message id='n' from='garden@conference.localhost/Juliet'/>`)
		romeo.Sync()
		romeo.Send(`<iq type='set' id='d' to='garden@conference.example.org'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`)
		for {
			e := romeo.Next()
			if strings.Contains(e, "here") && !strings.Contains(e, "there") {
				t.Fatalf("of the other room: %s", e)
			}
			if strings.Contains(e, "id='d'") {
				if !strings.Contains(e, "forbidden") {
					t.Fatal(e)
				}
				break
			}
		}
	})
}

// TestRoomsForOtherPrograms: what server.Rooms does is seen in the room, and the
// other way round.
func TestRoomsForOtherPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/a")
		open(t, romeo, garden, "Romeo")
		rooms := srv.Core.Default().Rooms
		room, _ := stanza.ParseJID(garden)
		turn := srv.Core.Turn()
		defer turn.End()
		var heard []server.RoomMessage
		cancel, err := rooms.Watch(turn, room, func(m server.RoomMessage) { heard = append(heard, m) })
		if err != nil {
			t.Fatal(err)
		}
		rooms.Post(turn, room, server.RoomPost{As: "Romeo", Body: "hi"}, func(_ *server.Turn, _ server.RoomMessage, err error) {
			if e, ok := err.(*stanza.Error); !ok || e.Condition != "conflict" {
				t.Errorf("under an occupant's name: %v", err)
			}
		})
		rooms.Post(turn, room, server.RoomPost{As: "Web", Body: "hello from <there>"}, func(_ *server.Turn, m server.RoomMessage, err error) {
			if err != nil || m.Body != "hello from <there>" || m.ID == 0 {
				t.Errorf("posted: %+v, %v", m, err)
			}
		})
		turn.Flush()
		romeo.Expect(`<message type='groupchat' from='garden@conference.localhost/Web'><body>hello from &lt;there&gt;</body></message>`)
		romeo.Send(`<message type='groupchat' to='` + garden + `'><body>who's there?</body></message>`)
		romeo.Expect(`<message from='garden@conference.localhost/Romeo'/>`)
		synctest.Wait()
		cancel()
		if len(heard) != 2 || heard[1].Nick != "Romeo" || heard[1].Body != "who's there?" || heard[1].ID <= heard[0].ID {
			t.Errorf("heard: %+v", heard)
		}
		past, err := rooms.History(turn, room, 0, 10)
		if err != nil || len(past) != 2 || past[0].ID != heard[0].ID || past[1].Nick != "Romeo" {
			t.Errorf("history: %+v, %v", past, err)
		}
		who, err := rooms.Occupants(turn, room)
		if err != nil || len(who) != 1 || who[0] != (server.RoomOccupant{Nick: "Romeo", Role: "moderator", Affiliation: "owner"}) {
			t.Errorf("occupants: %+v, %v", who, err)
		}
		if _, err := rooms.Info(turn, stanza.JID{}); err == nil {
			t.Error("a room that is none is described")
		}
	})
}

// TestSeveralClientsUnderOneNick: others see one occupant, which leaves with the last.
func TestSeveralClientsUnderOneNick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, juliet, phone := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b"), srv.Login(t, "juliet@localhost/phone")
		open(t, romeo, garden, "Romeo")
		enter(t, juliet, garden, "Juliet")
		romeo.Expect(`<presence from='garden@conference.localhost/Juliet'/>`)
		enter(t, phone, garden, "Juliet")
		romeo.Send(`<message type='chat' id='p' to='` + garden + `/Juliet'><body>psst</body></message>`)
		juliet.Expect(`<message id='p' from='garden@conference.localhost/Romeo'/>`)
		phone.Expect(`<message id='p' from='garden@conference.localhost/Romeo'/>`)
		juliet.Send(`<presence type='unavailable' to='` + garden + `/Juliet'/>`)
		juliet.Expect(`<presence type='unavailable'/>`)
		phone.Send(`<message type='groupchat' id='m' to='` + garden + `'><body>still</body></message>`)
		for {
			e := romeo.Next()
			if strings.Contains(e, "unavailable") {
				t.Fatalf("gone too early: %s", e)
			}
			if strings.Contains(e, "still") {
				break
			}
		}
		phone.Conn.Close()
		romeo.Expect(`<presence type='unavailable' from='garden@conference.localhost/Juliet'/>`)
	})
}

// TestHistoryAsAskedFor: by stanzas, characters and time, in whole messages.
func TestHistoryAsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		open(t, romeo, garden, "Romeo")
		for _, body := range []string{"one", "two", "three"} {
			romeo.Send(`<message type='groupchat' to='` + garden + `'><body>` + body + `</body></message>`)
			romeo.Expect(`<message type='groupchat'><body>` + body + `</body></message>`)
		}
		for want, ask := range map[string]string{"none": "maxchars='0'", "1": "maxstanzas='1'", "3": "seconds='100'", "all": "maxstanzas='nonsense'", "0": "since='2100-01-01T00:00:00Z'", "-": "maxstanzas='0'"} {
			juliet.Send(`<presence to='` + garden + `/Juliet'><x xmlns='http://jabber.org/protocol/muc'><history ` + ask + `/></x></presence>`)
			n := strings.Count(strings.Join(untilSubject(t, juliet), ""), "<body>")
			if n != map[string]int{"none": 0, "1": 1, "3": 3, "all": 3, "0": 0, "-": 0}[want] {
				t.Errorf("%s: %d messages", ask, n)
			}
			juliet.Send(`<presence type='unavailable' to='` + garden + `/Juliet'/>`)
			juliet.Expect(`<presence type='unavailable'/>`)
		}
	})
}
