package servertest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"natter/server/servertest"
	"natter/stanza"
)

// TestNobodyIsAvailableAfterTheEnd: a session that is taken over while its presence
// is told to a long list of contacts does not stay available for the last of them.
func TestNobodyIsAvailableAfterTheEnd(t *testing.T) {
	srv := servertest.New(t)
	if err := srv.Core.Default().Bulk(context.Background(), "u", 2001, 2000, servertest.Password); err != nil {
		t.Fatal(err)
	}
	watcher := srv.Online(t, "u999@localhost/w") // the last in the order of addresses
	for round := range 40 {
		one := srv.Connect(t)
		one.Authenticate("u1@localhost/x", servertest.Password)
		two := srv.Connect(t)
		two.Authenticate("u1@localhost/x", servertest.Password)
		one.Bind("u1@localhost/x")
		done := make(chan struct{})
		go func() {
			defer close(done)
			two.Bind("u1@localhost/x")
		}()
		fmt.Fprint(one.Conn, "<presence/>")
		<-done
		for { // the first hears of the conflict
			if _, err := one.Read(); err != nil {
				break
			}
		}
		one.Conn.Close()
		two.Sync()
		// The first's stream is closed while its presence is still being told, so
		// the last word may take a moment to arrive; it must be that nobody is there.
		last := ""
		for tries := 0; tries < 2 || tries < 5000 && last != "" && parsed(t, last).Type != stanza.Unavailable; tries++ {
			for _, e := range watcher.Sync() {
				if strings.HasPrefix(e, "<presence") && strings.Contains(e, "u1@localhost/x") {
					last = e
				}
			}
		}
		if last != "" && parsed(t, last).Type != stanza.Unavailable {
			t.Fatalf("round %d: nobody is available, and the contact heard last\n  %s", round, last)
		}
		two.Close()
	}
}

func parsed(t *testing.T, e string) *stanza.Stanza {
	t.Helper()
	st, err := stanza.ParseIn([]byte(e), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
