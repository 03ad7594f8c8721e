package servertest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
	"natter/stanza"
)

// TestAMessageOfTheGreatestSizeIsKept: what the server adds to it, its sender's
// address for one, does not make it too long for the server itself.
func TestAMessageOfTheGreatestSizeIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Account(t, "juliet@localhost")
		romeo := srv.Online(t, "romeo@localhost/garden")
		head, tail := `<message to='juliet@localhost' type='chat'><body>`, `</body></message>`
		body := strings.Repeat("x", stanza.AfterLogin.Bytes-len(head)-len(tail))
		romeo.Send(head + body + tail)
		romeo.Silent()
		juliet := srv.Online(t, "juliet@localhost/balcony")
		juliet.Expect(`<message from='romeo@localhost/garden'><body>` + body + `</body></message>`)
	})
}

// TestPresenceOfTheGreatestSizeIsShown to a contact that comes later.
func TestPresenceOfTheGreatestSizeIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		romeo := srv.Online(t, "romeo@localhost/garden")
		head, tail := `<presence><status>`, `</status></presence>`
		status := strings.Repeat("x", stanza.AfterLogin.Bytes-len(head)-len(tail))
		romeo.Send(head + status + tail)
		romeo.Sync()
		juliet := srv.Online(t, "juliet@localhost/balcony")
		juliet.Expect(`<presence from='romeo@localhost/garden'><status>` + status + `</status></presence>`)
	})
}
