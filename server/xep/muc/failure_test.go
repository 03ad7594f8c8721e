package muc_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

const (
	adminQuery = `<query xmlns='http://jabber.org/protocol/muc#admin'>`
	ownerQuery = `<query xmlns='http://jabber.org/protocol/muc#owner'>`
	dataForm   = `<x xmlns='jabber:x:data' type='submit'>`
)

// value is a field of a form with one value.
func value(name, v string) string {
	return fmt.Sprintf(`<field var='%s'><value>%s</value></field>`, name, v)
}

// ask sends a request to the garden and returns the answer.
func ask(t *testing.T, c *servertest.Client, typ, payload string) string {
	t.Helper()
	return askOf(t, c, garden, typ, payload)
}

var asked atomic.Int64

func askOf(t *testing.T, c *servertest.Client, to, typ, payload string) string {
	t.Helper()
	id := fmt.Sprint("ask", asked.Add(1))
	c.Send(fmt.Sprintf(`<iq type='%s' id='%s' to='%s'>%s</iq>`, typ, id, to, payload))
	for {
		if e := c.Next(); strings.HasPrefix(e, "<iq") && strings.Contains(e, "id='"+id+"'") {
			return strings.ReplaceAll(e, id, "ID")
		}
	}
}

// roomDeed is something a room is asked for, and how one sees whether it is done.
type roomDeed struct {
	what, does string
	see        string // a request whose answer shows it
}

func list(aff string) string { return adminQuery + `<item affiliation='` + aff + `'/></query>` }

const info = `<query xmlns='http://jabber.org/protocol/disco#info'/>`

func hatCommand(name, fields string) string {
	return `<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:` + name + `'>` + dataForm + fields + `</x></command>`
}

var roomDeeds = []roomDeed{
	{what: "a ban", does: adminQuery + `<item affiliation='outcast' jid='tybalt@localhost'><reason>no</reason></item></query>`, see: list("outcast")},
	{what: "a ban of an occupant", does: adminQuery + `<item affiliation='outcast' jid='juliet@localhost'/></query>`, see: list("outcast")},
	{what: "a new member with a nick", does: adminQuery + `<item affiliation='member' jid='tybalt@localhost' nick='Cat'/></query>`, see: list("member")},
	{what: "a member no more", does: adminQuery + `<item affiliation='none' jid='mercutio@localhost'/></query>`, see: list("member")},
	{what: "an administrator", does: adminQuery + `<item affiliation='admin' jid='juliet@localhost'/></query>`, see: adminQuery + `<item role='moderator'/></query>`},
	{what: "a configuration", does: ownerQuery + dataForm + value("muc#roomconfig_roomname", "Changed") + value("muc#roomconfig_moderatedroom", "1") + `</x></query>`, see: info},
	{what: "a room for members only", does: ownerQuery + dataForm + value("muc#roomconfig_membersonly", "1") + `</x></query>`, see: info},
	{what: "a hat", does: hatCommand("create", value("hats#title", "Host")+value("hats#uri", "x:host")), see: `<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:list'/>`},
	{what: "who wears a hat", does: hatCommand("assign", value("hats#jid", "juliet@localhost")+value("hats#uri", "x:old")), see: `<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:list-assigned'/>`},
	{what: "a picture", does: `<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>`, see: info},
	{what: "a token", does: `<request xmlns='urn:xmpp:muc-token-invite:0'/>`, see: `<tokens xmlns='urn:xmpp:muc-token-invite:0'/>`},
	{what: "who may mention whom", does: `<query xmlns='urn:xmpp:mentions:0'>` + dataForm + value("mentions#count", "3") + `</x></query>`, see: `<query xmlns='urn:xmpp:mentions:0'/>`},
	{what: "the end of the room", does: ownerQuery + `<destroy><reason>Ides of March</reason></destroy></query>`, see: info},
}

var volatile = regexp.MustCompile(`sessionid='[^']*'|<field[^>]*muc#roominfo_occupants.*?</field>`)

// TestWhatTheStoreRefusesIsNotDone: whoever is told to try again later finds the room
// as it was, at once, for as long as it is in memory and after it was let go; and the
// same thing is done when it is asked for again.
func TestWhatTheStoreRefusesIsNotDone(t *testing.T) {
	for _, d := range roomDeeds {
		t.Run(d.what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var full atomic.Bool
				dir := t.TempDir()
				srv := servertest.New(t, servertest.Options{
					Config: server.Config{Idle: 24 * time.Hour},
					Store: store.Options{Path: filepath.Join(dir, "db"), Gate: func() error {
						if full.Load() {
							return errors.New("database or disk is full (13)")
						}
						return nil
					}},
				})
				romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
				enter(t, romeo, garden, "Romeo")
				configure(t, romeo, garden, map[string]string{"muc#roomconfig_persistentroom": "1"})
				enter(t, juliet, garden, "Juliet")
				for _, first := range []string{
					adminQuery + `<item affiliation='member' jid='mercutio@localhost' nick='Merc'/></query>`,
					hatCommand("create", value("hats#title", "Old")+value("hats#uri", "x:old")),
				} {
					if e := ask(t, romeo, "set", first); !strings.Contains(e, "type='result'") {
						t.Fatal(e)
					}
				}
				typ := "get"
				if strings.HasPrefix(d.see, "<command") {
					typ = "set"
				}
				see := func() string { return volatile.ReplaceAllString(ask(t, romeo, typ, d.see), "") }
				was := see()
				full.Store(true)
				e := ask(t, romeo, "set", d.does)
				if !strings.Contains(e, "type='error'") || !strings.Contains(e, "type='wait'") {
					t.Fatalf("the answer is %s", e)
				}
				if is := see(); is != was {
					t.Errorf("done, though refused:\n%s\nit was\n%s", is, was)
				}
				full.Store(false)
				time.Sleep(3 * time.Minute) // what the room owes is stored
				if is := see(); is != was {
					t.Errorf("done, though refused, when the disk works again:\n%s\nit was\n%s", is, was)
				}
				// Nobody is in it, it is let go, and read.
				for _, c := range []*servertest.Client{romeo, juliet} {
					c.Send(`<presence type='unavailable' to='` + garden + `/x'/>`)
					c.Sync()
				}
				time.Sleep(20 * time.Minute)
				if d.what == "an administrator" {
					enter(t, romeo, garden, "Romeo")
				}
				if is := see(); d.what != "an administrator" && is != was {
					t.Errorf("done, though refused, as the store has it:\n%s\nit was\n%s", is, was)
				} else if strings.Contains(is, "juliet") {
					t.Errorf("stored: %s", is)
				}
				enter(t, juliet, garden, "Juliet")
				enter(t, romeo, garden, "Romeo")
				was = see()
				if e := ask(t, romeo, "set", d.does); !strings.Contains(e, "type='result'") {
					t.Fatalf("once more: %s", e)
				}
				if is := see(); is == was {
					t.Errorf("once more, and it is not done: %s", is)
				}
			})
		})
	}
}

// TestOneTrialAtATime: a request behind one that fails is done without it.
func TestOneTrialAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var stalled atomic.Pointer[chan error]
		srv := servertest.New(t, servertest.Options{Store: store.Options{Path: filepath.Join(dir, "db"), Gate: func() error {
			if c := stalled.Load(); c != nil {
				return <-*c
			}
			return nil
		}}})
		romeo := srv.Login(t, "romeo@localhost/a")
		open(t, romeo, garden, "Romeo")
		gate := make(chan error)
		stalled.Store(&gate)
		set := func(id, fields string) {
			romeo.Send(`<iq type='set' id='` + id + `' to='` + garden + `'>` + ownerQuery + dataForm + fields + `</x></query></iq>`)
		}
		set("one", value("muc#roomconfig_roomname", "Orchard"))
		synctest.Wait()
		set("two", value("muc#roomconfig_roomdesc", "Trees"))
		romeo.Send(`<message type='groupchat' id='s' to='` + garden + `'><subject>Apples</subject></message>`)
		synctest.Wait()
		gate <- errors.New("disk I/O error (10)")
		stalled.Store(nil)
		close(gate)
		answers := map[string]string{}
		for len(answers) < 2 {
			e := romeo.Next()
			for _, id := range []string{"one", "two"} {
				if strings.HasPrefix(e, "<iq") && strings.Contains(e, "id='"+id+"'") {
					answers[id] = e
				}
			}
		}
		if !strings.Contains(answers["one"], "type='wait'") || !strings.Contains(answers["two"], "type='result'") {
			t.Errorf("answered: %v", answers)
		}
		romeo.Sync()
		if e := ask(t, romeo, "get", info); strings.Contains(e, "Orchard") || !strings.Contains(e, "Trees") || !strings.Contains(e, "Apples") {
			t.Errorf("the room is %s", e)
		}
	})
}

// TestMessagesThatAreNotStored: in a room with an archive nobody gets them, nor hears
// that one was taken back.
func TestMessagesThatAreNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var full atomic.Bool
		srv := servertest.New(t, servertest.Options{Store: store.Options{Path: filepath.Join(dir, "db"), Gate: func() error {
			if full.Load() {
				return errors.New("database or disk is full (13)")
			}
			return nil
		}}})
		romeo, juliet := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b")
		enter(t, romeo, garden, "Romeo")
		configure(t, romeo, garden, map[string]string{"muc#roomconfig_changesubject": "1"})
		enter(t, juliet, garden, "Juliet")
		juliet.Send(`<message type='groupchat' id='first' to='` + garden + `'><body>first</body></message>`)
		first := romeo.Next()
		for !strings.Contains(first, "<body>first</body>") {
			first = romeo.Next()
		}
		_, id, _ := strings.Cut(first, "<stanza-id")
		_, id, _ = strings.Cut(id, " id='")
		id, _, _ = strings.Cut(id, "'")
		juliet.Sync()
		full.Store(true)
		retract := `<retract xmlns='urn:xmpp:message-retract:1'`
		for _, m := range []string{`<body>second</body>`, `<subject>Names</subject>`, retract + ` id='` + id + `'/><body>gone</body>`} {
			juliet.Send(`<message type='groupchat' id='second' to='` + garden + `'>` + m + `</message>`)
			if e := juliet.Next(); !strings.Contains(e, "type='error'") || !strings.Contains(e, "type='wait'") {
				t.Errorf("%s: %s", m, e)
			}
		}
		if e := ask(t, romeo, "set", `<moderate xmlns='urn:xmpp:message-moderate:1' id='`+id+`'>`+retract+`/></moderate>`); !strings.Contains(e, "type='wait'") {
			t.Errorf("moderating: %s", e)
		}
		full.Store(false)
		if got := strings.Join(romeo.Sync(), ""); strings.Contains(got, "<message") {
			t.Errorf("told though it is not stored: %s", got)
		}
		mercutio := srv.Login(t, "mercutio@localhost/c")
		if got := strings.Join(enter(t, mercutio, garden, "Mercutio"), ""); !strings.Contains(got, "<body>first</body>") || strings.Contains(got, "Names") {
			t.Errorf("who enters is told %s", got)
		}
		if e := ask(t, romeo, "set", `<moderate xmlns='urn:xmpp:message-moderate:1' id='`+id+`'>`+retract+`/></moderate>`); !strings.Contains(e, "type='result'") {
			t.Errorf("moderating: %s", e)
		}
		if e := ask(t, romeo, "set", `<moderate xmlns='urn:xmpp:message-moderate:1' id='`+id+`'>`+retract+`/></moderate>`); !strings.Contains(e, "item-not-found") {
			t.Errorf("moderating again: %s", e)
		}
		mercutio.Send(`<presence type='unavailable' to='` + garden + `/x'/>`)
		mercutio.Sync()
		if got := strings.Join(enter(t, mercutio, garden, "Mercutio"), ""); strings.Contains(got, "first") || strings.Contains(got, "retract") {
			t.Errorf("who enters is told %s", got)
		}
	})
}

// TestWhatWaitsForTheStoreIsBounded: while the store takes its time, what others ask a
// room to change waits, but not without end, in bytes as in requests.
func TestWhatWaitsForTheStoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hold atomic.Pointer[chan struct{}]
		gate := func() error {
			if c := hold.Load(); c != nil {
				<-*c
			}
			return nil
		}
		srv := servertest.New(t, servertest.Options{Store: store.Options{Gate: gate}})
		romeo, tybalt := srv.Online(t, "romeo@localhost/orchard"), srv.Online(t, "tybalt@localhost/street")
		romeo.Send(`<presence to='` + garden + `/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
		ask(t, romeo, "set", ownerQuery+dataForm+`</x></query>`)
		synctest.Wait()
		c := make(chan struct{})
		hold.Store(&c)
		romeo.Send(`<iq type='set' id='ban' to='` + garden + `'>` + adminQuery + `<item affiliation='outcast' jid='paris@localhost'/></query></iq>`)
		synctest.Wait()
		const n, size = 150, 200 << 10
		refused := 0
		for range n {
			tybalt.Send(`<iq type='set' id='flood' to='` + garden + `'>` + adminQuery + `<item affiliation='owner' jid='tybalt@localhost'><reason>` + strings.Repeat("x", size) + `</reason></item></query></iq>`)
			synctest.Wait()
		}
		for _, e := range tybalt.Sync() {
			if strings.Contains(e, "id='flood'") && strings.Contains(e, "<resource-constraint ") {
				refused++
			}
		}
		if waiting := (n - refused) * size; waiting > 17<<20 || waiting < 15<<20 {
			t.Errorf("%d bytes wait", waiting)
		}
		hold.Store(nil)
		close(c)
		synctest.Wait()
		for _, e := range tybalt.Sync() {
			if strings.Contains(e, "id='flood'") && !strings.Contains(e, "<forbidden ") && !strings.Contains(e, "<not-allowed ") {
				t.Errorf("tybalt hears %.300s", e)
			}
		}
		if got := ask(t, romeo, "get", list("outcast")); !strings.Contains(got, "paris@localhost") {
			t.Errorf("the list is %s", got)
		}
	})
}
