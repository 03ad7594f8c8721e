package muc_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
)

// TestGuestsMakeRooms: where the settings say so, a guest enters a room that is not
// there; it is open at once, nobody's, and goes with the last one in it.
func TestGuestsMakeRooms(t *testing.T) {
	for _, row := range []struct{ setting, name string }{{"on", "they may"}, {"off", "they may not"}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t, servertest.Options{Config: server.Config{GuestRooms: row.setting}})
				guest := srv.ConnectTo(t, "guests.localhost")
				guest.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
				guest.Expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
				guest.Open("guests.localhost")
				guest.Bind("x/web")
				guest.Send(`<presence to='hall@conference.localhost/guest'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
				got := guest.Next()
				if row.setting == "off" {
					if !strings.Contains(got, "not-allowed") {
						t.Errorf("got %s", got)
					}
					return
				}
				if !strings.Contains(got, "role='participant'") || strings.Contains(got, "code='201'") {
					t.Errorf("got %s", got)
				}
				juliet := srv.Login(t, "juliet@localhost/balcony")
				juliet.Send(`<presence to='hall@conference.localhost/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
				if first := juliet.Next(); !strings.Contains(first, "hall@conference.localhost/guest") {
					t.Errorf("another one finds %s", first)
				}
				juliet.Send(`<presence to='hall@conference.localhost/Juliet' type='unavailable'/>`)
				guest.Send(`<presence to='hall@conference.localhost/guest' type='unavailable'/>`)
				synctest.Wait()
				juliet.Sync()
				juliet.Send(`<iq type='get' id='i' to='hall@conference.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
				juliet.ExpectError("item-not-found")
				refused := 0
				for i := range 7 {
					guest.Send(`<presence to='hall` + string(rune('0'+i)) + `@conference.localhost/guest'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
					refused += strings.Count(strings.Join(guest.Sync(), ""), "resource-constraint")
				}
				if refused != 2 {
					t.Errorf("of seven rooms %d are refused", refused)
				}
			})
		})
	}
}
