package muc_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

var perHour = regexp.MustCompile(`message-activity.*?<value>([^<]*)</value>`)

// TestActivity: XEP-0502, messages an hour over the last 24 whole ones, of rooms that
// are kept, listed and open to everybody; over the room's being let go, and a restart.
func TestActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{
			Config: server.Config{Idle: 1000 * time.Hour, NoLimits: true}, Store: store.Options{Path: filepath.Join(t.TempDir(), "db")},
		}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		activity := func(want string) {
			t.Helper()
			m := perHour.FindStringSubmatch(ask(t, romeo, "get", info))
			if got := append(m, "", "")[1]; got != want {
				t.Errorf("%q messages an hour, want %q", got, want)
			}
		}
		say := func(element string) {
			romeo.Send(`<message type='groupchat' id='m' to='` + garden + `'>` + element + `</message>`)
			for !strings.Contains(romeo.Next(), "id='m'") {
			}
		}
		open(t, romeo, garden, "Romeo")
		activity("") // it is not kept
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_persistentroom": "1"})
		activity("0.00")
		enter(t, juliet, garden, "Juliet")
		for i := range 60 {
			say(fmt.Sprintf(`<body>%d</body>`, i))
		}
		say(`<subject>Names</subject>`)
		say(`<active xmlns='http://jabber.org/protocol/chatstates'/>`)
		say(`<body>corrected</body><replace xmlns='urn:xmpp:message-correct:0' id='m'/>`)
		romeo.Send(`<message type='chat' to='` + garden + `/Juliet'><body>in private</body></message>`)
		activity("0.00") // the hour is not over
		time.Sleep(time.Hour)
		activity("2.50")
		for field, v := range map[string]string{"muc#roomconfig_publicroom": "0", "muc#roomconfig_membersonly": "1", "muc#roomconfig_roomsecret": "x"} {
			configure(t, romeo, garden, map[string]string{field: v})
			activity("")
			back := map[string]string{"0": "1", "1": "0", "x": ""}[v]
			configure(t, romeo, garden, map[string]string{field: back})
		}
		activity("2.50")
		for range 12 {
			say(`<body>more</body>`)
		}
		for _, c := range []*servertest.Client{romeo, juliet} {
			c.Send(`<presence type='unavailable' to='` + garden + `/x'/>`)
			c.Sync()
		}
		time.Sleep(5 * time.Hour) // it is let go
		activity("3.00")
		srv.Close()
		if srv, err = servertest.Start(opts, t.Output()); err != nil {
			t.Fatal(err)
		}
		romeo = srv.Login(t, "romeo@localhost/a")
		activity("3.00")
		time.Sleep(19 * time.Hour)
		activity("0.50")
		time.Sleep(100 * time.Hour)
		activity("0.00")
		srv.Close()
	})
}
