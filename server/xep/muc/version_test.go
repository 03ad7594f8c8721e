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

var mavItem = regexp.MustCompile(`<item jid='([^']*)' affiliation='([^']*)'`)

// versionsFor has a client enter with what it knows, and returns what it is told: the
// changes as "jid=affiliation" joined by spaces, whether they are everything, and the
// version that is now.
func versionsFor(t *testing.T, c *servertest.Client, nick, since string) (changes string, all bool, now string) {
	t.Helper()
	attr := ""
	if since != "" {
		attr = " since='" + since + "'"
	}
	c.Send(fmt.Sprintf(`<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'><mav xmlns='urn:xmpp:muc:affiliations:0'%s/></x></presence>`, garden, nick, attr))
	var list []string
	last := since
	for _, e := range untilSubject(t, c) {
		mav := regexp.MustCompile(`<mav xmlns='urn:xmpp:muc:affiliations:0'(?: since='([^']*)')?(?: until='([^']*)')?`).FindStringSubmatch(e)
		switch {
		case strings.HasPrefix(e, "<message") && mav != nil:
			if mav[1] == "" {
				all = true
			} else if mav[1] != last {
				t.Errorf("the part begins at %q, the last ended at %q", mav[1], last)
			}
			last = mav[2]
			for _, m := range mavItem.FindAllStringSubmatch(e, -1) {
				list = append(list, m[1]+"="+m[2])
			}
		case strings.Contains(e, "code='110'"):
			now = mav[2]
		}
	}
	if len(list) > 0 && last != now {
		t.Errorf("the changes end at %q, the version is %q", last, now)
	}
	c.Send(`<presence type='unavailable' to='` + garden + `/` + nick + `'/>`)
	for !strings.Contains(c.Next(), "code='110'") {
	}
	return strings.Join(list, " "), all, now
}

// TestVersionsOutliveTheRoom: what changed since a version is known after the room was
// let go, after a restart and after a crash; a version that was never stored is not.
func TestVersionsOutliveTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		opts := servertest.Options{Config: server.Config{Idle: 24 * time.Hour}, Store: store.Options{Path: filepath.Join(dir, "db")}}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		romeo := srv.Login(t, "romeo@localhost/a")
		affiliate := func(jid, aff string) {
			t.Helper()
			if e := ask(t, romeo, "set", adminQuery+`<item jid='`+jid+`' affiliation='`+aff+`'/></query>`); !strings.Contains(e, "type='result'") {
				t.Fatal(e)
			}
		}
		expect := func(since, changes string, all bool) string {
			t.Helper()
			got, gotAll, now := versionsFor(t, romeo, "Romeo", since)
			if got != changes || gotAll != all {
				t.Errorf("since %q: %q, all %v, want %q, all %v", since, got, gotAll, changes, all)
			}
			return now
		}
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_persistentroom": "1"})
		romeo.Send(`<presence type='unavailable' to='` + garden + `/Romeo'/>`)
		romeo.Sync()
		first := expect("", "romeo@localhost=owner", true)
		expect(first, "", false)
		affiliate("juliet@localhost", "member")
		second := expect(first, "juliet@localhost=member", false)
		affiliate("tybalt@localhost", "outcast")
		affiliate("juliet@localhost", "none")
		third := expect(second, "tybalt@localhost=outcast juliet@localhost=none", false)

		time.Sleep(20 * time.Minute) // it is let go
		expect(third, "", false)
		time.Sleep(20 * time.Minute)
		expect(first, "tybalt@localhost=outcast juliet@localhost=none", false)
		affiliate("juliet@localhost", "admin")
		fourth := expect(third, "juliet@localhost=admin", false)
		expect(first, "tybalt@localhost=outcast juliet@localhost=admin", false)
		srv.Close()

		if srv, err = servertest.Start(opts, t.Output()); err != nil {
			t.Fatal(err)
		}
		romeo = srv.Login(t, "romeo@localhost/a")
		expect(fourth, "", false)
		expect(second, "tybalt@localhost=outcast juliet@localhost=admin", false)
		expect("nonsense", "romeo@localhost=owner tybalt@localhost=outcast juliet@localhost=admin", true)
		// As if the crash had lost what was told.
		id, n, _ := strings.Cut(fourth, "-")
		expect(id+"-"+n+"z", "romeo@localhost=owner tybalt@localhost=outcast juliet@localhost=admin", true)
		affiliate("tybalt@localhost", "none")
		expect(id+"-"+n+"z", "romeo@localhost=owner juliet@localhost=admin", true)
		if now := expect(fourth, "tybalt@localhost=none", false); strings.HasPrefix(now, id) {
			t.Errorf("%s goes on from %s: after a crash that may be another change of the same name", now, fourth)
		}
		srv.Close()
	})
}

// TestVersionsInParts: a list that is too long for one message comes in several, and
// each begins where the last has ended. Who was no member at a version is told all.
func TestVersionsInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Idle: 24 * time.Hour, NoLimits: true}})
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_persistentroom": "1", "muc#roomconfig_whois": "anyone"})
		members := func(from, to int) string {
			items := ""
			for i := from; i < to; i++ {
				items += fmt.Sprintf(`<item jid='m%04d@localhost' affiliation='member'/>`, i)
			}
			return items
		}
		for i := range 4 {
			ask(t, romeo, "set", adminQuery+members(i*300, i*300+300)+`</query>`)
		}
		romeo.Send(`<presence type='unavailable' to='` + garden + `/Romeo'/>`)
		romeo.Sync()
		got, all, now := versionsFor(t, romeo, "Romeo", "")
		if n := len(strings.Fields(got)); n != 1201 || !all {
			t.Errorf("%d of 1201 are told, all %v", n, all)
		}
		ask(t, romeo, "set", adminQuery+`<item jid='juliet@localhost' affiliation='member'/></query>`)
		if got, all, _ = versionsFor(t, juliet, "Juliet", now); !all || len(strings.Fields(got)) != 1202 {
			t.Errorf("who was none at that version is told %d changes, all %v", len(strings.Fields(got)), all)
		}
		_, _, now = versionsFor(t, juliet, "Juliet", "")
		ask(t, romeo, "set", adminQuery+`<item jid='m0001@localhost' affiliation='outcast'/></query>`)
		if got, _, _ = versionsFor(t, juliet, "Juliet", now); got != "m0001@localhost=none" {
			t.Errorf("a member hears of a ban as %q", got)
		}
	})
}

// TestBansAreNotForMembersToSee: in a room where members see the lists they are not told
// who was banned that was nobody before (XEP-0463 §4.2.3), but that a member is none.
func TestBansAreNotForMembersToSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		enter := func(c *servertest.Client, nick string) {
			c.Send(`<presence to='` + garden + `/` + nick + `'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
			untilSubject(t, c)
		}
		enter(romeo, "Romeo")
		ask(t, romeo, "set", ownerQuery+dataForm+value("muc#roomconfig_whois", "anyone")+`</x></query>`)
		set := func(jid, aff string) (byOwner, byMember string) {
			t.Helper()
			romeo.Send(`<iq type='set' id='a' to='` + garden + `'>` + adminQuery + `<item jid='` + jid + `' affiliation='` + aff + `'/></query></iq>`)
			synctest.Wait()
			return strings.Join(romeo.Sync(), ""), strings.Join(juliet.Sync(), "")
		}
		set("juliet@localhost", "member")
		_, _, since := versionsFor(t, juliet, "Juliet", "")
		enter(juliet, "Juliet")
		owner, member := set("paris@localhost", "outcast")
		if !strings.Contains(owner, "paris@localhost") || strings.Contains(member, "paris") || !strings.Contains(member, "<mav ") {
			t.Errorf("the owner hears %s, the member %s", owner, member)
		}
		set("tybalt@localhost", "member")
		if owner, member = set("tybalt@localhost", "outcast"); !strings.Contains(owner, "'outcast'") || strings.Contains(member, "outcast") || !strings.Contains(member, "tybalt@localhost") {
			t.Errorf("of a member the owner hears %s, the member %s", owner, member)
		}
		if owner, member = set("paris@localhost", "none"); !strings.Contains(owner, "paris@localhost") || strings.Contains(member, "paris") {
			t.Errorf("afterwards the owner hears %s, the member %s", owner, member)
		}
		set("mercutio@localhost", "outcast")
		juliet.Send(`<presence type='unavailable' to='` + garden + `/Juliet'/>`)
		juliet.Sync()
		if got, _, _ := versionsFor(t, juliet, "Juliet", since); strings.Contains(got, "mercutio") || !strings.Contains(got, "tybalt@localhost=none") {
			t.Errorf("the member is told of %q", got)
		}
	})
}
