package blocking_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

// TestABlockThatCannotBeStoredIsNone: who is told that it failed does not block.
func TestABlockThatCannotBeStoredIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		var o servertest.Options
		o.Log = t.Output() // of errors there will be some
		o.Store.Gate = func() error {
			if broken.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}
		srv := servertest.New(t, o)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		romeo := srv.Online(t, "romeo@localhost/garden")
		broken.Store(true)
		juliet.Send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block></iq>`)
		juliet.Expect(`<iq type='error' id='b'><error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		broken.Store(false)
		synctest.Wait()
		juliet.Send(`<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>`)
		juliet.Expect(`<iq type='result' id='l'><blocklist xmlns='urn:xmpp:blocking' scansion:strict='true'/></iq>`)
		romeo.Send(`<message to='juliet@localhost' type='chat'><body>still friends?</body></message>`)
		juliet.Expect(`<message from='romeo@localhost/garden'><body>still friends?</body></message>`)
		romeo.Silent()
	})
}
