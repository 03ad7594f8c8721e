package servertest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
)

// TestAMessageWithSeveralSessions is lost with none of them and doubled by none: it
// waits for as long as one of those that were given it may still confirm it.
func TestAMessageWithSeveralSessions(t *testing.T) {
	const hour = time.Hour + 5*time.Second // a resumption window, and some time to spare
	for _, row := range []struct {
		name string
		then func(t *testing.T, d *disk, one, two *servertest.Client)
		want int // how often the next session gets it
	}{
		{"confirmed by one, lost with the other", func(_ *testing.T, _ *disk, one, two *servertest.Client) {
			one.Send(`<a xmlns='urn:xmpp:sm:3' h='1'/>`)
			one.Sync()
			two.Conn.Close()
			time.Sleep(hour)
		}, 0},
		{"lost with both, one after the other", func(_ *testing.T, _ *disk, one, two *servertest.Client) {
			one.Conn.Close()
			time.Sleep(hour / 2)
			two.Conn.Close()
			time.Sleep(hour)
		}, 1},
		{"lost with one before a crash and with the other after it", func(_ *testing.T, d *disk, one, two *servertest.Client) {
			one.Conn.Close()
			time.Sleep(hour / 2)
			two.Conn.Close()
			time.Sleep(hour/2 + time.Minute)
			d.crash()
			time.Sleep(hour)
		}, 1},
		{"lost with both after a crash", func(_ *testing.T, d *disk, one, two *servertest.Client) {
			one.Conn.Close()
			two.Conn.Close()
			synctest.Wait()
			d.crash()
			time.Sleep(hour)
		}, 1},
		{"lost with both before a crash", func(_ *testing.T, d *disk, one, two *servertest.Client) {
			one.Conn.Close()
			two.Conn.Close()
			time.Sleep(hour)
			d.crash()
		}, 1},
		{"closed in order by one, and lost with the other in a crash", func(t *testing.T, d *disk, one, two *servertest.Client) {
			one.Close()
			two.Conn.Close()
			synctest.Wait()
			d.crash()
			time.Sleep(hour)
		}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := onDisk(t)
				romeo := d.Login(t, "romeo@localhost/garden")
				one, two := d.Login(t, "juliet@localhost/one"), d.Login(t, "juliet@localhost/two")
				for _, c := range []*servertest.Client{one, two} {
					c.Send(`<presence/>`)
				}
				one.Sync()
				two.Sync()
				one.Sync()
				enable(t, one)
				enable(t, two)
				romeo.Send(`<message to='juliet@localhost' type='chat'><body>both</body></message>`)
				romeo.Close()
				one.Expect(`<message><body>both</body></message>`)
				two.Expect(`<message><body>both</body></message>`)
				row.then(t, d, one, two)
				synctest.Wait()
				three := d.Login(t, "juliet@localhost/three")
				three.Send(`<presence/>`)
				all := three.Sync()
				synctest.Wait()
				got := 0
				for _, e := range append(all, three.Sync()...) {
					if strings.HasPrefix(e, "<message") {
						got++
					}
				}
				if got != row.want {
					t.Errorf("it came %d times, not %d", got, row.want)
				}
			})
		})
	}
}

// TestTheSessionThatIsGoneForLongestMakesRoom for one more that can be resumed.
func TestTheSessionThatIsGoneForLongestMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o servertest.Options
		o.Config.DetachedSessions = 1
		srv := servertest.New(t, o)
		one, two := srv.Login(t, "juliet@localhost/one"), srv.Login(t, "juliet@localhost/two")
		enable(t, one)
		enable(t, two)
		two.Conn.Close()
		time.Sleep(time.Minute)
		one.Conn.Close()
		time.Sleep(time.Minute)
		if srv.Core.Session("juliet@localhost/one") == nil || srv.Core.Session("juliet@localhost/two") != nil {
			t.Error("the wrong session has ended")
		}
	})
}
