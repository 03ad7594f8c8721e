package muc_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

// TestRoomsThatNobodyIsInCostNoMemory: rooms that are kept and left are let go, all of
// them, and are listed and found nevertheless. natter bench rooms measures more of them,
// after a restart.
func TestRoomsThatNobodyIsInCostNoMemory(t *testing.T) {
	const n = 400
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		srv := servertest.New(t, servertest.Options{
			Store:  store.Options{Path: filepath.Join(dir, "db")},
			Config: server.Config{Idle: 1000 * time.Hour, NoLimits: true, RoomsPerAccount: n},
		})
		romeo := srv.Login(t, "romeo@localhost/a")
		heap := func() int64 {
			time.Sleep(time.Hour)
			synctest.Wait()
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		name := func(i int) string { return fmt.Sprintf("room%03d@conference.localhost", i) }
		member := func(i int) string { return fmt.Sprintf("member%03d@localhost", i) }
		create := func(i int) {
			enter(t, romeo, name(i), "Romeo")
			configure(t, romeo, name(i), map[string]string{"muc#roomconfig_persistentroom": "1", "muc#roomconfig_roomname": strings.Repeat("long ", 200)})
			askOf(t, romeo, name(i), "set", adminQuery+`<item jid='`+member(i)+`' affiliation='member'/></query>`)
			romeo.Send(`<presence type='unavailable' to='` + name(i) + `/Romeo'/>`)
			romeo.Sync()
		}
		create(0) // what is made once is there
		before := heap()
		for i := 1; i < n; i++ {
			create(i)
		}
		after := heap()
		// A room in memory takes more than 4 KB here.
		if per := (after - before) / n; per > 400 {
			t.Errorf("each room takes %d bytes when nobody is in it: %d before, %d after", per, before, after)
		}
		if e := askOf(t, romeo, name(n/2), "get", adminQuery+`<item affiliation='member'/></query>`); !strings.Contains(e, member(n/2)) {
			t.Errorf("the room has lost its members: %s", e)
		}

		listed, after64 := 0, ""
		for {
			e := askOf(t, romeo, "conference.localhost", "get", `<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>64</max>`+after64+`</set></query>`)
			k := strings.Count(e, "<item ")
			listed += k
			if k < 64 {
				break
			}
			m := regexp.MustCompile(`<last>(.*?)</last>`).FindStringSubmatch(e)
			after64 = "<after>" + m[1] + "</after>"
		}
		if listed != n {
			t.Errorf("%d of %d rooms are listed", listed, n)
		}
		last := askOf(t, romeo, "conference.localhost", "get", `<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set></query>`)
		if strings.Count(last, "<item ") != 2 || !strings.Contains(last, name(n-1)) || !strings.Contains(last, fmt.Sprintf("<count>%d</count>", n)) {
			t.Errorf("the last page: %s", last)
		}
		search := func(fields, set string) string {
			return askOf(t, romeo, "conference.localhost", "get", `<search xmlns='urn:xmpp:channel-search:0:search'>`+dataForm+value("FORM_TYPE", "urn:xmpp:channel-search:0:search-params")+fields+`</x>`+set+`</search>`)
		}
		if e := search(value("q", "ROOM399 long"), ""); strings.Count(e, "<item ") != 1 || !strings.Contains(e, name(399)) {
			t.Errorf("the search for one: %s", e)
		}
		if e := search(value("all", "1"), `<set xmlns='http://jabber.org/protocol/rsm'><max>3</max><before/></set>`); strings.Count(e, "<item ") != 3 || !strings.Contains(e, "<last>"+name(n-1)) || !strings.Contains(e, fmt.Sprintf("<count>%d</count>", n)) {
			t.Errorf("the last three: %s", e)
		}
		if e := search(value("q", "room")+value("min_users", "1"), ""); strings.Contains(e, "<item ") {
			t.Errorf("with somebody in them: %s", e)
		}
	})
}

// TestRoomsThatAreMadeAtOnceAreCounted: by as many sessions as one has.
func TestRoomsThatAreMadeAtOnceAreCounted(t *testing.T) {
	const most, sessions = 2, 12
	srv := servertest.New(t, servertest.Options{Config: server.Config{RoomsPerAccount: most}})
	var clients []*servertest.Client
	for i := range sessions {
		clients = append(clients, srv.Login(t, fmt.Sprintf("romeo@localhost/%d", i)))
	}
	var made atomic.Int32
	var wait sync.WaitGroup
	for i, c := range clients {
		wait.Go(func() {
			c.Send(fmt.Sprintf(`<presence to='room%d@conference.localhost/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, i))
			if got := c.Next(); !strings.Contains(got, "<resource-constraint ") {
				made.Add(1)
			}
		})
	}
	wait.Wait()
	if n := made.Load(); n > most {
		t.Errorf("%d rooms were made, of %d that one may have", n, most)
	}
}
