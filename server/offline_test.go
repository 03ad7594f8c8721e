package server_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
	"natter/stanza"
)

// TestOfflineMessagesAreBounded (XEP-0160 §3): by default 1,000 of them
// or 10 MiB; what comes beyond is answered with service-unavailable.
func TestOfflineMessagesAreBounded(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*server.Config)
		body   int // bytes
		fit    int
	}{
		{"1,000 messages by default", func(*server.Config) {}, 10, 1000},
		{"10 MiB by default", func(*server.Config) {}, 200 << 10, 51},
		{"as many as are configured", func(c *server.Config) { c.OfflineMessages = 3 }, 10, 3},
		{"as many bytes as are configured", func(c *server.Config) { c.OfflineBytes = 5000 }, 1000, 4},
	} {
		if testing.Short() && row.fit > 10 {
			continue // the same with smaller bounds has to do
		}
		bubble(t, row.name, func(t *testing.T) {
			srv := twoDomains(t, row.change, func(c *server.Config) { c.NoLimits = true })
			srv.Account(t, "juliet@example.org")
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			padding := strings.Repeat("x", row.body)
			var refusedIDs []string
			for i := range row.fit + 2 {
				romeo.Send(`<message type='chat' to='juliet@example.org' id='` + strconv.Itoa(i) + `'><body>` + padding + `</body></message>`)
				for _, st := range stanzas(t, romeo.Sync()) {
					if e := stanza.ErrorOf(st); e == nil || e.Condition != "service-unavailable" {
						t.Fatalf("message %d: %s", i, st.Raw)
					}
					refusedIDs = append(refusedIDs, string(st.ID()))
				}
			}
			if want := []string{strconv.Itoa(row.fit), strconv.Itoa(row.fit + 1)}; !slices.Equal(refusedIDs, want) {
				t.Fatalf("refused were %q, and should have been %q", refusedIDs, want)
			}
			juliet, got := arrive(t, srv, "juliet@example.org/balcony")
			for more := true; more; { // she is given no more at a time than her queue holds
				list := settled(juliet)
				got, more = append(got, list...), len(list) > 0
			}
			if n := len(bodies(t, got)); n != row.fit {
				t.Errorf("she got %d of %d", n, row.fit)
			}
			for i, st := range ofKind(stanzas(t, got), stanza.Message) {
				if string(st.ID()) != strconv.Itoa(i) {
					t.Fatalf("message %s came as number %d", st.ID(), i)
				}
			}
			juliet.Close()
			romeo.Send(message("juliet@example.org", "room again"))
			if got := settled(romeo); len(got) > 0 {
				t.Errorf("after she has got them: %q", got)
			}
		})
	}
}

// TestWhatTheStoreDoesNotTakeIsAnswered with a wait error, every time, and takes no
// room from what comes later.
func TestWhatTheStoreDoesNotTakeIsAnswered(t *testing.T) {
	bubble(t, "a stalled disk with a full queue", func(t *testing.T) {
		const fit = 100
		stalled, release := make(chan bool, 1), make(chan struct{})
		stalled <- false
		o := twoDomainOptions(func(c *server.Config) { c.OfflineMessages = fit })
		o.Store.QueueBatches = 20
		o.Store.Gate = func() error {
			stops := <-stalled
			stalled <- stops
			if stops {
				<-release
			}
			return nil
		}
		srv := servertest.New(t, o)
		srv.Account(t, "juliet@example.org")
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		settled(romeo)
		<-stalled
		stalled <- true
		taken, sent := 0, 0
		for ; sent < fit; sent++ {
			romeo.Send(message("juliet@example.org", strconv.Itoa(sent)))
			switch got := stanzas(t, romeo.Sync()); {
			case len(got) == 0:
				taken++
			case stanza.ErrorOf(got[0]).Condition != "resource-constraint" || stanza.ErrorOf(got[0]).Type != stanza.Wait:
				t.Fatalf("message %d: %s", sent, got[0].Raw)
			}
		}
		if taken == 0 || taken > 30 {
			t.Fatalf("%d were taken", taken)
		}
		<-stalled
		stalled <- false
		close(release)
		settled(romeo)
		for ; taken < fit; taken++ {
			romeo.Send(message("juliet@example.org", strconv.Itoa(sent)))
			sent++
			if got := settled(romeo); len(got) > 0 {
				t.Fatalf("with %d waiting: %q", taken, got)
			}
		}
		_, got := arrive(t, srv, "juliet@example.org/balcony")
		if n := len(bodies(t, got)); n != fit {
			t.Errorf("she got %d", n)
		}
	})
}

// TestOfflineMessagesComeInOrder with the time of their first receipt, while others
// come live, and once.
func TestOfflineMessagesComeInOrder(t *testing.T) {
	bubble(t, "300 before and 50 meanwhile", func(t *testing.T) {
		srv := twoDomains(t)
		srv.Account(t, "juliet@example.org")
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		began := time.Now()
		var want []string
		for i := range 350 {
			want = append(want, fmt.Sprint(i))
		}
		for _, w := range want[:300] {
			romeo.Send(message("juliet@example.org", w))
		}
		settled(romeo)
		pass(time.Minute)
		juliet := srv.Login(t, "juliet@example.org/balcony")
		juliet.Send(`<presence/>`)
		for _, w := range want[300:] {
			romeo.Send(message("juliet@example.org", w))
		}
		settled(romeo)
		got := settled(juliet)
		if b := bodies(t, got); !slices.Equal(b, want) {
			t.Errorf("she got %q", b)
		}
		for i, st := range ofKind(stanzas(t, got), stanza.Message) {
			if i < 300 {
				if d := delayOf(t, st).Sub(began); d > 10*time.Second {
					t.Errorf("number %d is delayed from %v after it was sent", i, d)
				}
			}
		}
	})
}

// TestWhatHasToWaitWaitsForSomebodyWhoTakesIt: not for a negative priority, nor for
// a connection without presence.
func TestWhatHasToWaitWaitsForSomebodyWhoTakesIt(t *testing.T) {
	bubble(t, "negative, then raised", func(t *testing.T) {
		srv := twoDomains(t)
		srv.Account(t, "juliet@example.org")
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		romeo.Send(message("juliet@example.org", "one"))
		settled(romeo)
		juliet := srv.Login(t, "juliet@example.org/balcony")
		if b := bodies(t, settled(juliet)); len(b) > 0 {
			t.Errorf("without presence she got %q", b)
		}
		if b := bodies(t, append(available(juliet, -1), settled(juliet)...)); len(b) > 0 {
			t.Errorf("with a negative priority she got %q", b)
		}
		if b := bodies(t, append(available(juliet, 1), settled(juliet)...)); !slices.Equal(b, []string{"one"}) {
			t.Errorf("with a positive priority she got %q", b)
		}
	})
}

// logged counts the messages that a client got which are still in the log, by the
// stanza-id they came with.
func logged(t *testing.T, srv *servertest.Server, got []string) (n int) {
	t.Helper()
	for _, st := range ofKind(stanzas(t, got), stanza.Message) {
		c, ok := st.Child("urn:xmpp:sid:0", "stanza-id")
		if !ok {
			continue
		}
		text, _ := st.ChildAttr(c, "id")
		by, _ := st.ChildAttr(c, "by")
		id, ok := srv.Core.Default().ParseArchiveID(by, text)
		for _, h := range []string{"localhost", "example.org"} {
			if host := srv.Core.Host(h); host != nil && !ok {
				id, ok = host.ParseArchiveID(by, text)
			}
		}
		if !ok {
			t.Fatalf("stanza-id %s of %s", text, by)
		}
		if _, ok, err := srv.Store.GetRecord(t.Context(), id); err != nil {
			t.Fatal(err)
		} else if ok {
			n++
		}
	}
	return n
}

// TestWithoutArchiveNothingStays in the log once who it was for has confirmed it;
// with it, it stays for both.
func TestWithoutArchiveNothingStays(t *testing.T) {
	for _, archive := range []bool{false, true} {
		bubble(t, fmt.Sprintf("archive %v", archive), func(t *testing.T) {
			srv := twoDomains(t, func(c *server.Config) { c.Archive = archive })
			romeo := manage(t, online(t, srv, "romeo@localhost/garden", 0))
			srv.Account(t, "juliet@example.org")

			// Offline, drained by a stream that does not acknowledge.
			romeo.Send(message("juliet@example.org", "offline"))
			settled(romeo.Client)
			_, first := arrive(t, srv, "juliet@example.org/balcony")
			check := func(what string, got []string, before int) {
				t.Helper()
				durable(t, srv.Store)
				durable(t, srv.Store)
				if n := len(ofKind(stanzas(t, got), stanza.Message)); n != 1 {
					t.Errorf("%s: she got %d messages", what, n)
				}
				want := 0
				if archive {
					want = 1
				}
				if n := logged(t, srv, got); n != want {
					t.Errorf("%s: %d records are left, there should be %d", what, n, want)
				}
				for _, owner := range []string{"romeo@localhost", "juliet@example.org"} {
					if n, _, err := srv.Store.SpoolStats(t.Context(), owner); n > 0 || err != nil {
						t.Errorf("%s: %d wait for %s (%v)", what, n, owner, err)
					}
					if n, err := srv.Store.Count(t.Context(), owner); n != before*want || err != nil {
						t.Errorf("%s: the archive of %s holds %d (%v)", what, owner, n, err)
					}
				}
			}
			check("offline", first, 1)

			// Live, to one that does, before and after it has.
			phone := manage(t, online(t, srv, "juliet@example.org/phone", 5))
			romeo.Send(message("juliet@example.org", "live"))
			settled(romeo.Client)
			live := phone.sync(t)
			durable(t, srv.Store)
			if n, _, _ := srv.Store.SpoolStats(t.Context(), "juliet@example.org"); n != 1 {
				t.Errorf("before she acknowledges %d wait", n)
			}
			phone.ack()
			phone.sync(t)
			check("live", live, 2)

			// And one that may not be stored at all.
			romeo.Send(`<message type='chat' to='juliet@example.org'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>`)
			settled(romeo.Client)
			got := phone.sync(t)
			durable(t, srv.Store)
			if n := logged(t, srv, got); n != 0 || len(ofKind(stanzas(t, got), stanza.Message)) != 1 {
				t.Errorf("of what may not be stored %d records are left", n)
			}
			if n, _ := srv.Store.Count(t.Context(), "juliet@example.org"); archive && n != 2 {
				t.Errorf("the archive holds %d", n)
			}
		})
	}
}

// TestForgedMarksAreCut, every one of them, on every way a message takes (XEP-0359
// §6, XEP-0203 §6): by the recipient's account or host, whatever it is called.
func TestForgedMarksAreCut(t *testing.T) {
	const forged = `<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@example.org' id='forged1'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='JULIET@EXAMPLE.ORG' id='forged2'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@example.org/balcony' id='forged3'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='example.org' id='forged4'/>` +
		`<x:stanza-id xmlns:x='urn:xmpp:sid:0' by='juliet@example.org' id='forged5'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='forged6'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='localhost' id='forged7'/>` +
		`<delay xmlns='urn:xmpp:delay' from='example.org' stamp='2001-01-01T00:00:00Z'>forged8</delay>` +
		`<delay xmlns='urn:xmpp:delay' from='juliet@example.org' stamp='2001-01-01T00:00:00Z'>forged9</delay>` +
		`<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2001-01-01T00:00:00Z'>forged10</delay>`
	const fair = `<origin-id xmlns='urn:xmpp:sid:0' id='fair1'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' by='room@elsewhere.example' id='fair2'/>` +
		`<delay xmlns='urn:xmpp:delay' from='romeo@localhost/garden' stamp='2001-01-01T00:00:00Z'>fair3</delay>`
	genuine := func(t *testing.T, what string, got []string, ids int) {
		t.Helper()
		list := ofKind(stanzas(t, got), stanza.Message)
		if len(list) != 1 {
			t.Errorf("%s: %d messages", what, len(list))
			return
		}
		raw := string(list[0].Raw)
		if strings.Contains(raw, "forged") {
			t.Errorf("%s: %s", what, raw)
		}
		for i := 1; i <= 3; i++ {
			if strings.Count(raw, "fair"+strconv.Itoa(i)) != 1 {
				t.Errorf("%s: fair%d is gone: %s", what, i, raw)
			}
		}
		if n := strings.Count(raw, "by='juliet@example.org'"); n != ids {
			t.Errorf("%s: %d stanza-ids by the account: %s", what, n, raw)
		}
	}
	for _, row := range []struct {
		name    string
		archive bool
		acks    bool
	}{{"with nothing to log", false, false}, {"with the archive on", true, false}, {"to one that acknowledges", false, true}} {
		bubble(t, row.name, func(t *testing.T) {
			srv := twoDomains(t, func(c *server.Config) { c.Archive = row.archive })
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			juliet := online(t, srv, "juliet@example.org/balcony", 0)
			ids := 0
			if row.archive {
				ids = 1
			}
			if row.acks {
				juliet.Send(`<enable xmlns='urn:xmpp:sm:3'/>`)
				ids = 1
			}
			settled(juliet)
			for what, addr := range map[string]string{"to the bare JID": "juliet@example.org", "to the full JID": "juliet@example.org/balcony"} {
				romeo.Send(`<message type='chat' to='` + addr + `'><body>x</body>` + forged + fair + `</message>`)
				settled(romeo)
				genuine(t, what, settled(juliet), ids)
			}
			juliet.Send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`)
			phone := online(t, srv, "juliet@example.org/phone", 5)
			settled(juliet)
			romeo.Send(`<message type='chat' to='juliet@example.org'><body>x</body>` + forged + fair + `</message>`)
			settled(romeo)
			genuine(t, "to the phone", settled(phone), min(ids, 1)*b2i(row.archive))
			genuine(t, "carbon copy", settled(juliet), min(ids, 1)*b2i(row.archive))
			juliet.Close()
			phone.Close()
			romeo.Send(`<message type='chat' to='juliet@example.org'><body>x</body>` + forged + fair + `</message>`)
			settled(romeo)
			_, got := arrive(t, srv, "juliet@example.org/later")
			genuine(t, "offline", got[len(got)-1:], 1) // the others she had not acknowledged
			if row.archive {
				list, err := srv.Store.Range(t.Context(), "juliet@example.org", store.RangeQuery{})
				if err != nil || len(list) != 4 {
					t.Fatalf("the archive holds %d (%v)", len(list), err)
				}
				for _, r := range list {
					if strings.Contains(string(r.Stanza), "forged") {
						t.Errorf("in the archive: %s", r.Stanza)
					}
				}
			}
		})
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
