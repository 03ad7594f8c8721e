package servertest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
)

func TestTwoClientsChat(t *testing.T) {
	srv := servertest.New(t)
	juliet := srv.Online(t, "juliet@localhost/balcony")
	romeo := srv.Online(t, "romeo@localhost/garden")
	juliet.Send(`<message to='romeo@localhost' type='chat' id='1'><body>hi</body></message>`)
	romeo.Expect(`<message from='juliet@localhost/balcony' to='romeo@localhost' id='1'><body>hi</body></message>`)
	romeo.Silent()
}

func TestServerLivesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		juliet.Send(`<message to='romeo@localhost' type='chat'><body>later</body></message>`)
		juliet.ExpectError("service-unavailable") // nobody there by that name
		srv.Account(t, "romeo@localhost")
		juliet.Send(`<message to='romeo@localhost' type='chat'><body>later</body></message>`)
		juliet.Silent()
		romeo := srv.Online(t, "romeo@localhost/garden")
		romeo.Expect(`<message><body>later</body><delay xmlns='urn:xmpp:delay' from='localhost' stamp='{scansion:any}'/></message>`)
	})
}

func TestQuietClientIsPingedAndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		start := time.Now()
		for range 20 {
			if e, err := juliet.Read(); err == nil {
				if d := time.Since(start); d < 5*time.Minute || d > 6*time.Minute {
					t.Fatalf("asked after %v: %s", d, e)
				}
				break
			}
		}
		for range 20 {
			if _, err := juliet.Read(); err == nil {
				t.Fatal("something else than the end arrived")
			}
		}
		if d := time.Since(start); d < 6*time.Minute {
			t.Fatalf("given up after %v", d)
		}
		synctest.Wait() // the connection goes before the session does
		if srv.Core.Session("juliet@localhost/balcony") != nil {
			t.Fatal("the session is still there")
		}
	})
}

func TestMelliumSessionLogsIn(t *testing.T) {
	srv := servertest.New(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s := srv.Session(ctx, t, "juliet@localhost/balcony")
	if got := s.LocalAddr().String(); !strings.HasPrefix(got, "juliet@localhost/") {
		t.Fatalf("bound as %s", got) // mellium leaves the resource to the server
	}
	s.Close()
}
