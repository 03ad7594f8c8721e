package server_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// window is how long sessions can be resumed in these tests: less than the time
// after which a quiet client is asked for a sign of life.
const window = 2 * time.Minute

func shortWindow(c *server.Config) { c.ResumeTime = window }

// pass lets the bubble's time go by.
func pass(d time.Duration) { <-time.After(d) }

func message(addr, body string) string {
	return `<message type='chat' to='` + addr + `' id='` + body + `'><body>` + body + `</body></message>`
}

// unavailable counts the unavailable presences from an address.
func unavailable(t *testing.T, got []string, from string) (n int) {
	for _, st := range ofKind(stanzas(t, got), stanza.Presence) {
		if st.Type == stanza.Unavailable && string(st.From()) == from {
			n++
		}
	}
	return n
}

// TestASessionThatCanBeResumedHasNotGone before its time is over (XEP-0198 §5).
func TestASessionThatCanBeResumedHasNotGone(t *testing.T) {
	bubble(t, "contacts hear of it when the window ends", func(t *testing.T) {
		srv := twoDomains(t, shortWindow)
		subscribe(t, srv, "romeo@localhost", "juliet@example.org")
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		m := manage(t, online(t, srv, "juliet@example.org/balcony", 0))
		nurse := online(t, srv, "nurse@localhost/kitchen", 0)
		m.Send(`<presence to='nurse@localhost/kitchen'/>`)
		m.sync(t)
		settled(romeo)
		settled(nurse)
		for range 2 {
			m.cut()
			pass(window - 2*time.Second)
			if got := append(settled(romeo), settled(nurse)...); len(got) > 0 {
				t.Fatalf("before the window's end they heard %q", got)
			}
			if e := srv.Core.Session("juliet@example.org/balcony"); e == nil || !e.Has(server.SessionDetached) {
				t.Fatal("the session is not detached")
			}
			again, _, ok := resume(t, srv, m, m.h)
			if !ok {
				t.Fatal("it cannot be resumed before the window's end")
			}
			m = again
			m.sync(t)
		}
		m.cut()
		pass(window + 2*time.Second)
		for name, c := range map[string]*servertest.Client{"the contact": romeo, "who got directed presence": nurse} {
			if n := unavailable(t, settled(c), "juliet@example.org/balcony"); n != 1 {
				t.Errorf("%s heard %d times that it is gone", name, n)
			}
		}
		if _, _, ok := resume(t, srv, m, m.h); ok {
			t.Error("it can be resumed after the window's end")
		}
	})
	bubble(t, "a stream that is closed in order ends at once", func(t *testing.T) {
		srv := twoDomains(t, shortWindow)
		subscribe(t, srv, "romeo@localhost", "juliet@example.org")
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		m := manage(t, online(t, srv, "juliet@example.org/balcony", 0))
		settled(romeo)
		m.Close()
		if n := unavailable(t, settled(romeo), "juliet@example.org/balcony"); n != 1 {
			t.Errorf("the contact heard %d times that it is gone", n)
		}
		if _, _, ok := resume(t, srv, m, 0); ok {
			t.Error("it can be resumed")
		}
	})
	bubble(t, "one that cannot be resumed has gone with its socket", func(t *testing.T) {
		srv := twoDomains(t, shortWindow)
		subscribe(t, srv, "romeo@localhost", "juliet@example.org")
		romeo, nurse := online(t, srv, "romeo@localhost/garden", 0), online(t, srv, "nurse@localhost/kitchen", 0)
		juliet := online(t, srv, "juliet@example.org/balcony", 0)
		phone := online(t, srv, "juliet@example.org/phone", 0)
		juliet.Send(`<enable xmlns='urn:xmpp:sm:3'/><presence to='nurse@localhost'/>`)
		for _, c := range []*servertest.Client{juliet, romeo, nurse, phone} {
			settled(c)
		}
		juliet.Conn.Close()
		for name, c := range map[string]*servertest.Client{"the contact": romeo, "who got directed presence": nurse, "the other resource": phone} {
			if n := unavailable(t, settled(c), "juliet@example.org/balcony"); n != 1 {
				t.Errorf("%s heard %d times that it is gone", name, n)
			}
		}
	})
}

// TestWhatWasNotConfirmedFindsAnotherWay when the window ends (XEP-0198 §5).
func TestWhatWasNotConfirmedFindsAnotherWay(t *testing.T) {
	// hand detaches juliet's balcony with these unconfirmed: two chat messages,
	// the first of them seen but not acknowledged, and one of everything else.
	hand := func(t *testing.T, srv *servertest.Server, romeo *servertest.Client) *managed {
		m := manage(t, online(t, srv, "juliet@example.org/balcony", 0))
		romeo.Send(message("juliet@example.org", "acknowledged"))
		settled(romeo)
		m.sync(t)
		m.ack()
		m.sync(t)
		romeo.Send(message("juliet@example.org", "one"))
		settled(romeo)
		m.sync(t)
		m.cut()
		for _, st := range []string{
			message("juliet@example.org/balcony", "two"),
			`<message type='groupchat' to='juliet@example.org/balcony'><body>groupchat</body></message>`,
			`<message type='headline' to='juliet@example.org'><body>headline</body></message>`,
			`<message type='error' to='juliet@example.org/balcony'><body>error</body></message>`,
			`<message type='chat' to='juliet@example.org'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
			`<presence to='juliet@example.org/balcony'/>`,
			`<iq type='get' id='ask' to='juliet@example.org/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`,
			`<iq type='result' id='answer' to='juliet@example.org/balcony'/>`,
		} {
			romeo.Send(st)
		}
		if got := settled(romeo); len(got) > 0 {
			t.Errorf("while it can be resumed the sender got %q", got)
		}
		return m
	}
	// asked checks that the request, and only that, is answered for juliet.
	asked := func(t *testing.T, romeo *servertest.Client) {
		t.Helper()
		got := stanzas(t, settled(romeo))
		got = slices.DeleteFunc(got, func(st *stanza.Stanza) bool { return st.Kind == stanza.Presence })
		if len(got) != 1 || string(got[0].ID()) != "ask" || string(got[0].From()) != "juliet@example.org/balcony" ||
			stanza.ErrorOf(got[0]) == nil || stanza.ErrorOf(got[0]).Condition != "service-unavailable" {
			t.Errorf("the sender got %d stanzas", len(got))
			for _, st := range got {
				t.Errorf("  %s", st.Raw)
			}
		}
	}
	for _, archive := range []bool{false, true} {
		with := func(c *server.Config) { shortWindow(c); c.Archive = archive }
		bubble(t, fmt.Sprintf("to who comes next, archive %v", archive), func(t *testing.T) {
			srv := twoDomains(t, with)
			subscribe(t, srv, "romeo@localhost", "juliet@example.org")
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			sent := time.Now()
			hand(t, srv, romeo)
			pass(window + 2*time.Second)
			asked(t, romeo)
			_, got := arrive(t, srv, "juliet@example.org/phone")
			if b := bodies(t, got); !slices.Equal(b, []string{"one", "two"}) {
				t.Errorf("who comes gets %q", b)
			}
			for _, st := range ofKind(stanzas(t, got), stanza.Message) {
				if d := delayOf(t, st).Sub(sent); d < -time.Second || d > 2*time.Second {
					t.Errorf("its delay is %v after it was sent: %s", d, st.Raw)
				}
			}
			_, got = arrive(t, srv, "juliet@example.org/laptop")
			if b := bodies(t, got); len(b) > 0 {
				t.Errorf("the next gets %q", b)
			}
		})
		bubble(t, fmt.Sprintf("to who is there by then, archive %v", archive), func(t *testing.T) {
			srv := twoDomains(t, with)
			subscribe(t, srv, "romeo@localhost", "juliet@example.org")
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			hand(t, srv, romeo)
			phone := srv.Login(t, "juliet@example.org/phone")
			phone.Send(`<presence><priority>-1</priority></presence>`)
			laptop := srv.Login(t, "juliet@example.org/laptop")
			laptop.Send(`<presence/>`)
			if b := bodies(t, append(settled(laptop), settled(phone)...)); len(b) > 0 {
				t.Errorf("before the window's end they got %q", b)
			}
			pass(window + 2*time.Second)
			asked(t, romeo)
			if b := bodies(t, settled(laptop)); !slices.Equal(b, []string{"one", "two"}) {
				t.Errorf("the laptop got %q", b)
			}
			if b := bodies(t, settled(phone)); len(b) > 0 {
				t.Errorf("the phone, of negative priority, got %q", b)
			}
		})
		bubble(t, fmt.Sprintf("not to anybody when another session has confirmed it, archive %v", archive), func(t *testing.T) {
			srv := twoDomains(t, with)
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			m := manage(t, online(t, srv, "juliet@example.org/balcony", 0))
			phone := manage(t, online(t, srv, "juliet@example.org/phone", 0))
			m.cut()
			romeo.Send(message("juliet@example.org", "both"))
			settled(romeo)
			if b := bodies(t, phone.sync(t)); !slices.Equal(b, []string{"both"}) {
				t.Fatalf("the phone got %q", b)
			}
			phone.ack()
			pass(window + 2*time.Second)
			if b := bodies(t, phone.sync(t)); len(b) > 0 {
				t.Errorf("the phone gets %q once more", b)
			}
			_, got := arrive(t, srv, "juliet@example.org/laptop")
			if b := bodies(t, got); len(b) > 0 {
				t.Errorf("who comes gets %q once more", b)
			}
		})
		bubble(t, fmt.Sprintf("once, when both sessions that had it end unconfirmed, archive %v", archive), func(t *testing.T) {
			srv := twoDomains(t, with)
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			for _, r := range []string{"balcony", "phone"} {
				manage(t, online(t, srv, "juliet@example.org/"+r, 0)).cut()
			}
			romeo.Send(message("juliet@example.org", "both"))
			settled(romeo)
			pass(window + 2*time.Second)
			_, got := arrive(t, srv, "juliet@example.org/laptop")
			if b := bodies(t, got); !slices.Equal(b, []string{"both"}) {
				t.Errorf("who comes gets %q", b)
			}
		})
	}
}

// delayOf reads when a message was first received by the server (XEP-0203).
func delayOf(t *testing.T, st *stanza.Stanza) time.Time {
	t.Helper()
	d, ok := st.Child("urn:xmpp:delay", "delay")
	if !ok {
		t.Errorf("no delay in %s", st.Raw)
		return time.Time{}
	}
	stamp, _ := st.ChildAttr(d, "stamp")
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		t.Error(err)
	}
	return at
}

// A world is a server on disk that can be stopped and started again.
type world struct {
	*servertest.Server
	t    *testing.T
	opts servertest.Options
}

func onDisk(t *testing.T, change ...func(*server.Config)) *world {
	t.Helper()
	w := &world{t: t, opts: twoDomainOptions(change...)}
	w.opts.Store.Path = filepath.Join(t.TempDir(), "natter.db")
	w.start()
	t.Cleanup(func() { w.Close() })
	return w
}

func (w *world) start() {
	w.t.Helper()
	srv, err := servertest.Start(w.opts, w.t.Output())
	if err != nil {
		w.t.Fatal(err)
	}
	w.Server = srv
}

func (w *world) restart() {
	w.t.Helper()
	w.Close()
	w.start()
}

// crash ends the server as a power failure does: nothing is stored any more.
func (w *world) crash() {
	w.t.Helper()
	w.Store.Close()
	w.restart()
}

// TestARestartIsInvisibleToWhoResumes: nothing is lost, doubled or out of order,
// and contacts see nothing.
func TestARestartIsInvisibleToWhoResumes(t *testing.T) {
	for _, row := range []struct {
		name    string
		archive bool
		stop    func(*world)
	}{
		{"stopped, without archive", false, (*world).restart},
		{"stopped, with archive", true, (*world).restart},
		{"crashed, without archive", false, (*world).crash},
		{"crashed, with archive", true, (*world).crash},
	} {
		bubble(t, row.name, func(t *testing.T) {
			w := onDisk(t, shortWindow, func(c *server.Config) { c.Archive = row.archive })
			subscribe(t, w.Server, "romeo@localhost", "juliet@example.org")
			subscribe(t, w.Server, "juliet@example.org", "romeo@localhost")
			m := manage(t, online(t, w.Server, "juliet@example.org/balcony", 3))
			romeo := manage(t, online(t, w.Server, "romeo@localhost/garden", 0))
			m.Send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`)
			m.sync(t)
			romeo.sync(t)
			for i := range 5 {
				romeo.Send(message("juliet@example.org", fmt.Sprint(i)))
				romeo.sync(t)
				switch i {
				case 1: // two are acknowledged
					m.sync(t)
					m.ack()
				case 2: // one is seen
					m.sync(t)
					m.cut()
				} // and two come while nobody is there
			}
			durable(t, w.Store)
			row.stop(w)

			back, _, ok := resume(t, w.Server, romeo, romeo.h)
			if !ok {
				t.Fatal("the sender cannot resume")
			}
			// It is told anew who is there, as what it had not got may be lost; nobody
			// has gone.
			for _, st := range stanzas(t, back.sync(t)) {
				if st.Kind != stanza.Presence || st.Type != stanza.TypeNone || string(st.From()) != "juliet@example.org/balcony" {
					t.Errorf("the contact saw %s", st.Raw)
				}
			}
			s := w.Core.Session("juliet@example.org/balcony")
			if s == nil || !s.Has(server.SessionCarbons) || !s.Has(server.SessionDetached) {
				t.Error("the session is not as it was")
			}
			m, _, ok = resume(t, w.Server, m, m.h)
			if !ok {
				t.Fatal("the recipient cannot resume")
			}
			if b := bodies(t, m.sync(t)); !slices.Equal(b, []string{"3", "4"}) {
				t.Errorf("after the restart came %q", b)
			}
			back.Send(message("juliet@example.org", "5"))
			back.sync(t)
			if b := bodies(t, m.sync(t)); !slices.Equal(b, []string{"5"}) {
				t.Errorf("then came %q", b)
			}
			m.ack()
			m.sync(t)
			m.Close()
			if n := unavailable(t, back.sync(t), "juliet@example.org/balcony"); n != 1 {
				t.Errorf("the contact heard %d times that it is gone", n)
			}
			_, got := arrive(t, w.Server, "juliet@example.org/later")
			if b := bodies(t, got); len(b) > 0 {
				t.Errorf("who comes later gets %q", b)
			}
		})
	}
}

// TestTwoRestartsDoubleNothing: what the client has got after the first is not
// sent again after the second, though it was not yet acknowledged.
func TestTwoRestartsDoubleNothing(t *testing.T) {
	bubble(t, "messages from before, from while it was away, and from after", func(t *testing.T) {
		w := onDisk(t, shortWindow)
		subscribe(t, w.Server, "juliet@example.org", "romeo@localhost")
		m := manage(t, online(t, w.Server, "juliet@example.org/balcony", 0))
		romeo := online(t, w.Server, "romeo@localhost/garden", 0)
		m.sync(t)
		m.cut()
		// What is in no log stands between the messages, and is not kept.
		romeo.Send(`<presence to='juliet@example.org/balcony'/>`, message("juliet@example.org", "before"))
		settled(romeo)
		w.restart()
		romeo = online(t, w.Server, "romeo@localhost/garden", 0)
		romeo.Send(message("juliet@example.org", "away"))
		settled(romeo)
		m, _, ok := resume(t, w.Server, m, m.h)
		if !ok {
			t.Fatal("not resumed")
		}
		romeo.Send(message("juliet@example.org", "after"))
		settled(romeo)
		if b := bodies(t, m.sync(t)); !slices.Equal(b, []string{"before", "away", "after"}) {
			t.Errorf("after the first restart came %q", b)
		}
		m.cut()
		w.restart()
		m, _, ok = resume(t, w.Server, m, m.h)
		if !ok {
			t.Fatal("not resumed again")
		}
		if b := bodies(t, m.sync(t)); len(b) > 0 {
			t.Errorf("after the second restart came %q once more", b)
		}
	})
}

// TestAResumptionWindowOutlivesARestart but not for ever: what was not confirmed
// waits for who comes.
func TestAResumptionWindowOutlivesARestart(t *testing.T) {
	bubble(t, "and ends", func(t *testing.T) {
		w := onDisk(t, shortWindow)
		subscribe(t, w.Server, "romeo@localhost", "juliet@example.org")
		m := manage(t, online(t, w.Server, "juliet@example.org/balcony", 0))
		romeo := manage(t, online(t, w.Server, "romeo@localhost/garden", 0))
		m.cut()
		romeo.Send(message("juliet@example.org", "one"))
		romeo.sync(t)
		w.restart()
		romeo, _, ok := resume(t, w.Server, romeo, romeo.h)
		if !ok {
			t.Fatal("the sender cannot resume")
		}
		pass(window + 2*time.Second)
		if n := unavailable(t, romeo.sync(t), "juliet@example.org/balcony"); n != 1 {
			t.Errorf("the contact heard %d times that it is gone", n)
		}
		_, got := arrive(t, w.Server, "juliet@example.org/phone")
		if b := bodies(t, got); !slices.Equal(b, []string{"one"}) {
			t.Errorf("who comes gets %q", b)
		}
	})
	bubble(t, "a message that a lost session had too comes once", func(t *testing.T) {
		w := onDisk(t, shortWindow)
		romeo := online(t, w.Server, "romeo@localhost/garden", 0)
		m := manage(t, online(t, w.Server, "juliet@example.org/balcony", 0))
		phone := online(t, w.Server, "juliet@example.org/phone", 0)
		phone.Send(`<enable xmlns='urn:xmpp:sm:3'/>`)
		settled(phone)
		m.cut()
		romeo.Send(message("juliet@example.org", "both"))
		settled(romeo)
		if b := bodies(t, settled(phone)); !slices.Equal(b, []string{"both"}) {
			t.Fatalf("the phone got %q", b)
		}
		durable(t, w.Store)
		w.crash()
		m, _, ok := resume(t, w.Server, m, m.h)
		if !ok {
			t.Fatal("not resumed")
		}
		if b := bodies(t, append(m.sync(t), m.sync(t)...)); !slices.Equal(b, []string{"both"}) {
			t.Errorf("after the crash came %q", b)
		}
	})
	bubble(t, "a session that cannot be resumed has ended with the server", func(t *testing.T) {
		w := onDisk(t, shortWindow)
		subscribe(t, w.Server, "romeo@localhost", "juliet@example.org")
		online(t, w.Server, "juliet@example.org/balcony", 0)
		romeo := manage(t, online(t, w.Server, "romeo@localhost/garden", 0))
		romeo.Send(message("juliet@example.org", "unread"))
		romeo.sync(t)
		w.restart()
		if s := w.Core.Session("juliet@example.org/balcony"); s != nil {
			t.Error("the session is still there")
		}
		romeo, _, ok := resume(t, w.Server, romeo, romeo.h)
		if !ok {
			t.Fatal("the sender cannot resume")
		}
		if n := unavailable(t, romeo.sync(t), "juliet@example.org"); n != 1 {
			t.Errorf("the contact heard %d times that she is gone", n)
		}
	})
}

// TestWhatTheServerHasHandledIsNotSentTwice: a client that resumes after a restart
// is told a count that covers all that had been acknowledged, and never more than
// it sent.
func TestWhatTheServerHasHandledIsNotSentTwice(t *testing.T) {
	bubble(t, "messages and requests", func(t *testing.T) {
		w := onDisk(t, shortWindow)
		w.Account(t, "juliet@example.org")
		romeo := manage(t, online(t, w.Server, "romeo@localhost/garden", 0))
		sent, acked := uint32(0), uint32(0)
		for i := range 4 {
			romeo.Send(message("juliet@example.org", fmt.Sprint(i)))
			romeo.Send(`<iq type='get' id='v' to='localhost'><query xmlns='jabber:iq:version'/></iq>`)
			sent += 2
			romeo.Send(`<r xmlns='urn:xmpp:sm:3'/>`)
			got := romeo.sync(t)
			pass(time.Second) // an answer waits for the disk
			got = append(got, romeo.sync(t)...)
			sent += 2 // the pings of sync
			for _, e := range got {
				if strings.HasPrefix(e, "<a ") {
					fmt.Sscanf(e, "<a xmlns='urn:xmpp:sm:3' h='%d'", &acked)
				}
			}
		}
		if acked == 0 {
			t.Fatal("nothing was acknowledged")
		}
		romeo.cut()
		w.restart()
		_, h, ok := resume(t, w.Server, romeo, romeo.h)
		if !ok || h < acked || h > sent {
			t.Errorf("resumed %v with h %d; %d were acknowledged, %d sent", ok, h, acked, sent)
		}
		if h < sent-2 {
			t.Errorf("the last message, of %d stanzas, is not in h %d", sent, h)
		}
	})
}
