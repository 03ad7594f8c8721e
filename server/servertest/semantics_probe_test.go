package servertest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
)

// TestProbesAreAnsweredWithTheirIds and with the time since when nobody is there
// (RFC 6121 §4.3.2, §4.3.2.1).
func TestProbesAreAnsweredWithTheirIds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		juliet := srv.Online(t, "juliet@localhost/balcony")
		romeo := srv.Online(t, "romeo@localhost/garden")
		romeo.Sync()
		romeo.Send(`<presence type='probe' id='p1' to='juliet@localhost/balcony'/>`)
		romeo.Expect(`<presence id='p1' from='juliet@localhost/balcony'/>`)
		romeo.Send(`<presence type='probe' id='p2' to='juliet@localhost/nowhere'/>`)
		romeo.Expect(`<presence id='p2' type='unavailable' from='juliet@localhost/nowhere'/>`)
		at := time.Now().UTC().Truncate(time.Second)
		juliet.Close()
		romeo.Expect(`<presence type='unavailable' from='juliet@localhost/balcony'/>`)
		time.Sleep(4 * time.Minute) // her account is not in memory any more
		romeo.Sync()
		romeo.Send(`<presence type='probe' id='p3' to='juliet@localhost'/>`)
		romeo.Expect(`<presence id='p3' type='unavailable' from='juliet@localhost'>` +
			`<delay xmlns='urn:xmpp:delay' from='juliet@localhost' stamp='` + at.Format("2006-01-02T15:04:05.000Z") + `'/></presence>`)
	})
}
