package servertest_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestSubscriptionsStoppedHalfway: what one account asks of another is stored with
// each of the two, one after the other. A crash in between is made good when the one
// who asked comes back: his request is sent again (RFC 6121 §3.1.2), a lost answer is
// given again (§3.1.3), and who is not subscribed any more hears so when he asks how
// his contact is (§4.3.2).
func TestSubscriptionsStoppedHalfway(t *testing.T) {
	const romeo, juliet = "romeo@localhost", "juliet@localhost"
	for _, row := range []struct {
		what string
		set  func(d *disk) // what is there before
		says string        // who sends what is stopped halfway
		does string
		want string // romeo's contact, when he has been back
		sees string // what juliet sees of it, "" for nothing
	}{
		{"a request", func(*disk) {}, romeo, "<presence type='subscribe' to='" + juliet + "'/>",
			"jid='juliet@localhost' subscription='none' ask='subscribe'", "<presence type='subscribe' from='" + romeo},
		{"an approval", func(d *disk) { d.tells(romeo, "<presence type='subscribe' to='"+juliet+"'/>") }, juliet, "<presence type='subscribed' to='" + romeo + "'/>",
			"jid='juliet@localhost' subscription='to'", ""},
		{"a cancellation", func(d *disk) { d.Befriend(d.t, romeo, juliet) }, juliet, "<presence type='unsubscribed' to='" + romeo + "'/>",
			"jid='juliet@localhost' subscription='from'", ""},
	} {
		t.Run(row.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var left atomic.Int64 // transactions until the crash
				left.Store(1 << 40)
				d := &disk{t: t}
				d.opts.Log = t.Output()
				d.opts.Store.Path = filepath.Join(t.TempDir(), "natter.db")
				d.opts.Store.Gate = func() error {
					if left.Add(-1) < 0 {
						return errors.New("the power is out")
					}
					return nil
				}
				d.start()
				t.Cleanup(func() { d.Close() })
				d.Account(t, juliet)
				d.Account(t, romeo)
				row.set(d)
				synctest.Wait()

				c := d.Login(t, row.says+"/before")
				synctest.Wait()
				left.Store(1)
				c.Send(row.does)
				synctest.Wait()
				if left.Load() >= 0 {
					t.Fatal("it was not stopped")
				}
				c.Conn.Close()
				synctest.Wait()
				left.Store(1 << 40)
				d.crash()

				her := d.Online(t, juliet+"/balcony")
				her.Sync()
				him := d.Online(t, romeo+"/garden")
				synctest.Wait()
				him.Sync()
				synctest.Wait()
				him.Send(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`)
				if got := strings.Join(him.Sync(), ""); !strings.Contains(got, row.want) || row.sees == "" && strings.Contains(got, "ask=") {
					t.Errorf("his contacts are %s", got)
				}
				seen := 0
				for _, e := range her.Sync() {
					if st := parsed(t, e); strings.HasPrefix(e, "<presence") && strings.Contains(row.sees, "type='"+st.Type.String()+"'") && string(st.From()) == romeo {
						seen++
					}
				}
				if want := min(len(row.sees), 1); seen != want {
					t.Errorf("she was told %d times, and should have been %d times", seen, want)
				}
				// Where nothing was lost nothing more is said.
				him.Send("<presence type='unavailable'/><presence/>")
				synctest.Wait()
				him.Sync()
				synctest.Wait()
				for _, e := range her.Sync() {
					if strings.Contains(e, "subscri") {
						t.Errorf("when he comes once more she is sent %s", e)
					}
				}
			})
		})
	}
}

// tells has somebody send something, and waits until it is done.
func (d *disk) tells(who, what string) {
	c := d.Login(d.t, who+"/tells")
	c.Send(what)
	synctest.Wait()
	c.Close()
}
