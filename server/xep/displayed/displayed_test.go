package displayed_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

const (
	marker = `<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>`
	said   = `<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='s1'/></displayed>`
	get    = `<iq type='get' id='g'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:mds:displayed:0'/></pubsub></iq>`
)

func items(content string) string {
	return `<iq type='result' id='g'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:mds:displayed:0'>` + content + `</items></pubsub></iq>`
}

func TestOneMessageTellsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		romeo, juliet := srv.Online(t, "romeo@localhost/garden"), srv.Online(t, "juliet@localhost/balcony")
		phone := srv.Online(t, "juliet@localhost/phone")
		phone.Send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`)
		for _, c := range []*servertest.Client{romeo, juliet, phone} {
			c.Sync()
		}
		juliet.Send(`<message to='romeo@localhost' type='chat' id='1'>` + said + marker + `<body>x</body></message>`)
		for _, c := range []*servertest.Client{romeo, phone} {
			if got := c.Next(); strings.Contains(got, "urn:xmpp:mds") || !strings.Contains(got, "chat-markers") {
				t.Errorf("got %s", got)
			}
		}
		juliet.Send(get)
		juliet.Expect(items(`<item id='romeo@localhost'>` + said + `</item>`))
		// The state moves on, and is nobody else's to see.
		next := strings.ReplaceAll(said, "s1", "s2")
		juliet.Send(`<message to='romeo@localhost' id='2'>`+marker+next+`</message>`, `<message to='paris@localhost' id='3'>`+marker+said+`</message>`, get)
		juliet.Expect(`<message type='error' id='3'/>`)
		juliet.Expect(items(`<item id='romeo@localhost'>` + next + `</item><item id='paris@localhost'>` + said + `</item>`))
		if got := romeo.Next(); strings.Contains(got, "urn:xmpp:mds") {
			t.Errorf("got %s", got)
		}
		romeo.Send(strings.Replace(get, "id='g'", "id='g' to='juliet@localhost'", 1))
		romeo.ExpectError("not-allowed")
	})
}

func TestWhatOthersSayChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, juliet := srv.Online(t, "romeo@localhost/garden"), srv.Online(t, "juliet@localhost/balcony")
		romeo.Send(`<message to='juliet@localhost' id='1'><body>x</body>` + said + `</message>`)
		juliet.Expect(`<message from='romeo@localhost/garden'><body>x</body></message>`)
		juliet.Send(get)
		juliet.ExpectError("item-not-found")
	})
}
