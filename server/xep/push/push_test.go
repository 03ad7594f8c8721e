package push_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

const enable = `<iq type='set' id='push'><enable xmlns='urn:xmpp:push:0' jid='app@localhost/push' node='n1'>` +
	`<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
	`<field var='secret'><value>s3</value></field></x></enable></iq>`

// world is a server with a push service, which is a client, a phone that has
// enabled it and is gone, and somebody who writes.
type world struct {
	*servertest.Server
	app, romeo *servertest.Client
}

func begin(t *testing.T, o servertest.Options) *world {
	t.Helper()
	w := &world{Server: servertest.New(t, o)}
	w.app = w.Login(t, "app@localhost/push")
	w.romeo = w.Online(t, "romeo@localhost/garden")
	return w
}

func (w *world) phone(t *testing.T) *servertest.Client {
	t.Helper()
	phone := w.Online(t, "juliet@localhost/phone")
	phone.Send(enable)
	phone.Expect(`<iq type='result' id='push'/>`)
	return phone
}

func (w *world) say(what string) {
	w.romeo.Send(`<message to='juliet@localhost' type='chat'>` + what + `</message>`)
	w.romeo.Sync()
}

// notice is the next request that the push service gets; it answers with answer.
func (w *world) notice(t *testing.T, answer string) *stanza.Stanza {
	t.Helper()
	st, err := stanza.ParseIn([]byte(w.app.Next()), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		t.Fatal(err)
	}
	typ := "result"
	if answer != "" {
		typ = "error"
	}
	w.app.Send(`<iq type='` + typ + `' to='localhost' id='` + st.IDString() + `'>` + answer + `</iq>`)
	synctest.Wait()
	return st
}

func bubble(t *testing.T, name string, test func(*testing.T)) {
	t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
}

func TestNotices(t *testing.T) {
	bubble(t, "who is away is woken, without content and with its options", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		synctest.Wait()
		w.say("<body>Wherefore art thou?</body>")
		raw := string(w.notice(t, "").Raw)
		for _, want := range []string{"from='localhost'", "node='n1'", "<notification xmlns='urn:xmpp:push:0'>", "message-count", "<publish-options>", "s3"} {
			if !strings.Contains(raw, want) {
				t.Errorf("no %s in %s", want, raw)
			}
		}
		for _, secret := range []string{"Wherefore", "romeo"} {
			if strings.Contains(raw, secret) {
				t.Errorf("%s is told: %s", secret, raw)
			}
		}
	})
	bubble(t, "who is connected is not", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		phone := w.phone(t)
		w.say("<body>hi</body>")
		phone.Expect(`<message type='chat'/>`)
		w.app.Silent()
	})
	bubble(t, "a phone that can be resumed is woken while its connection is gone", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		phone := w.phone(t)
		phone.Send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
		phone.Next() // <enabled/>
		phone.Conn.Close()
		synctest.Wait()
		w.say("<body>hi</body>")
		w.notice(t, "")
	})
	bubble(t, "a phone is woken for what was sent to a connection that was gone already", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		phone := w.phone(t)
		phone.Send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
		phone.Next() // <enabled/>
		w.say("<body>hi</body>")
		w.say("<active xmlns='http://jabber.org/protocol/chatstates'/>")
		w.app.Silent()
		phone.Conn.Close() // what it had not acknowledged may not have arrived
		synctest.Wait()
		w.notice(t, "")
		w.app.Silent()
	})
	bubble(t, "nobody is woken for what was acknowledged, or is nothing to be woken for", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		phone := w.phone(t)
		phone.Send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
		phone.Next() // <enabled/>
		w.say("<body>hi</body>")
		phone.Expect(`<message type='chat'/>`)
		phone.Send(`<a xmlns='urn:xmpp:sm:3' h='1'/>`)
		w.say("<received xmlns='urn:xmpp:receipts' id='x'/>")
		synctest.Wait()
		phone.Conn.Close()
		synctest.Wait()
		w.app.Silent()
	})
	bubble(t, "another device that is there does not keep the phone asleep", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		synctest.Wait()
		desk := w.Online(t, "juliet@localhost/desk")
		w.say("<body>hi</body>")
		desk.Expect(`<message type='chat'/>`)
		w.notice(t, "")
	})
	bubble(t, "calls ring, subscription requests count, states and receipts do not", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		synctest.Wait()
		w.say("<composing xmlns='http://jabber.org/protocol/chatstates'/>")
		w.say("<received xmlns='urn:xmpp:receipts' id='x'/>")
		w.app.Silent()
		w.say("<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>")
		w.notice(t, "")
		w.romeo.Send(`<presence to='juliet@localhost' type='subscribe'/>`)
		if raw := string(w.notice(t, "").Raw); !strings.Contains(raw, "pending-subscription-count") {
			t.Errorf("got %s", raw)
		}
	})
	bubble(t, "one notice at a time, and one more for all that came meanwhile", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		synctest.Wait()
		for range 5 {
			w.say("<body>hi</body>")
		}
		w.notice(t, "")
		w.notice(t, "")
		w.app.Silent()
	})
	bubble(t, "the settings may let more be told", func(t *testing.T) {
		w := begin(t, servertest.Options{Config: server.Config{PushContent: "all"}})
		w.phone(t).Close()
		synctest.Wait()
		w.say("<body>Wherefore art thou?</body>")
		if raw := string(w.notice(t, "").Raw); !strings.Contains(raw, "Wherefore") || !strings.Contains(raw, "romeo@localhost/garden") {
			t.Errorf("got %s", raw)
		}
	})
}

func TestRegistrationsEnd(t *testing.T) {
	gone := `<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
	busy := `<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
	bubble(t, "with an error that stays", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		synctest.Wait()
		w.say("<body>hi</body>")
		w.notice(t, gone)
		w.say("<body>hi</body>")
		w.app.Silent()
	})
	bubble(t, "not with one that passes, until it has come ten times", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		synctest.Wait()
		for range 10 {
			w.say("<body>hi</body>")
			w.notice(t, busy)
		}
		w.say("<body>hi</body>")
		w.app.Silent()
	})
	bubble(t, "when the service says so", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		synctest.Wait()
		w.app.Send(`<message to='juliet@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub' node='n1'>` +
			`<affiliation jid='juliet@localhost' affiliation='none'/></pubsub></message>`)
		w.app.Sync()
		w.say("<body>hi</body>")
		w.app.Silent()
	})
	bubble(t, "not when somebody else says so", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		synctest.Wait()
		w.say(`<pubsub xmlns='http://jabber.org/protocol/pubsub' node='n1'><affiliation jid='juliet@localhost' affiliation='none'/></pubsub>`)
		w.say("<body>hi</body>")
		w.notice(t, "")
	})
	bubble(t, "and they outlast the account's time in memory", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		w.phone(t).Close()
		time.Sleep(5 * time.Minute) // the bubble's clock: nobody waits
		w.say("<body>hi</body>")
		w.notice(t, "")
	})
}

func TestTheOwnerSeesWhatWasSent(t *testing.T) {
	bubble(t, "log", func(t *testing.T) {
		w := begin(t, servertest.Options{})
		phone := w.phone(t)
		w.say("<body>hi</body>")
		phone.Expect(`<message type='chat'/>`)
		phone.Close()
		synctest.Wait()
		w.say("<body>hi</body>")
		w.notice(t, "")
		desk := w.Login(t, "juliet@localhost/desk")
		desk.Send(`<iq type='set' id='log' to='juliet@localhost'><command xmlns='http://jabber.org/protocol/commands' node='urn:natter:push:log'/></iq>`)
		got := desk.Next()
		for _, want := range []string{"message: not sent: the device is connected", "message: sent"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in %s", want, got)
			}
		}
	})
}
