package servertest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
	"natter/server/store"
	"natter/stanza"
)

// disk is a server with its data on disk, that can be started anew.
type disk struct {
	*servertest.Server
	t    *testing.T
	opts servertest.Options
}

func onDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{t: t}
	d.opts.Store.Path = filepath.Join(t.TempDir(), "natter.db")
	d.start()
	t.Cleanup(func() { d.Close() })
	return d
}

func (d *disk) start() {
	d.t.Helper()
	srv, err := servertest.Start(d.opts, d.t.Output())
	if err != nil {
		d.t.Fatal(err)
	}
	d.Server = srv
}

// crash ends the server with nothing more stored, and starts it anew.
func (d *disk) crash() {
	d.t.Helper()
	d.durable()
	d.Store.Close()
	d.Close()
	d.start()
}

// durable waits until all that was handed to the store is on disk.
func (d *disk) durable() {
	done := make(chan struct{})
	d.Store.Barrier(func(error) { close(done) })
	<-done
}

// documents lists what is stored of sessions.
func (d *disk) documents() []string {
	d.t.Helper()
	d.durable()
	var list []string
	for _, kind := range []string{"session", "session-h"} {
		docs, err := d.Store.ListKind(context.Background(), d.Domain(), kind, "", "", store.MaxPage)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, doc := range docs {
			list = append(list, fmt.Sprintf("%s of %s", kind, doc.Account))
		}
	}
	return list
}

// enable turns resumption on and returns the id to resume with.
func enable(t *testing.T, c *servertest.Client) string {
	t.Helper()
	c.Send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
	id, _ := parsed(t, c.Expect(`<enabled xmlns='urn:xmpp:sm:3' resume='true' id='{scansion:any}' max='3600'/>`)).AttrString("", "id")
	return id
}

// resumed takes a session up again; h is what the client has got, want what the
// server has to have handled.
func resumed(t *testing.T, srv *servertest.Server, addr, id string, h, want int) *servertest.Client {
	t.Helper()
	c := srv.Connect(t)
	c.Authenticate(addr, servertest.Password)
	c.Send(fmt.Sprintf(`<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%d'/>`, id, h))
	c.Expect(fmt.Sprintf(`<resumed xmlns='urn:xmpp:sm:3' previd='%s' h='%d'/>`, id, want))
	j, err := stanza.ParseJID(addr)
	if err != nil {
		t.Fatal(err)
	}
	c.JID = j
	return c
}

// TestAResumptionCountsAllThatWasHandled: stanzas that need no disk, and those that
// are on their way to it (XEP-0198 §5).
func TestAResumptionCountsAllThatWasHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Account(t, "juliet@localhost")
		romeo := srv.Login(t, "romeo@localhost/garden")
		id := enable(t, romeo)
		romeo.Send(`<message to='juliet@localhost' type='chat'><body>one</body></message>`,
			`<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`,
			`<message to='juliet@localhost' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
		romeo.Expect(`<iq type='result' id='1'/>`)
		romeo.Conn.Close()
		synctest.Wait()
		romeo = resumed(t, srv, "romeo@localhost/garden", id, 1, 3)
		romeo.Send(`<iq type='get' id='2' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`, `<r xmlns='urn:xmpp:sm:3'/>`)
		romeo.Expect(`<iq type='result' id='2'/>`)
		for !strings.Contains(romeo.Next(), `<a xmlns='urn:xmpp:sm:3' h='4'/>`) {
		}
	})
}

// TestAResumptionWaitsForTheDisk: what is on its way to it when the client comes
// back is not asked for again.
func TestAResumptionWaitsForTheDisk(t *testing.T) {
	var mu sync.Mutex // held while the disk is stalled
	o := servertest.Options{}
	o.Store.Gate = func() error { mu.Lock(); defer mu.Unlock(); return nil }
	srv := servertest.New(t, o)
	srv.Account(t, "juliet@localhost")
	romeo := srv.Login(t, "romeo@localhost/garden")
	id := enable(t, romeo)
	romeo.Sync() // one stanza
	mu.Lock()
	for i := range 10 {
		romeo.Send(fmt.Sprintf(`<message to='juliet@localhost' type='chat'><body>%d</body></message>`, i))
	}
	romeo.Sync() // and eleven
	romeo.Conn.Close()
	time.AfterFunc(50*time.Millisecond, mu.Unlock)
	resumed(t, srv, "romeo@localhost/garden", id, 2, 12)
	juliet := srv.Online(t, "juliet@localhost/balcony")
	for i := range 10 {
		juliet.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
	}
	juliet.Silent()
}

// TestNothingIsLeftOfSessions that have ended, in whichever way.
func TestNothingIsLeftOfSessions(t *testing.T) {
	busy := func(c *servertest.Client) {
		c.Send(`<presence/>`,
			`<message to='juliet@localhost' type='chat'><body>x</body></message>`,
			`<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`,
			`<r xmlns='urn:xmpp:sm:3'/>`)
	}
	for _, row := range []struct {
		name string
		end  func(t *testing.T, d *disk, c *servertest.Client)
	}{
		{"closed in order", func(_ *testing.T, _ *disk, c *servertest.Client) {
			busy(c)
			c.Close()
		}},
		{"closed in order, in one write", func(_ *testing.T, _ *disk, c *servertest.Client) {
			c.Send(`<message to='juliet@localhost' type='chat'><body>x</body></message><presence/>`,
				`<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq><r xmlns='urn:xmpp:sm:3'/></stream:stream>`)
		}},
		{"ended by an error", func(_ *testing.T, _ *disk, c *servertest.Client) {
			busy(c)
			c.Send(`<a xmlns='urn:xmpp:sm:3' h='1000'/>`)
			c.ExpectStreamError("undefined-condition")
		}},
		{"lost, and not resumed in time", func(_ *testing.T, _ *disk, c *servertest.Client) {
			busy(c)
			c.Conn.Close()
			time.Sleep(2 * time.Hour) // of the bubble
		}},
		{"taken over while it works", func(t *testing.T, d *disk, c *servertest.Client) {
			two := d.Connect(t)
			two.Authenticate("romeo@localhost/garden", servertest.Password)
			busy(c)
			two.Bind("romeo@localhost/garden")
			busy(c)
			c.ExpectStreamError("conflict")
			two.Close()
		}},
		{"lost, and taken over", func(t *testing.T, d *disk, c *servertest.Client) {
			busy(c)
			c.Conn.Close()
			synctest.Wait()
			d.Login(t, "romeo@localhost/garden").Close()
		}},
		{"with its account", func(t *testing.T, d *disk, c *servertest.Client) {
			busy(c)
			c.Send(`<iq type='set' id='x'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
			c.ExpectStreamError("not-authorized")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := onDisk(t)
				d.Account(t, "juliet@localhost")
				c := d.Login(t, "romeo@localhost/garden")
				enable(t, c)
				row.end(t, d, c)
				synctest.Wait()
				d.durable()
				synctest.Wait()
				if left := d.documents(); len(left) > 0 {
					t.Errorf("%q are still there", left)
				}
				if s := d.Core.Session("romeo@localhost/garden"); s != nil {
					t.Error("so is the session")
				}
			})
		})
	}
}

// TestTwoCrashesInARow: what is resumed after the first is numbered anew, and so it
// is in the store (XEP-0198 §5).
func TestTwoCrashesInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := onDisk(t)
		romeo := d.Login(t, "romeo@localhost/garden")
		juliet := d.Login(t, "juliet@localhost/balcony")
		id := enable(t, juliet)
		send := func(i int) {
			romeo.Send(fmt.Sprintf(`<message to='juliet@localhost/balcony' type='chat'><body>%d</body></message>`, i))
			romeo.Send(`<iq type='get' id='p' to='juliet@localhost/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`) // refused: no number
			romeo.Sync()
			juliet.Send(`<iq type='get' id='n' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`) // a number that is not in the store
			synctest.Wait()
		}
		for i := range 4 {
			send(i)
		}
		d.durable()
		juliet.Conn.Close()
		synctest.Wait()
		d.crash()
		// She has seen the first message only, with the number 1.
		juliet = resumed(t, d.Server, "juliet@localhost/balcony", id, 1, 0)
		for i := 1; i < 4; i++ {
			juliet.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
		}
		synctest.Wait()
		juliet.Conn.Close()
		synctest.Wait()
		d.crash()
		// She has got two of them, 2 and 3.
		juliet = resumed(t, d.Server, "juliet@localhost/balcony", id, 3, 0)
		juliet.Expect(`<message><body>3</body></message>`)
		var more []string
		for _, e := range juliet.Sync() {
			if strings.HasPrefix(e, "<message") {
				more = append(more, e)
			}
		}
		if len(more) > 0 {
			t.Errorf("and then came %q", more)
		}
	})
}

// TestTheStateOfAClientIsActiveWhenItComesBack (XEP-0352 §5.2).
func TestTheStateOfAClientIsActiveWhenItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		juliet := srv.Online(t, "juliet@localhost/balcony")
		id := enable(t, juliet)
		juliet.Send(`<inactive xmlns='urn:xmpp:csi:0'/>`)
		juliet.Sync()
		romeo := srv.Online(t, "romeo@localhost/garden")
		juliet.Conn.Close()
		synctest.Wait()
		juliet = resumed(t, srv, "juliet@localhost/balcony", id, 1, 1)
		juliet.Expect(`<presence from='romeo@localhost/garden'/>`)
		juliet.Sync()
		romeo.Send(`<presence><show>away</show></presence>`)
		romeo.Sync()
		got := juliet.Sync()
		if !slices.ContainsFunc(got, func(e string) bool { return strings.Contains(e, "away") }) {
			t.Errorf("held back still: %q", got)
		}
	})
}
