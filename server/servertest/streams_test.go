package servertest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
	"natter/stanza"
)

// TestRealClientsStreams replays what real clients sent, as recorded in
// testdata/streams, and checks that the server stays with them to the end and
// answers every request: an unanswered one stalls a client's login.
func TestRealClientsStreams(t *testing.T) {
	files, err := filepath.Glob("../../testdata/streams/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded streams (%v)", err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".xml")
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				friend := srv.Online(t, name+"-friend@localhost/slixmpp")
				for _, items := range recorded(t, f) {
					replay(t, srv, name+"@localhost", items)
				}
				friend.Sync()
			})
		})
	}
}

// recorded returns the client's half of a recording after authentication, one
// list of items a connection.
func recorded(t *testing.T, file string) (conns [][]string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var items []string
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		switch {
		case strings.HasPrefix(line, "C: "), strings.HasPrefix(line, "S: "), strings.HasPrefix(line, "#"):
			items = append(items, line)
		case len(items) > 0:
			items[len(items)-1] += "\n" + line
		}
	}
	var conn []string
	in := false
	for _, i := range items {
		item, sent := strings.CutPrefix(i, "C: ")
		switch {
		case !sent:
		case strings.HasPrefix(item, "<response "), strings.HasPrefix(item, "<auth "):
			in, conn = true, nil
		case strings.HasPrefix(item, "<?xml"), strings.HasPrefix(item, "<stream:stream"):
		case item == "</stream:stream>":
			conns, conn, in = append(conns, conn), nil, false
		case in:
			conn = append(conn, item)
		}
	}
	if len(conn) > 0 { // a client that just hung up
		conns = append(conns, conn)
	}
	return conns
}

// replay sends the items of one connection in a burst, as pipelining clients do,
// and looks at the answers.
func replay(t *testing.T, srv *servertest.Server, addr string, items []string) {
	t.Helper()
	c := srv.Authenticated(t, addr)
	asked := make(map[string]string)
	for _, item := range items {
		st, err := stanza.ParseIn([]byte(item), stanza.NSClient, stanza.AfterLogin)
		if err != nil {
			t.Fatalf("recorded item %s: %v", item, err)
		}
		if _, name := st.Name(); string(name) == "a" || string(name) == "resume" {
			continue // counts and ids of the recorded session
		}
		if st.Kind == stanza.IQ && (st.Type == stanza.Get || st.Type == stanza.Set) {
			asked[st.IDString()] = item
		}
		c.Send(item)
	}
	// What is answered once it is on disk comes after the answer to Sync's ping.
	answers := c.Sync()
	synctest.Wait()
	for _, got := range append(answers, c.Sync()...) {
		st, err := stanza.ParseIn([]byte(got), stanza.NSClient, stanza.AfterLogin)
		if err != nil || st.Kind != stanza.IQ {
			continue
		}
		if strings.Contains(got, "jid-malformed") || strings.Contains(got, "bad-request") {
			t.Errorf("%s\nwas answered with\n%s", asked[st.IDString()], got)
		}
		if st.Type == stanza.Result || st.Type == stanza.TypeError {
			delete(asked, st.IDString())
		}
	}
	for _, item := range asked {
		t.Errorf("no answer to %s", item)
	}
	c.Close()
}
