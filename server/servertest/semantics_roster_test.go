package servertest_test

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"natter/server/servertest"
	"natter/stanza"
)

// stalled is a server whose disk stands still between the two calls it returns.
func stalled(t *testing.T) (srv *servertest.Server, stall, goOn func()) {
	t.Helper()
	var mu sync.Mutex
	var o servertest.Options
	o.Store.Gate = func() error { mu.Lock(); defer mu.Unlock(); return nil }
	return servertest.New(t, o), mu.Lock, mu.Unlock
}

// TestRosterPushesComeInTheOrderOfVersions, though what goes to the contact waits
// for the disk in between (RFC 6121 §2.6.3).
func TestRosterPushesComeInTheOrderOfVersions(t *testing.T) {
	srv, stall, goOn := stalled(t)
	srv.Befriend(t, "romeo@localhost", "juliet@localhost")
	one, two := srv.Online(t, "juliet@localhost/one"), srv.Online(t, "juliet@localhost/two")
	one.Sync()
	romeo, err := stanza.ParseJID("romeo@localhost")
	if err != nil {
		t.Fatal(err)
	}
	stall()
	two.Send(`<iq type='get' id='v' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`,
		`<iq type='set' id='0'><query xmlns='jabber:iq:roster'><item jid='busy@localhost'/></query></iq>`) // the disk is at this
	two.Sync()
	one.Send(`<presence type='unsubscribed' to='romeo@localhost'/>`)
	for cancelled := false; !cancelled; runtime.Gosched() {
		a := srv.Core.Default().Online("juliet")
		a.Lock()
		cancelled = !a.Roster.State(romeo).HasFrom()
		a.Unlock()
	}
	two.Send(`<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='romeo@localhost' name='late'/></query></iq>`)
	two.Sync()
	goOn()
	var versions []string
	for len(versions) < 3 {
		e := two.Next()
		if st := parsed(t, e); strings.Contains(e, "jabber:iq:roster") && strings.HasPrefix(e, "<iq type='set'") {
			v, _ := st.ChildAttr(st.ChildAt(0), "ver")
			versions = append(versions, v)
		}
	}
	if !slices.IsSorted(versions) {
		t.Errorf("the versions came in the order %q", versions)
	}
}

// TestARosterIsNotShownBeforeItIsStored: a crash would take the version back.
func TestARosterIsNotShownBeforeItIsStored(t *testing.T) {
	srv, stall, goOn := stalled(t)
	one, two := srv.Login(t, "juliet@localhost/one"), srv.Login(t, "juliet@localhost/two")
	stall()
	one.Send(`<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='romeo@localhost'/></query></iq>`)
	one.Sync()
	two.Send(`<iq type='get' id='r'><query xmlns='jabber:iq:roster' ver=''/></iq>`)
	two.Silent()
	goOn()
	two.Expect(`<iq type='result' id='r'><query xmlns='jabber:iq:roster' ver='{scansion:any}'><item jid='romeo@localhost' subscription='none'/></query></iq>`)
}
