package main

import (
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"natter/server/servertest"
)

// Names the tests use throughout.
const (
	romeo  = "romeo@localhost"
	juliet = "juliet@localhost"
)

func TestTwoPeopleChat(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, romeo, juliet)
	r := w.start(romeo, "chat")
	r.expect("Logged in as romeo@localhost/natter-")
	r.expect("○ juliet  offline  juliet@localhost")
	j := w.start(juliet, "chat", romeo)
	j.expect("Talking with romeo (romeo@localhost), online.")
	r.expect("● juliet is online")

	j.enter("Art thou not Romeo?")
	j.expect("juliet  Art thou not Romeo?")
	r.expect("juliet  Art thou not Romeo? (/chat juliet)")
	r.enter("hello?")
	r.expect("You are not talking with anybody yet")
	r.enter("/chat jul")
	r.expect("Talking with juliet (juliet@localhost), online.")
	r.expect("juliet  Art thou not Romeo?")
	r.enter("Neither, fair saint")
	r.expect("romeo   Neither, fair saint")
	j.expect("romeo   Neither, fair saint")
	r.enter("")
	r.expect("The message is empty; nothing was sent.")

	j.enter("/away the nurse calls")
	j.expect("You are shown as away: the nurse calls.")
	r.expect("◐ juliet is away: the nurse calls")
	j.enter("/back")
	r.expect("● juliet is online")
	j.enter("/me sighs")
	r.expect("juliet  * juliet sighs")
	j.enter("//quit")
	r.expect("juliet  /quit")
	j.enter("/quit")
	j.end(exitOK)
	r.expect("○ juliet is offline")
	r.typed.Close()
	r.end(exitOK)
}

func TestMessagesThatCameWhileAway(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, romeo, juliet)
	for _, text := range []string{"Good night", "good night!"} {
		if got := w.natter(romeo, "", "send", juliet, text); got.code != exitOK {
			t.Fatalf("%+v", got)
		}
	}
	j := w.start(juliet, "chat")
	j.expect("○ romeo  offline")
	j.expect("While you were away:")
	j.expect("romeo   Good night (/chat romeo)")
	j.expect("romeo   good night!\n")
	j.enter("/roster")
	j.expect("2 unread")
	j.enter("/chat romeo")
	j.expect("romeo   Good night\n")
	j.enter("/roster")
	j.expect("○ romeo  offline  romeo@localhost\n")
	// They are not delivered a second time.
	j.enter("/quit")
	j.end(exitOK)
	if got := w.natter(juliet, "", "listen", "--timeout", "100ms"); got != (outcome{}) {
		t.Errorf("they came again: %+v", got)
	}
}

func TestSubscriptionByHand(t *testing.T) {
	w := newWorld(t)
	w.Account(t, juliet)
	r := w.start(romeo, "chat")
	r.expect("Your contact list is empty. Add somebody with /add juliet@localhost")
	r.enter("/add juliet@localhost")
	r.expect("Asked juliet@localhost to let you see when they are there.")
	j := w.start(juliet, "chat")
	j.expect("○ romeo  offline  romeo@localhost  wants to see when you are there: /accept or /deny them")
	j.enter("/accept romeo")
	j.expect("romeo may see when you are there.")
	r.expect("juliet lets you see when they are there.")
	r.expect("● juliet is online")
	j.enter("/add romeo@localhost Romeo Montague")
	r.expect("juliet@localhost asks to see when you are there: /accept juliet or /deny juliet")
	r.enter("/accept juliet")
	j.expect("● Romeo Montague is online")
	j.enter("/msg romeo@localhost here I am")
	j.expect("juliet  → Romeo Montague: here I am")
	r.expect("juliet  here I am")
	r.enter("/who")
	r.expect("juliet  online  priority 0")
	r.enter("/deny juliet")
	j.expect("Romeo Montague does not let you see when they are there.")
	r.enter("/remove juliet")
	r.expect("juliet is off your list.")
	r.enter("/remove juliet")
	r.expect("juliet is not on your list.")
}

func TestMessageThatComesBack(t *testing.T) {
	w := newWorld(t)
	r := w.start(romeo, "chat", "nobody@localhost")
	r.expect("not on your contact list")
	r.enter("hello")
	r.expect("✗ Not delivered to nobody: nobody there takes it (service-unavailable): hello")
	r.enter("/history")
	r.expect("hello ✗ not delivered")
}

func TestCommandsThatAsk(t *testing.T) {
	w := newWorld(t)
	r := w.start(romeo, "chat")
	r.expect("Logged in")
	r.enter("/ping")
	r.expect("localhost answered in ")
	r.enter("/disco")
	r.expect("is   server/im")
	r.enter("/disco nobody@localhost")
	r.expect("✗ /disco nobody@localhost: nobody there takes it")
	r.enter(`/raw <iq type="get" id="x1"><query xmlns="jabber:iq:roster"/></iq>`)
	r.expect(`-> <iq type="get"`)
	r.expect(`<- <iq xmlns="jabber:client"`)
	r.enter("/raw <iq")
	r.expect("✗ /raw needs one XML element")
	r.enter("/status")
	r.expect("account     romeo@localhost")
	r.expect("encryption  TLS 1.3")
	r.expect("login       SCRAM-SHA-256-PLUS")
	r.expect("copies      from and to your other clients")
	r.expect("resumption  yes")
	r.enter("/help chat")
	r.expect("/chat NAME  talk with somebody")
	r.enter("/rooster")
	r.expect("There is no /rooster; did you mean /roster?")
	r.enter("/frobnicate")
	r.expect("There is no /frobnicate; /help lists what there is.")
	r.enter("/chat nobody")
	r.expect(`Nobody is called "nobody" here`)
	r.enter("/history")
	r.expect("You are not talking with anybody yet")
	r.enter("/me")
	r.expect("/me needs TEXT")
}

func TestReceiptsAreAskedForAndGiven(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, romeo, juliet)
	j := w.Online(t, juliet+"/balcony")
	r := w.start(romeo, "chat", juliet)
	r.expect("Talking with juliet (juliet@localhost), online.")
	j.Expect(`<presence from='{scansion:any}'/>`)
	r.enter("hi")
	n, err := parseNode(j.Next())
	if err != nil || n.child(nsReceipts, "request") == nil {
		t.Fatalf("no receipt is asked for: %s, %v", n, err)
	}
	j.Send(`<message to='` + n.attr("from") + `' type='chat'><received xmlns='urn:xmpp:receipts' id='` + n.attr("id") + `'/></message>`)
	j.Send(`<message to='romeo@localhost' type='chat' id='m1'><body>ho</body><request xmlns='urn:xmpp:receipts'/></message>`)
	j.Expect(`<message type='chat'><received xmlns='urn:xmpp:receipts' id='m1'/></message>`)
	r.expect("juliet  ho")
	r.enter("/history")
	r.expect("romeo   hi ✓")
}

func TestStrangersGetNoReceipt(t *testing.T) {
	w := newWorld(t)
	r := w.start(romeo, "chat")
	r.expect("Logged in")
	tybalt := w.Login(t, "tybalt@localhost/square")
	tybalt.Send(`<message to='romeo@localhost' type='chat' id='m1'><body>villain</body><request xmlns='urn:xmpp:receipts'/></message>`)
	r.expect("tybalt  villain")
	r.enter("/ping")
	r.expect("answered") // a receipt would be on its way before
	tybalt.Silent()
}

func TestASecondClientFollows(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, romeo, juliet)
	one, two := w.start(romeo, "chat", juliet), w.start(romeo, "chat", juliet)
	one.expect("Talking with juliet")
	two.expect("Talking with juliet")
	j := w.Online(t, juliet+"/balcony")
	one.expect("● juliet is online")
	two.expect("● juliet is online")
	one.enter("from the first")
	two.expect("romeo   from the first")
	j.Send(`<message to='romeo@localhost' type='chat'><body>to both</body></message>`)
	one.expect("juliet  to both")
	two.expect("juliet  to both")
	// A copy that somebody else has made up is not believed.
	j.Send(`<message to='romeo@localhost' type='chat'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>` +
		`<message xmlns='jabber:client' from='romeo@localhost/x' to='juliet@localhost'><body>forged</body></message></forwarded></sent></message>`)
	j.Send(`<message to='romeo@localhost' type='chat'><body>after it</body></message>`)
	one.expect("juliet  after it")
	if strings.Contains(one.out.all(), "forged") {
		t.Errorf("it was shown:\n%s", one.out.all())
	}
}

func TestEscapeSequencesAreNotPrinted(t *testing.T) {
	w := newWorld(t)
	r := w.start(romeo, "chat")
	r.expect("Logged in")
	tybalt := w.Login(t, "tybalt@localhost/square")
	tybalt.Send("<message to='romeo@localhost' type='chat'><body>a\u009b2Jb \u202edcba\nc</body></message>")
	r.expect("tybalt  a\ufffd2Jb \ufffddcba\n               c (/chat tybalt)")
}

// quickly returns a chat in the background like start's, which connects again
// without waiting.
func (w *world) quickly(address, peer string) *running {
	w.t.Helper()
	w.Account(w.t, address)
	a := account{jid: jid.MustParse(address), password: servertest.Password, server: w.relay.address(), resource: newResource()}
	return w.background(func(r *running, std stdio) int {
		ch := newChat(a, std)
		ch.retry = 10 * time.Millisecond
		c, err := a.login(r.ctx, ch.creds, nil)
		if err != nil {
			return report(std.err, "chat", err)
		}
		if peer != "" {
			ch.current = ch.people.get(jid.MustParse(peer))
		}
		return report(std.err, "chat", ch.run(r.ctx, c))
	})
}

func TestConnectionLostAndTakenUpAgain(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, romeo, juliet)
	j := w.Online(t, juliet+"/balcony")
	r := w.quickly(romeo, juliet)
	r.expect("Talking with juliet")
	j.Expect(`<presence from='{scansion:any}'/>`)
	w.relay.cut()
	r.expect("The server has gone away: the server dropped the connection; trying again in")
	r.enter("typed meanwhile")
	r.expect("typed meanwhile (waiting)")
	r.expect("There is no connection: it will be sent as soon as there is one.")
	r.enter("/ping")
	r.expect("There is no connection just now")
	r.enter("/quit")
	r.expect("1 message has not been sent for want of a connection.")
	w.relay.open()
	r.expect("Connected again; nothing was missed.")
	r.expect("Sent now: 1 message that had waited.")
	// Juliet has not seen Romeo go: the session went on.
	j.Expect(`<message type='chat'><body>typed meanwhile</body></message>`)
	j.Send(`<message to='romeo@localhost' type='chat'><body>still there?</body></message>`)
	r.expect("juliet  still there?")
	r.enter("/quit")
	r.end(exitOK)
}

func TestConnectionLostWithoutResumption(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, romeo, juliet)
	j := w.Online(t, juliet+"/balcony")
	r := w.quickly(romeo, juliet)
	r.expect("Talking with juliet")
	j.Expect(`<presence from='{scansion:any}'/>`)
	r.enter("/status")
	r.expect("resumption  yes")
	w.relay.cut()
	r.expect("The server has gone away")
	r.enter("/away shopping")
	r.expect("You are shown as away: shopping.")
	r.enter("typed meanwhile")
	r.expect("(waiting)")
	// Another client takes the address: the old session is over.
	thief := w.Login(t, romeo+"/"+r.resource())
	defer thief.Close()
	w.relay.open()
	r.expect("Connected again.")
	r.expect("Sent now: 1 message that had waited.")
	for {
		n, err := parseNode(j.Next())
		if err != nil {
			t.Fatal(err)
		}
		if n.childText(nsClient, "show") == "away" {
			break
		}
	}
	j.Expect(`<message type='chat'><body>typed meanwhile</body></message>`)
}

func TestInputThatEndsWithoutConnection(t *testing.T) {
	w := newWorld(t)
	r := w.quickly(romeo, juliet)
	r.expect("Talking with juliet")
	w.relay.cut()
	r.expect("The server has gone away")
	r.enter("lost")
	r.expect("(waiting)")
	r.typed.Close()
	r.expect("1 message was never sent: there was no connection")
	r.end(exitConnect)
}
