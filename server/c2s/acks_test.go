package c2s_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
)

const (
	enableSM = "<enable xmlns='urn:xmpp:sm:3'/>"
	enableRe = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"
	askAck   = "<r xmlns='urn:xmpp:sm:3'/>"
)

func ack(h any) string { return fmt.Sprintf("<a xmlns='urn:xmpp:sm:3' h='%v'/>", h) }

func failedSM(condition string) string {
	return "<failed xmlns='urn:xmpp:sm:3'><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
}

func chat(to, body string) string {
	return "<message to='" + to + "' type='chat'><body>" + body + "</body></message>"
}

func resume(id string, h any) string {
	return fmt.Sprintf("<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%v'/>", id, h)
}

// managed is somebody with stream management, and the id to resume by.
func (w *world) managed(t testing.TB, user, resource, enable string) (p *peer, id string) {
	t.Helper()
	p = w.bound(t, user, resource)
	p.send(enable)
	return p, between(p.expect("<enabled xmlns='urn:xmpp:sm:3'"), " id='", "'")
}

// returning is somebody who has logged in anew and not bound a resource.
func (w *world) returning(t testing.TB, user string) *peer {
	t.Helper()
	p := w.dial(t)
	p.open()
	p.login(user)
	return p
}

// TestBadAcknowledgements end the stream (XEP-0198 §4, §5).
func TestBadAcknowledgements(t *testing.T) {
	w := newWorld(t)
	tooHigh := func(h, sent string) string {
		return "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='" + h + "' send-count='" + sent + "'/>"
	}
	for _, row := range []struct{ what, enable, sent, condition, app string }{
		{"one before <enable/>", "", ack(0), "policy-violation", ""},
		{"a question before <enable/>", "", askAck, "policy-violation", ""},
		{"one without a number", enableSM, "<a xmlns='urn:xmpp:sm:3'/>", "policy-violation", ""},
		{"of nothing", enableSM, ack(""), "policy-violation", ""},
		{"of what is no number", enableSM, ack("one"), "policy-violation", ""},
		{"of a negative number", enableSM, ack(-1), "policy-violation", ""},
		{"of a signed number", enableSM, ack("+0"), "policy-violation", ""},
		{"of a number with white space", enableSM, ack(" 0"), "policy-violation", ""},
		{"of more than 32 bits", enableSM, ack(1 << 32), "policy-violation", ""},
		{"of more than 64 bits", enableSM, ack("18446744073709551616"), "policy-violation", ""},
		{"of more than was sent", enableSM, ack(1), "undefined-condition", tooHigh("1", "0")},
		{"of the highest number", enableSM, ack(1<<32 - 1), "undefined-condition", tooHigh("4294967295", "0")},
		{"of less than before", enableRe, "<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>" +
			"<iq type='get' id='2' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>" + ack(2) + ack(1), "undefined-condition", tooHigh("1", "2")},
		{"an element nobody knows", enableSM, "<x xmlns='urn:xmpp:sm:3'/>", "unsupported-stanza-type", ""},
		{"of another version", enableSM, "<a xmlns='urn:xmpp:sm:2' h='0'/>", "unsupported-stanza-type", ""},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := w.bound(t, "tybalt", "street")
			if row.enable != "" {
				p.send(row.enable)
				p.expect("<enabled ")
			}
			p.send(row.sent)
			last := p.fails(row.condition, "<iq ", "<iq ", "<r ")
			if !strings.Contains(last, row.app) {
				t.Errorf("answered %s", last)
			}
		})
	}
	w.untouched(t)
}

func TestEnableTwice(t *testing.T) { // XEP-0198 §3
	w := newWorld(t)
	for _, enable := range []string{enableSM, enableRe} {
		p, _ := w.managed(t, "tybalt", "street", enable)
		p.send(chat("romeo@localhost", "1") + enable)
		p.expect(failedSM("unexpected-request"))
		p.send(askAck) // and the count is what it was
		p.expect(ack(1))
		w.romeo.Expect("<message><body>1</body></message>")
		p.send(streamEnd)
		p.ended()
	}
	w.untouched(t)
}

func TestEnableAndResumeOutOfPlace(t *testing.T) {
	w := newWorld(t)
	t.Run("enable before a resource is bound", func(t *testing.T) { // §3
		p := w.returning(t, "juliet")
		p.send(enableSM)
		p.expect(failedSM("unexpected-request"))
		p.bind("late")
		p.Close()
	})
	t.Run("resume on a bound session", func(t *testing.T) { // §5
		p, id := w.managed(t, "tybalt", "street", enableRe)
		p.send(resume(id, 0))
		p.expect(failedSM("unexpected-request"))
		p.send(askAck)
		p.expect(ack(0))
		p.send(streamEnd)
		p.ended()
	})
	w.untouched(t)
}

// TestCountStartsAtEnable, in both directions, and counts stanzas only (§4).
func TestCountStartsAtEnable(t *testing.T) {
	w := newWorld(t)
	p := w.bound(t, "tybalt", "street")
	ping := "<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
	p.send(ping + enableSM + askAck + ping + " <message to='nobody@localhost'/>" + askAck + "<inactive xmlns='urn:xmpp:csi:0'/>" + ack(1) + askAck)
	p.expect("<iq ")
	p.expect("<enabled ")
	p.expect(ack(0))
	p.expect("<iq ")
	p.expect("<message ") // the error
	p.expect(ack(2))
	for range 2 { // it asks for two stanzas, and was told of one
		if got := p.next(); got != ack(2) && got != askAck {
			t.Errorf("received %s", got)
		}
	}
	w.untouched(t)
}

// TestBadResumption is refused and the stream goes on: the client may bind (§5).
func TestBadResumption(t *testing.T) {
	w := newWorld(t)
	foreign, foreignID := w.managed(t, "mercutio", "street", enableRe)
	ended, endedID := w.managed(t, "tybalt", "ended", enableRe)
	ended.send(streamEnd)
	ended.ended()
	_, plainID := w.managed(t, "tybalt", "plain", enableSM)
	for _, row := range []struct{ what, sent, condition string }{
		{"of a session that never was", resume("nonesuch", 0), "item-not-found"},
		{"of a session that has ended", resume(endedID, 0), "item-not-found"},
		{"of somebody else's session", resume(foreignID, 0), "item-not-found"},
		{"of a session that can't be", resume(plainID, 0), "item-not-found"},
		{"without an id", "<resume xmlns='urn:xmpp:sm:3' h='0'/>", "item-not-found"},
		{"without a count", "<resume xmlns='urn:xmpp:sm:3' previd='x'/>", "bad-request"},
		{"with a count that is none", resume("x", "many"), "bad-request"},
		{"with a negative count", resume("x", -1), "bad-request"},
		{"with a count of more than 32 bits", resume("x", 1<<32), "bad-request"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := w.returning(t, "tybalt")
			p.send(row.sent)
			p.expect(failedSM(row.condition))
			p.bind("new")
			p.send(streamEnd)
			p.ended()
		})
	}
	foreign.send(askAck) // as if nothing had been
	foreign.expect(ack(0))
	w.untouched(t)
}

// TestResumptionWithTooHighACount: the session is not given up for it.
func TestResumptionWithTooHighACount(t *testing.T) {
	w := newWorld(t)
	p, id := w.managed(t, "tybalt", "street", enableRe)
	p.Close()
	for range 3 {
		p := w.returning(t, "tybalt")
		p.send(resume(id, 1))
		last := p.fails("undefined-condition")
		if !strings.Contains(last, "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='1' send-count='0'/>") {
			t.Errorf("answered %s", last)
		}
	}
	again := w.returning(t, "tybalt")
	again.send(resume(id, 0))
	again.expect("<resumed xmlns='urn:xmpp:sm:3' previd='" + id + "' h='0'/>")
	w.untouched(t)
}

// TestResumptionWhileTheOldConnectionLives: it is told that it was replaced, and
// what it says from then on counts for nothing (§5).
func TestResumptionWhileTheOldConnectionLives(t *testing.T) {
	w := newWorld(t)
	old, id := w.managed(t, "tybalt", "street", enableRe)
	old.send("<presence/>")
	old.expect("<presence ")
	w.juliet.Send(chat("tybalt@localhost", "1"))
	old.expect("<r ")
	old.expect("<message ")
	for range 5 { // as clients on bad networks do
		now := w.returning(t, "tybalt")
		now.send(resume(id, 1)) // the presence
		now.expect("<resumed xmlns='urn:xmpp:sm:3' previd='" + id + "' h='1'/>")
		now.expect("<message ")
		old.send(chat("romeo@localhost", "from the grave") + ack(2) + streamEnd)
		old.fails("conflict", "<r ", "<r ", "<r ")
		old = now
	}
	old.send(ack(2))
	w.juliet.Send(chat("tybalt@localhost/street", "2"))
	for {
		got := old.next()
		if strings.HasPrefix(got, "<message") {
			if !strings.Contains(got, "<body>2</body>") {
				t.Errorf("received %s", got)
			}
			break
		}
	}
	w.untouched(t)
}

// TestUnacknowledgedIsBounded: a client that reads and never acknowledges costs
// 1 MiB, connected or detached, and what it had not acknowledged is not lost.
func TestUnacknowledgedIsBounded(t *testing.T) {
	const many, size = 400, 4 << 10
	for _, detached := range []bool{false, true} {
		t.Run(fmt.Sprintf("detached %v", detached), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				p, id := w.managed(t, "tybalt", "street", enableRe)
				p.send("<presence/>")
				p.expect("<presence ")
				if detached {
					p.Close()
					synctest.Wait()
				} else {
					go func() {
						for {
							if _, _, err := p.event(); err != nil {
								return
							}
						}
					}()
				}
				heap := live()
				for i := range many {
					w.juliet.Send(chat("tybalt@localhost", fmt.Sprint(i, " ", strings.Repeat("x", size))))
					if i == 200 {
						w.untouched(t)
						synctest.Wait() // for what is on its way to the store
						if got := live() - heap; got > 4<<20 {
							t.Errorf("%d bytes are in use for 800 KB", got)
						}
					}
				}
				w.untouched(t)
				synctest.Wait()
				if w.Core.Session("tybalt@localhost/street") != nil {
					t.Error("the session goes on")
				}
				p.Close()
				again := w.returning(t, "tybalt")
				again.send(resume(id, 0))
				again.expect(failedSM("item-not-found"))
				again.bind("street")
				again.send("<presence/>")
				for i := 0; i < many; {
					if got := bodies(t, again.next()); len(got) > 0 {
						if got[0] != i {
							t.Fatalf("message %d arrived in place of %d", got[0], i)
						}
						i++
					}
				}
				w.untouched(t)
			})
		})
	}
}

// TestDetachedSessionsAreBounded: the one that has been detached for longest goes.
func TestDetachedSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var ids []string
		n := w.Core.Config.DetachedSessions + 3
		for i := range n {
			p, id := w.managed(t, "tybalt", fmt.Sprint("r", i), enableRe)
			ids = append(ids, id)
			p.Close()
			time.Sleep(time.Second)
		}
		for i, id := range ids {
			p := w.returning(t, "tybalt")
			p.send(resume(id, 0))
			if got := p.next(); strings.HasPrefix(got, "<resumed ") != (i >= 3) {
				t.Errorf("session %d of %d: %s", i, n, got)
			}
		}
		w.untouched(t)
	})
}

// TestSessionCannotBeResumedAfterItsTime (§5), and what waits for it comes home.
func TestSessionCannotBeResumedAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, servertest.Options{Config: server.Config{ResumeTime: time.Minute}})
		p, id := w.managed(t, "tybalt", "street", enableRe)
		p.send("<presence/>")
		p.expect("<presence ")
		p.Close()
		synctest.Wait()
		w.juliet.Send(chat("tybalt@localhost", "0"))
		w.untouched(t)
		time.Sleep(62 * time.Second)
		again := w.returning(t, "tybalt")
		again.send(resume(id, 0))
		again.expect(failedSM("item-not-found"))
		again.bind("street")
		again.send("<presence/>")
		again.expect("<presence ")
		if got := again.next(); !strings.Contains(got, "<body>0</body>") || !strings.Contains(got, "urn:xmpp:delay") {
			t.Errorf("received %s", got)
		}
	})
}

// TestAClientThatCountsTooLittleIsNotAskedForEver: once about each stanza, and again
// when there are more.
func TestAClientThatCountsTooLittleIsNotAskedForEver(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	p.login2("<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'/></bind>")
	for range 3 {
		p.send("<iq type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>")
		p.expect("<iq ")
		p.expect("<r xmlns='urn:xmpp:sm:3'/>")
		p.send("<a xmlns='urn:xmpp:sm:3' h='0'/><r xmlns='urn:xmpp:sm:3'/>")
		p.expect("<a xmlns='urn:xmpp:sm:3'") // and no <r/> before or after it
	}
}
