package muc_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

func TestTwoInARoomTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		got := enter(t, romeo, garden, "Romeo")
		if !strings.Contains(got[0], "code='201'") || !strings.Contains(got[0], "code='110'") {
			t.Fatalf("the first presence: %s", got[0])
		}
		juliet.Send(`<presence to='garden@conference.localhost/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		juliet.Expect(`<presence type='error' from='garden@conference.localhost/Juliet'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
		configure(t, romeo, garden, nil)
		enter(t, juliet, garden, "Juliet")
		romeo.Expect(`<presence from='garden@conference.localhost/Juliet'/>`)
		juliet.Send(`<message type='groupchat' id='m1' to='garden@conference.localhost'><body>hi</body></message>`)
		for _, c := range []*servertest.Client{romeo, juliet} {
			c.Expect(`<message type='groupchat' id='m1' from='garden@conference.localhost/Juliet'><body>hi</body></message>`)
		}
		juliet.Send(`<presence type='unavailable' to='garden@conference.localhost/Juliet'/>`)
		for _, c := range []*servertest.Client{romeo, juliet} {
			c.Expect(`<presence type='unavailable' from='garden@conference.localhost/Juliet'/>`)
		}
	})
}
