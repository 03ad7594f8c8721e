package server_test

import (
	"strings"
	"testing"

	"natter/server/servertest"
	"natter/stanza"
)

func TestStatsCountWhatPassed(t *testing.T) {
	srv := servertest.New(t)
	juliet, romeo := srv.Online(t, "juliet@localhost/balcony"), srv.Online(t, "romeo@localhost/garden")
	before := srv.Core.Stats.Totals()
	const hi = `<message to='romeo@localhost' type='chat'><body>hi</body></message>`
	for range 3 {
		juliet.Send(hi)
		romeo.Expect(`<message from='juliet@localhost/balcony'/>`)
	}
	juliet.Send(`<message to='nurse@localhost' type='chat'><body>hi</body></message>`)
	juliet.Expect(`<message type='error' from='nurse@localhost'/>`)
	durable := make(chan error)
	srv.Store.Barrier(func(err error) { durable <- err })
	if err := <-durable; err != nil {
		t.Fatal(err)
	}
	after := srv.Core.Stats.Totals()
	if n := after.Received[stanza.Message] - before.Received[stanza.Message]; n != 4 {
		t.Errorf("four messages were sent, %d counted", n)
	}
	if n := after.Sent[stanza.Message] - before.Sent[stanza.Message]; n != 4 {
		t.Errorf("three messages and an error were delivered, %d counted", n)
	}
	if in, out := after.ReceivedBytes-before.ReceivedBytes, after.SentBytes-before.SentBytes; in != 4*uint64(len(hi)) || out < 4*uint64(len(hi)) {
		t.Errorf("%d bytes received, %d sent", in, out)
	}
	if before.Logins != 2 || before.Refused != 0 {
		t.Errorf("two logins are counted as %d accepted, %d refused", before.Logins, before.Refused)
	}
	commits := uint64(0)
	for _, n := range after.Commits.Buckets {
		commits += n
	}
	if commits == 0 || after.Commits.Sum <= 0 {
		t.Errorf("%d commits took %v", commits, after.Commits.Sum)
	}
}

func TestStatsCountOfflineMessages(t *testing.T) {
	srv := servertest.New(t)
	srv.Account(t, "romeo@localhost")
	juliet := srv.Online(t, "juliet@localhost/balcony")
	for range 2 {
		juliet.Send(`<message to='romeo@localhost' type='chat'><body>are you there?</body></message>`)
	}
	juliet.Sync()
	if n := srv.Core.Stats.Totals().Spooled; n != 2 {
		t.Errorf("two messages wait, %d counted", n)
	}
	romeo := srv.Login(t, "romeo@localhost/garden")
	romeo.Send(`<presence/>`)
	for got := 0; got < 2; {
		if strings.HasPrefix(romeo.Next(), "<message") {
			got++
		}
	}
	if n := srv.Core.Stats.Totals().Drained; n != 2 {
		t.Errorf("two messages were delivered late, %d counted", n)
	}
}

func TestStatsCountRefusedLogins(t *testing.T) {
	srv := servertest.New(t)
	srv.Account(t, "juliet@localhost")
	c := srv.Connect(t)
	c.Write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='X-NONE'/>")
	if s := c.Next(); !strings.HasPrefix(s, "<failure") {
		t.Fatalf("a mechanism that does not exist was answered %s", s)
	}
	if n := srv.Core.Stats.Totals().Refused; n != 1 {
		t.Errorf("one login was refused, %d counted", n)
	}
}
