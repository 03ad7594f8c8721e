package muc_test

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

// attr returns the value of an attribute of the first element of a name.
func attr(t *testing.T, e, name, of string) string {
	t.Helper()
	m := regexp.MustCompile(`<` + name + `[^>]* ` + of + `='([^']*)'`).FindStringSubmatch(e)
	if m == nil {
		t.Fatalf("no %s of <%s/> in %s", of, name, e)
	}
	return m[1]
}

// TestTokensEnd: with their time, with their last use, and when they are revoked, by
// whoever may (XEP-0488 §3.5, §3.7).
func TestTokensEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Idle: 100 * time.Hour}})
		romeo := srv.Login(t, "romeo@localhost/a")
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_membersonly": "1"})
		token := func(attrs string) string {
			e := ask(t, romeo, "set", `<request xmlns='urn:xmpp:muc-token-invite:0' `+attrs+`/>`)
			_, text, _ := strings.Cut(e, "<token")
			_, text, _ = strings.Cut(text, ">")
			text, _, _ = strings.Cut(text, "<")
			if text == "" {
				t.Fatalf("no token: %s", e)
			}
			return text
		}
		enterWith := func(name, token string, words ...string) {
			t.Helper()
			c := srv.Login(t, name+"@localhost/a")
			c.Send(joinAs(name, "<password>"+token+"</password>"))
			next(t, c, append(words, "id='x'")...)
		}
		short, once, void := token("delay='60'"), token("counter='1'"), token("")
		enterWith("first", once, "code='110'", "affiliation='member'")
		enterWith("second", once, "registration-required")
		time.Sleep(2 * time.Minute)
		enterWith("third", short, "not-authorized", "<expired-token xmlns='urn:xmpp:muc-token-invite:0'")
		if e := ask(t, romeo, "get", `<tokens xmlns='urn:xmpp:muc-token-invite:0'/>`); strings.Contains(e, short) || strings.Contains(e, once) || !strings.Contains(e, void) {
			t.Errorf("listed: %s", e)
		}
		if e := ask(t, romeo, "set", `<revoke xmlns='urn:xmpp:muc-token-invite:0'>`+void+`</revoke>`); !strings.Contains(e, "type='result'") {
			t.Error(e)
		}
		enterWith("fourth", void, "registration-required")
	})
}

// TestOccupantIDs: one person's is the same in a room after a restart, under another
// nick and from another client, and different in another room (XEP-0421 §4).
func TestOccupantIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{Store: store.Options{Path: filepath.Join(t.TempDir(), "db")}}
		id := func(c *servertest.Client, room, nick string) string {
			got := enter(t, c, room, nick)
			for _, e := range got {
				if strings.Contains(e, "code='110'") {
					return attr(t, e, "occupant-id", "id")
				}
			}
			t.Fatalf("no presence of its own: %v", got)
			return ""
		}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		romeo := srv.Login(t, "romeo@localhost/a")
		first := id(romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_persistentroom": "1"})
		other := id(romeo, "other@conference.localhost", "Romeo")
		srv.Close()
		srv = servertest.New(t, opts)
		again := id(srv.Login(t, "romeo@localhost/phone"), garden, "Mountague")
		juliet := id(srv.Login(t, "juliet@localhost/b"), garden, "Juliet")
		if first != again || first == other || first == juliet {
			t.Errorf("%s, after a restart %s, in another room %s, somebody else's %s", first, again, other, juliet)
		}
	})
}

// TestWhatIsTakenBackIsGone: by its author or a moderator, and by nobody else: every
// later reader of the archive finds a tombstone with nothing of it, in its place; a
// search does not find it, and who enters is not told (XEP-0424 §4.2, XEP-0425 §5).
func TestWhatIsTakenBackIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, juliet, tybalt := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b"), srv.Login(t, "tybalt@localhost/c")
		open(t, romeo, garden, "Romeo")
		enter(t, juliet, garden, "Juliet")
		enter(t, tybalt, garden, "Tybalt")
		say := func(text string) string {
			juliet.Send(`<message type='groupchat' id='` + text + `' to='` + garden + `'><body>` + text + ` rose</body></message>`)
			return attr(t, next(t, juliet, "id='"+text+"'"), "stanza-id", "id")
		}
		one, two, three := say("one"), say("two"), say("three")
		retract := func(id string) string {
			return `<message type='groupchat' id='x' to='` + garden + `'><retract xmlns='urn:xmpp:message-retract:1' id='` + id + `'/><body>taken back</body></message>`
		}
		tybalt.Send(retract(one))
		if e := next(t, tybalt, "id='x'"); !strings.Contains(e, "forbidden") {
			t.Errorf("another's: %s", e)
		}
		juliet.Send(retract(one))
		next(t, tybalt, "<retract", one)
		if e := ask(t, romeo, "set", `<moderate xmlns='urn:xmpp:message-moderate:1' id='`+two+`'><retract xmlns='urn:xmpp:message-retract:1'/><reason>thorns</reason></moderate>`); !strings.Contains(e, "result") {
			t.Error(e)
		}
		next(t, tybalt, "<retract", two, "<moderated", "thorns")
		var pages []string
		for after := ""; ; {
			tybalt.Send(`<iq type='set' id='m' to='` + garden + `'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max>` + after + `</set></query></iq>`)
			n := len(pages)
			e := tybalt.Next()
			for ; !strings.HasPrefix(e, "<iq"); e = tybalt.Next() {
				pages = append(pages, e)
			}
			if len(pages) == n {
				break
			}
			m := regexp.MustCompile(`<last>(.*?)</last>`).FindStringSubmatch(e)
			after = "<after>" + m[1] + "</after>"
		}
		all := strings.Join(pages, "\n")
		for i, id := range []string{one, two} {
			if !strings.Contains(pages[i], "<retracted") || !strings.Contains(pages[i], "id='"+id+"'") || !strings.Contains(pages[i], "<occupant-id") {
				t.Errorf("no tombstone: %s", pages[i])
			}
		}
		if strings.Contains(all, "one rose") || strings.Contains(all, "two rose") || !strings.Contains(all, "three rose") || !strings.Contains(pages[1], "thorns") {
			t.Errorf("the archive: %s", all)
		}
		if !strings.Contains(pages[2], three) {
			t.Errorf("the third: %s", pages[2])
		}
		tybalt.Send(`<presence type='unavailable' to='` + garden + `/x'/>`)
		tybalt.Sync()
		if got := strings.Join(enter(t, tybalt, garden, "Tybalt"), ""); strings.Contains(got, "one rose") || strings.Contains(got, "two rose") || strings.Contains(got, "<retract") || !strings.Contains(got, "three rose") {
			t.Errorf("who enters is told %s", got)
		}
	})
}

// TestADestroyedRoomLeavesNothing: the next one of its name knows neither its lists nor
// what was said, and has versions of its own.
func TestADestroyedRoomLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Idle: 24 * time.Hour}})
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_persistentroom": "1", "muc#roomconfig_roomname": "Orchard"})
		ask(t, romeo, "set", adminQuery+`<item jid='juliet@localhost' affiliation='outcast'/><item jid='tybalt@localhost' affiliation='owner' nick='Cat'/></query>`)
		ask(t, romeo, "set", `<vCard xmlns='vcard-temp'><FN>Orchard</FN></vCard>`)
		romeo.Send(`<message type='groupchat' id='m' to='`+garden+`'><subject>Secrets</subject></message>`, `<message type='groupchat' id='n' to='`+garden+`'><body>secret</body></message>`)
		next(t, romeo, "id='n'")
		romeo.Send(`<iq type='set' id='d' to='` + garden + `'>` + ownerQuery + `<destroy jid='elsewhere@conference.localhost'><password>sesame</password><reason>Ides</reason></destroy></query></iq>`)
		e := next(t, romeo, "<presence", "unavailable")
		if !strings.Contains(e, "<destroy jid='elsewhere@conference.localhost'><password>sesame</password><reason>Ides</reason></destroy>") || !strings.Contains(e, "affiliation='none'") || !strings.Contains(e, "role='none'") {
			t.Errorf("told: %s", e)
		}
		next(t, romeo, "id='d'", "result")
		if e := ask(t, romeo, "get", info); !strings.Contains(e, "item-not-found") {
			t.Errorf("still there: %s", e)
		}
		got := strings.Join(enter(t, juliet, garden, "Juliet"), "")
		if !strings.Contains(got, "code='201'") || strings.Contains(got, "ecret") {
			t.Errorf("the new one: %s", got)
		}
		configure(t, juliet, garden, nil)
		for _, q := range []string{list("outcast"), list("owner"), list("member"), `<vCard xmlns='vcard-temp'/>`, info} {
			if e := ask(t, juliet, "get", q); strings.Contains(e, "tybalt") || strings.Contains(e, "romeo") || strings.Contains(e, "Orchard") {
				t.Errorf("left: %s", e)
			}
		}
		juliet.Send(`<iq type='set' id='m' to='` + garden + `'><query xmlns='urn:xmpp:mam:2'/></iq>`)
		if e := juliet.Next(); !strings.HasPrefix(e, "<iq") {
			t.Errorf("its archive has %s", e)
		}
	})
}

// TestHistoryBounds: whatever a client asks for, it is never told more than the room
// remembers, and values that are none are as if they were not there (§7.2.14).
func TestHistoryBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{NoLimits: true, RoomHistory: 30}})
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		open(t, romeo, garden, "Romeo")
		for range 40 {
			romeo.Send(`<message type='groupchat' id='m' to='` + garden + `'><body>é</body></message>`)
			next(t, romeo, "id='m'")
		}
		for _, row := range []struct {
			ask  string
			want int
		}{
			{"", 20}, {"maxstanzas='-1'", 20}, {"maxstanzas='99999999999999999999'", 20}, {"maxstanzas='2000000000'", 30}, {"maxstanzas='0x10'", 20},
			{"maxstanzas='5' maxchars='-7'", 5}, {"maxchars='99999999'", 20}, {"maxchars='1'", 0}, {"seconds='-1'", 20}, {"seconds='2000000000'", 20}, {"seconds='0'", 20},
			{"since='yesterday'", 20}, {"since='0001-01-01T00:00:00Z'", 20}, {"since='9999-12-31T23:59:59Z'", 0}, {"since='1970-01-01T00:00:00Z' maxstanzas='3' seconds='1000'", 3},
		} {
			juliet.Send(joinAs("Juliet", "<history "+row.ask+"/>"))
			got := untilSubject(t, juliet)
			size, n := 0, 0
			for _, e := range got {
				if strings.Contains(e, "<body>") {
					n++
					size = len([]rune(e))
				}
			}
			if n != row.want {
				t.Errorf("%s: %d messages, want %d", row.ask, n, row.want)
			}
			if row.ask == "maxchars='99999999'" { // as many characters as two have, and one less
				for chars, want := range map[int]int{2 * size: 2, 2*size - 1: 1} {
					juliet.Send(joinAs("Juliet", "<history maxchars='"+strconv.Itoa(chars)+"'/>"))
					if n := strings.Count(strings.Join(untilSubject(t, juliet), ""), "<body>"); n != want {
						t.Errorf("%d characters of %d each: %d messages, want %d", chars, size, n, want)
					}
				}
			}
		}
	})
}
