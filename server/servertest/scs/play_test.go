package scs

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// perform plays acts with Romeo on a stage, in a bubble, and returns how long it
// took and the error.
func perform(t *testing.T, acts string, play func(p *puppet, n int), change ...func(*Options)) (took time.Duration, err error) {
	t.Helper()
	script := mustParse(t, "[Client] Romeo\n\tjid: romeo@localhost\n---\n"+acts)
	synctest.Test(t, func(t *testing.T) {
		opt := newStage(t, play).options()
		for _, c := range change {
			c(&opt)
		}
		start := time.Now()
		err = script.Play(t.Context(), opt)
		took = time.Since(start)
	})
	return took, err
}

// says admits the client and then says text.
func says(text string) func(*puppet, int) {
	return func(p *puppet, _ int) {
		p.admit()
		p.say(text)
		p.linger()
	}
}

func wantFailure(t *testing.T, err error, parts ...string) {
	t.Helper()
	var bad *Error
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want a failure of the script", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in\n%v", part, err)
		}
	}
}

func TestAScriptThatGoesWell(t *testing.T) {
	var heard *Element
	_, err := perform(t, `
Romeo connects
Romeo sends:
	<message to="${Romeo's full JID}"/>
Romeo receives:
	<message id="{scansion:capture:id}"/>
Romeo receives:
	<message id="${id}2"/>
Romeo disconnects
`, func(p *puppet, _ int) {
		p.admit()
		heard = p.hear()
		p.say("<message id='a'/><message id='a2'/>")
		p.linger()
	})
	if err != nil {
		t.Fatal(err)
	}
	if to, _ := heard.Attr("to"); to != "romeo@localhost/orchard" {
		t.Errorf("sent to %q", to)
	}
}

func TestStanzasAreReceivedInOrder(t *testing.T) {
	_, err := perform(t, "Romeo connects\nRomeo receives:\n\t<message id='1'/>\n\t<message id='2'/>\n", says("<message id='2'/><message id='1'/>"))
	wantFailure(t, err, "test.scs:5:", `attribute id: expected "1", received "2"`, "-<message id=\"1\"/>", "+<message id=\"2\"/>")
}

func TestAllOfTakesThemInAnyOrder(t *testing.T) {
	body := "Romeo connects\nRomeo receives all of:\n\t<message/>\n\t<message id='1'/>\n\t<presence/>\nRomeo receives nothing\n"
	if _, err := perform(t, body, says("<message id='1'/><presence/><message id='9'/>")); err != nil {
		t.Error(err)
	}
	_, err := perform(t, body, says("<message id='1'/><iq id='x' type='get'/><presence/>"))
	wantFailure(t, err, "test.scs:5:", "expected <", "received <iq")
	_, err = perform(t, body, says("<message id='7'/><message id='8'/><presence/>"))
	wantFailure(t, err, `expected "1", received "8"`)
}

func TestWaitingEndsInTime(t *testing.T) {
	rows := []struct {
		name, acts string
		play       func(*puppet, int)
		want       time.Duration
		reason     string
	}{
		{"for a stanza", "Romeo connects\nRomeo receives: <message/>", says(""), 5 * time.Second, "received no <message>"},
		{"for a stanza, within its time", "Romeo connects\nRomeo receives within 2s: <message/>", says(""), 2 * time.Second, "received no <message>"},
		{"for all of several", "Romeo connects\nRomeo receives all of within 3s: <message/><presence/>", says("<presence/>"), 3 * time.Second, "received no <message>"},
		{"for the end of the stream", "Romeo connects\nRomeo is disconnected", says(""), 5 * time.Second, "still connected"},
		{"for a server that says nothing", "Romeo connects", func(p *puppet, _ int) { p.readOn() }, 5 * time.Second, "wait for stream features"},
		{"for a server that does not even read", "Romeo connects", func(p *puppet, _ int) { p.wait() }, 5 * time.Second, "send stream header"},
		{"for authentication", "Romeo connects", func(p *puppet, _ int) {
			p.header("<mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism></mechanisms>")
			p.linger()
		}, 5 * time.Second, "wait for SASL"},
		{"for resource binding", "Romeo connects", func(p *puppet, _ int) { p.login(); p.linger() }, 5 * time.Second, "wait for resource binding"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			took, err := perform(t, r.acts, r.play)
			wantFailure(t, err, r.reason)
			// The second at the end is spent on leaving in order.
			if took < r.want || took > r.want+time.Second {
				t.Errorf("took %v, want %v", took, r.want)
			}
		})
	}
}

// readOn reads without understanding.
func (p *puppet) readOn() {
	buf := make([]byte, 512)
	for {
		if _, err := p.conn.Read(buf); err != nil {
			return
		}
	}
}

// wait neither reads nor writes until the test is over.
func (p *puppet) wait() { <-p.t.Context().Done() }

func TestNothing(t *testing.T) {
	took, err := perform(t, "Romeo connects\nRomeo receives nothing for 700ms\n", says(""))
	if err != nil || took < 700*time.Millisecond {
		t.Errorf("%v after %v", err, took)
	}
	_, err = perform(t, "Romeo connects\nRomeo receives nothing\n", says("<message id='1'/>"))
	wantFailure(t, err, "test.scs:5:", "received <message id=\"1\"> where nothing was expected")
	_, err = perform(t, "Romeo connects\nRomeo receives nothing\n", says("</stream:stream>"))
	wantFailure(t, err, "the server ended the stream")
}

func TestOptionalStanzasArePassedOverOnce(t *testing.T) {
	acts := "Romeo connects\nRomeo may receive: <presence type='unavailable'/>\nRomeo receives: <message/>\nRomeo receives nothing"
	for _, text := range []string{"<message/>", "<presence type='unavailable'/><message/>", "<message/><presence type='unavailable'/>"} {
		if _, err := perform(t, acts, says(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := perform(t, acts, says("<presence type='unavailable'/><presence type='unavailable'/><message/>"))
	wantFailure(t, err, "test.scs:6:")
}

func TestAnOptionalStanzaThatIsExpectedIsNotPassedOver(t *testing.T) {
	_, err := perform(t, "Romeo connects\nRomeo may receive: <presence/>\nRomeo receives: <presence id='1'/>\nRomeo receives: <message/>",
		says("<presence id='1'/><presence id='2'/><message/>"))
	if err != nil {
		t.Error(err)
	}
}

func TestPresenceIsPassedOverOnDemandOnly(t *testing.T) {
	acts := "Romeo connects\nRomeo receives: <message/>"
	_, err := perform(t, acts, says("<presence/><message/>"))
	wantFailure(t, err, "expected <message")
	if _, err := perform(t, acts, says("<presence/><message/>"), func(o *Options) { o.PassPresence = true }); err != nil {
		t.Error(err)
	}
}

func TestARefusedLogin(t *testing.T) {
	refuse := func(p *puppet, _ int) {
		p.header("<mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism></mechanisms>")
		p.hear()
		p.say("<failure xmlns='" + nsSASL + "'><not-authorized/></failure>")
		p.linger()
	}
	_, err := perform(t, "Romeo connects", refuse)
	wantFailure(t, err, "test.scs:4: Romeo connects: no authentication", "<not-authorized/>")
	if _, err := perform(t, "Romeo fails to connect", refuse); err != nil {
		t.Error(err)
	}
	if _, err := perform(t, "Romeo fails to connect:\n\t<failure xmlns='"+nsSASL+"'><not-authorized/></failure>", refuse); err != nil {
		t.Error(err)
	}
	_, err = perform(t, "Romeo fails to connect:\n\t<failure xmlns='"+nsSASL+"'><aborted/></failure>", refuse)
	wantFailure(t, err, "expected <aborted")
	_, err = perform(t, "Romeo fails to connect", says(""))
	wantFailure(t, err, "Romeo connected as romeo@localhost/orchard")
}

func TestPlainIsNotSentInTheOpenUnasked(t *testing.T) {
	_, err := perform(t, "Romeo connects", says(""), func(o *Options) { o.PlainPassword = false })
	wantFailure(t, err, "no mechanism in common")
}

func TestFeaturesCanBeLookedAt(t *testing.T) {
	_, err := perform(t, "Romeo logs in\nRomeo is offered: <bind xmlns='"+nsBind+"'/>\nRomeo binds", says(""))
	if err != nil {
		t.Error(err)
	}
	_, err = perform(t, "Romeo logs in\nRomeo is offered: <sm xmlns='"+nsSM+"'/>", says(""))
	wantFailure(t, err, "child <sm")
}

func TestTheEndOfTheStream(t *testing.T) {
	acts := "Romeo connects\nRomeo receives: <stream:error><reset xmlns='" + nsStreams + "'/></stream:error>\nRomeo is disconnected"
	_, err := perform(t, acts, func(p *puppet, _ int) {
		p.admit()
		p.say("<stream:error><reset xmlns='" + nsStreams + "'/></stream:error></stream:stream>")
	})
	if err != nil {
		t.Error(err)
	}
	_, err = perform(t, "Romeo connects\nRomeo is disconnected", func(p *puppet, _ int) {
		p.admit()
		p.say("<message id='1'/></stream:stream>")
	})
	wantFailure(t, err, `received <message id="1"> before the end`)
	_, err = perform(t, "Romeo connects\nRomeo receives: <message/>", func(p *puppet, _ int) {
		p.admit()
		p.say("<message><body>half")
	})
	wantFailure(t, err, "closed the connection without </stream:stream>")
	_, err = perform(t, "Romeo connects\nRomeo receives: <message/>", says("<message></presence>"))
	wantFailure(t, err, "XML is broken")
}

func TestDisconnectingHardSaysNothing(t *testing.T) {
	ended := make(chan bool, 1)
	_, err := perform(t, "Romeo connects\nRomeo disconnects hard\nRomeo disconnects", func(p *puppet, _ int) {
		p.admit()
		_, err := p.d.Token()
		ended <- err != nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !<-ended {
		t.Error("something was sent before the socket was cut")
	}
}

func TestResumingSaysWhatTheScriptHasReceived(t *testing.T) {
	acts := `
Romeo connects
Romeo sends: <enable xmlns='urn:xmpp:sm:3' resume='true'/>
Romeo receives: <enabled xmlns='urn:xmpp:sm:3' id='{scansion:any}' resume='true'/>
Romeo receives: <message id='1'/>
Romeo disconnects hard
Romeo resumes: <resumed xmlns='urn:xmpp:sm:3' previd='sm7' h='0'/>
Romeo receives: <message id='2'/>
Romeo disconnects hard
Romeo resumes
Romeo receives: <message id='3'/>
`
	var h []string
	_, err := perform(t, acts, func(p *puppet, n int) {
		if n == 0 {
			p.admit()
			p.hear()
			p.say("<enabled xmlns='urn:xmpp:sm:3' id='sm7' resume='true'/><message id='1'/><message id='2'/>")
		} else {
			p.login()
			e := p.hear()
			got, _ := e.Attr("h")
			previd, _ := e.Attr("previd")
			h = append(h, previd+":"+got)
			p.say("<resumed xmlns='urn:xmpp:sm:3' previd='sm7' h='0'/>" + []string{"", "<message id='2'/>", "<message id='3'/>"}[n])
		}
		p.linger()
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(h, " "); got != "sm7:1 sm7:2" {
		t.Errorf("resumed with %s", got)
	}
}

func TestResumingWithoutASession(t *testing.T) {
	_, err := perform(t, "Romeo connects\nRomeo disconnects hard\nRomeo resumes", says(""))
	wantFailure(t, err, "no session to resume")
}

func TestRequestsForAcksAreAnsweredOnTheWay(t *testing.T) {
	var answers []string
	_, err := perform(t, `
Romeo connects
Romeo sends: <enable xmlns='urn:xmpp:sm:3'/>
Romeo receives: <enabled xmlns='urn:xmpp:sm:3'/>
Romeo receives: <message id='1'/>
Romeo receives: <message id='2'/>
Romeo receives: <r xmlns='urn:xmpp:sm:3'/>
Romeo receives nothing
`, func(p *puppet, _ int) {
		p.admit()
		p.hear()
		p.say("<enabled xmlns='urn:xmpp:sm:3'/><r xmlns='urn:xmpp:sm:3'/><message id='1'/><a xmlns='urn:xmpp:sm:3' h='0'/><r xmlns='urn:xmpp:sm:3'/><message id='2'/><r xmlns='urn:xmpp:sm:3'/>")
		for e := p.hear(); e != nil; e = p.hear() {
			h, _ := e.Attr("h")
			answers = append(answers, e.Name.Local+h)
		}
		p.say("</stream:stream>")
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(answers, " "); got != "a0 a1" {
		t.Errorf("answered %s", got)
	}
}

func TestSettlingBetweenCharacters(t *testing.T) {
	script := mustParse(t, "[Client] Romeo\n\tjid: r@localhost\n[Client] Juliet\n\tjid: j@localhost\n---\n"+
		"Romeo connects\nJuliet connects\nRomeo sends: <message/>\nRomeo sends: <message/>\nJuliet sends: <message/>\nJuliet disconnects hard\nRomeo disconnects hard")
	synctest.Test(t, func(t *testing.T) {
		opt := newStage(t, says("")).options()
		opt.Settle = time.Second
		start := time.Now()
		if err := script.Play(t.Context(), opt); err != nil {
			t.Fatal(err)
		}
		// before Juliet's message, and before Romeo leaves
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestAccountsAreMadeOnceEach(t *testing.T) {
	script := mustParse(t, "[Client] A\n\tjid: a@x/1\n[Client] A2\n\tjid: a@x/2\n[Client] B\n\tjid: b@x\n\tpassword: p\n[Client] C\n\tjid: c@x\n\taccount: none\n")
	var made []string
	err := script.Play(context.Background(), Options{EnsureAccount: func(_ context.Context, jid, password string) error {
		made = append(made, jid+":"+password)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(made, " "); got != "a@x:password b@x:p" {
		t.Errorf("made %s", got)
	}
	err = script.Play(context.Background(), Options{EnsureAccount: func(context.Context, string, string) error { return errors.New("full") }})
	wantFailure(t, err, "test.scs:1: account a@x: full")
}

func TestInterruption(t *testing.T) {
	script := mustParse(t, "[Client] Romeo\n\tjid: romeo@localhost\n---\nRomeo connects\nRomeo receives within 1m: <message/>")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := script.Play(ctx, newStage(t, says("")).options())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestADialThatFails(t *testing.T) {
	script := mustParse(t, "[Client] Romeo\n\tjid: romeo@localhost\n---\nRomeo connects")
	err := script.Play(context.Background(), Options{Dial: func(context.Context, string) (net.Conn, error) { return nil, errors.New("no route") }})
	wantFailure(t, err, "test.scs:4: Romeo connects: dial: no route")
}

func TestTheLogShowsBothSides(t *testing.T) {
	var log strings.Builder
	_, err := perform(t, "Romeo connects\nRomeo sends: <presence/>\nRomeo receives: <message id='1'/>\nRomeo disconnects", says("<message id='1'/>"), func(o *Options) { o.Log = &log })
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"test.scs:5: Romeo sends\n", "Romeo > <presence/>\n", "Romeo < <message id='1'/>\n"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("no %q in\n%s", line, log.String())
		}
	}
}

// failer records what Run reports.
type failer struct {
	testing.TB
	ctx  context.Context
	said []any
}

func (f *failer) Helper()                  {}
func (f *failer) Context() context.Context { return f.ctx }
func (f *failer) Fatal(args ...any)        { f.said = append(f.said, args...) }

func TestRunFailsTheTest(t *testing.T) {
	f := &failer{ctx: t.Context()}
	Run(f, "testdata/no-such-file.scs", Options{})
	if len(f.said) != 1 {
		t.Errorf("said %v", f.said)
	}
}
