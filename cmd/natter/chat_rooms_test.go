package main

import (
	"strings"
	"testing"
)

func TestRoomsInChat(t *testing.T) {
	w := newWorld(t)
	juliet := w.start("juliet@localhost", "chat")
	juliet.expect("Logged in as")
	juliet.enter("/join garden")
	juliet.expect("You are in garden@conference.localhost as juliet, with 0 others.")
	romeo := w.start("romeo@localhost", "chat")
	romeo.expect("Logged in as")
	romeo.enter("/nick Montague")
	romeo.expect("/nick is for rooms")
	romeo.enter("/join garden@conference.localhost Montague")
	romeo.expect("You are in garden@conference.localhost as Montague, with 1 other.")
	juliet.expect("Montague has come in (2 there).")

	juliet.enter("Who is there?")
	romeo.expect("juliet")
	romeo.expect("Who is there?")
	romeo.enter("/nick Romeo")
	romeo.expect("You are now called Romeo.")
	juliet.expect("Montague is now called Romeo.")
	romeo.enter("/topic Sunshine")
	romeo.expect("garden: ")
	juliet.enter("/topic Moonlight")
	romeo.expect("juliet has changed the topic: Moonlight")
	romeo.enter("/who")
	romeo.expect("juliet")
	romeo.expect("is an owner")
	romeo.enter("/pm juliet a secret")
	juliet.expect("Romeo in garden, privately: a secret")

	// What is not open is quiet until it names one.
	juliet.enter("/chat romeo@localhost")
	juliet.expect("Talking with romeo")
	romeo.enter("something")
	romeo.enter("juliet: art thou there?")
	juliet.expect("juliet: art thou there? (in garden: /chat garden)")
	juliet.enter("/chat garden")
	juliet.expect("Talking in garden (garden@conference.localhost) as juliet, with 1 other. Topic: Moonlight")
	juliet.expect("something")

	romeo.enter("/kick juliet")
	romeo.expect("/kick juliet: ")
	juliet.enter("/kick Romeo the watch is coming")
	romeo.expect("You were put out of the room by juliet: the watch is coming")
	juliet.expect("Romeo was put out of the room")
	juliet.enter("/invite romeo@localhost come back")
	juliet.expect("Invited")
	romeo.expect("invites you to garden@conference.localhost: come back (/join garden@conference.localhost)")
	if got := w.natter("juliet@localhost", "", "muc", "moderate", "garden", "ban", "romeo@localhost", "--nick", "Nurse"); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	romeo.enter("/join garden")
	romeo.expect("garden@conference.localhost does not let you in")
	romeo.expect("You are banned from the room.")
	juliet.enter("/part")
	juliet.expect("You have left garden@conference.localhost")
}

func TestRoomsAreEnteredAgain(t *testing.T) {
	w := newWorld(t)
	nurse := w.Login(t, "nurse@localhost/house")
	enter := `<presence to='garden@conference.localhost/Nurse'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
	nurse.Send(enter)
	nurse.Send(`<iq type='set' id='c' to='garden@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`)
	say := func(text string) {
		nurse.Send(`<message type='groupchat' id='` + text + `' to='garden@conference.localhost'><body>` + text + `</body></message>`)
		nurse.Sync()
	}
	r := w.quickly("juliet@localhost", "")
	r.expect("Logged in as")
	r.enter("/join garden")
	r.expect("You are in garden")
	say("one")
	r.expect("one")
	w.relay.cut()
	r.expect("The server has gone away")
	say("two")
	w.relay.open()
	r.expect("Connected again; nothing was missed.")
	r.expect("two")
	w.relay.cut()
	r.expect("The server has gone away")
	thief := w.Login(t, "juliet@localhost/"+r.resource()) // the old session is over
	defer thief.Close()
	say("three")
	w.relay.open()
	r.expect("Connected again.")
	r.expect("three")
	say("four")
	r.expect("four")
	if n := strings.Count(r.out.all(), "Nurse   one"); n != 1 {
		t.Errorf("a line from before is shown %d times:\n%s", n, r.out.all())
	}
}
