package servertest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

// TestWhatWaitedComesBeforeWhatIsSentAtLogin: messages that are sent while their
// recipient becomes available line up behind those that waited.
func TestWhatWaitedComesBeforeWhatIsSentAtLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Account(t, "juliet@localhost")
		romeo := srv.Online(t, "romeo@localhost/garden")
		for round := range 50 {
			for i := range 3 {
				romeo.Send(fmt.Sprintf(`<message to='juliet@localhost' type='chat'><body>%d %02d</body></message>`, round, i))
			}
			romeo.Sync()
			juliet := srv.Login(t, "juliet@localhost/balcony")
			written := make(chan struct{})
			go func() {
				defer close(written)
				for i := 3; i < 30; i++ {
					romeo.Send(fmt.Sprintf(`<message to='juliet@localhost' type='chat'><body>%d %02d</body></message>`, round, i))
				}
			}()
			juliet.Send(`<presence/>`)
			juliet.Expect(`<presence/>`)
			for i := range 30 {
				juliet.Expect(fmt.Sprintf(`<message><body>%d %02d</body></message>`, round, i))
			}
			<-written
			juliet.Close()
		}
	})
}

// TestNoCopyOfWhatIsStillToCome: a message that lines up behind offline messages
// comes once to the session that gets them, though it wants copies of others'.
func TestNoCopyOfWhatIsStillToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Account(t, "juliet@localhost")
		romeo := srv.Online(t, "romeo@localhost/garden")
		const n = 400
		body := strings.Repeat("x", 20_000)
		for i := range n / 2 {
			romeo.Send(fmt.Sprintf(`<message to='juliet@localhost' type='chat'><subject>%d</subject><body>%s</body></message>`, i, body))
		}
		romeo.Sync()
		juliet := srv.Login(t, "juliet@localhost/balcony")
		juliet.Send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`)
		juliet.Expect(`<iq type='result' id='c'/>`)
		juliet.Send(`<presence/>`)
		synctest.Wait() // the drain waits for room: nobody reads
		for i := n / 2; i < n; i++ {
			romeo.Send(fmt.Sprintf(`<message to='juliet@localhost' type='chat'><subject>%d</subject><body>late</body></message>`, i))
		}
		synctest.Wait()
		juliet.Expect(`<presence/>`)
		for i := range n {
			juliet.Expect(fmt.Sprintf(`<message from='romeo@localhost/garden' type='chat'><subject>%d</subject></message>`, i))
		}
		juliet.Silent()
	})
}
