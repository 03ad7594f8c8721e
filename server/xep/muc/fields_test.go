package muc_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

// scene is a room with its owner and one participant in it, and somebody outside.
type scene struct {
	t                     *testing.T
	romeo, juliet, tybalt *servertest.Client
}

// set submits fields of the configuration, as name, value and so on.
func (s *scene) set(pairs ...string) {
	s.t.Helper()
	fields := ""
	for i := 0; i < len(pairs); i += 2 {
		fields += value(pairs[i], pairs[i+1])
	}
	if e := ask(s.t, s.romeo, "set", ownerQuery+dataForm+fields+`</x></query>`); !strings.Contains(e, "type='result'") {
		s.t.Fatalf("configuring %v: %s", pairs, e)
	}
}

// says has somebody send an element and expects an answer to them with all the words.
func (s *scene) says(c *servertest.Client, element string, words ...string) {
	s.t.Helper()
	c.Sync()
	c.Send(element)
	e := next(s.t, c, "id='x'")
	for _, w := range words {
		if !strings.Contains(e, w) {
			s.t.Errorf("%s: %s, without %s", element, e, w)
		}
	}
}

func (s *scene) info(words ...string) {
	s.t.Helper()
	e := ask(s.t, s.romeo, "get", info)
	for _, w := range words {
		if !regexp.MustCompile(w).MatchString(e) {
			s.t.Errorf("no %s in %s", w, e)
		}
	}
}

// fieldEffects says what each field of the configuration does.
var fieldEffects = map[string]func(s *scene, field string){
	"muc#roomconfig_roomname": func(s *scene, f string) { s.set(f, "Orchard"); s.info("name='Orchard'") },
	"muc#roomconfig_roomdesc": func(s *scene, f string) { s.set(f, "Trees"); s.info("roominfo_description.*?<value>Trees") },
	"muc#roomconfig_lang":     func(s *scene, f string) { s.set(f, "it"); s.info("roominfo_lang.*?<value>it") },
	"muc#roomconfig_persistentroom": func(s *scene, f string) {
		s.set(f, "1")
		s.info("muc_persistent")
		for _, c := range []*servertest.Client{s.romeo, s.juliet} {
			c.Send(`<presence type='unavailable' to='` + garden + `/x'/>`)
			c.Sync()
		}
		s.info("muc_persistent")
		s.set(f, "0") // nobody is in it
		if e := ask(s.t, s.romeo, "get", info); !strings.Contains(e, "item-not-found") {
			s.t.Errorf("kept: %s", e)
		}
	},
	"muc#roomconfig_publicroom": func(s *scene, f string) {
		listed := func() bool {
			return strings.Contains(askOf(s.t, s.tybalt, "conference.localhost", "get", `<query xmlns='http://jabber.org/protocol/disco#items'/>`), garden)
		}
		if !listed() {
			s.t.Error("not listed")
		}
		s.set(f, "0")
		if s.info("muc_hidden"); listed() {
			s.t.Error("listed")
		}
	},
	"muc#roomconfig_membersonly": func(s *scene, f string) {
		s.set(f, "1")
		next(s.t, s.juliet, "unavailable", "code='322'", "code='110'")
		s.says(s.tybalt, joinAs("Tybalt", ""), "registration-required")
	},
	"muc#roomconfig_allowinvites": func(s *scene, f string) {
		invite := `<message id='x' to='` + garden + `'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='tybalt@localhost'/></x></message>`
		s.tybalt.Send("<presence/>")
		s.tybalt.Sync()
		s.juliet.Send(invite)
		next(s.t, s.tybalt, "<invite from='"+garden+"/Juliet'")
		s.set(f, "0")
		s.says(s.juliet, invite, "forbidden")
	},
	"{urn:natter:muc}roomconfig_guests": func(s *scene, f string) { s.set(f, "0"); s.info("roominfo_guests.*?<value>0") }, // TestWhatGuestsMayNot
	"muc#roomconfig_moderatedroom": func(s *scene, f string) {
		s.set(f, "1")
		next(s.t, s.juliet, "<presence", "/Juliet'", "role='visitor'")
		s.says(s.juliet, `<message id='x' type='groupchat' to='`+garden+`'><body>x</body></message>`, "forbidden")
		s.set(f, "0")
		next(s.t, s.juliet, "<presence", "/Juliet'", "role='participant'")
	},
	"{urn:natter:muc}roomconfig_voicerequests": func(s *scene, f string) {
		request := `<message id='x' to='` + garden + `'>` + dataForm + value("FORM_TYPE", "http://jabber.org/protocol/muc#request") + value("muc#role", "participant") + `</x></message>`
		s.set("muc#roomconfig_moderatedroom", "1")
		s.juliet.Send(request)
		next(s.t, s.romeo, "muc#request_allow", "Juliet")
		s.set(f, "0")
		s.says(s.juliet, request, "forbidden")
	},
	"muc#roomconfig_changesubject": func(s *scene, f string) {
		subject := `<message id='x' type='groupchat' to='` + garden + `'><subject>Names</subject></message>`
		s.says(s.juliet, subject, "forbidden")
		s.set(f, "1")
		s.says(s.juliet, subject, "from='"+garden+"/Juliet'", "Names")
	},
	"muc#roomconfig_passwordprotectedroom": func(s *scene, f string) {
		s.set("muc#roomconfig_roomsecret", "sesame")
		s.set(f, "0")
		s.info("muc_unsecured")
		s.set(f, "0", "muc#roomconfig_roomsecret", "sesame")
		s.info("muc_unsecured")
	},
	"muc#roomconfig_roomsecret": func(s *scene, f string) {
		s.set(f, "sesame", "muc#roomconfig_passwordprotectedroom", "1")
		s.info("muc_passwordprotected")
		s.says(s.tybalt, joinAs("Tybalt", ""), "not-authorized")
		s.says(s.tybalt, joinAs("Tybalt", "<password>wrong</password>"), "not-authorized")
		s.says(s.tybalt, joinAs("Tybalt", "<password>sesame</password>"), "code='110'")
	},
	"muc#roomconfig_whois": func(s *scene, f string) {
		s.set(f, "anyone")
		next(s.t, s.juliet, "code='172'")
		next(s.t, s.juliet, "/Romeo'", "jid='romeo@localhost/a'")
		s.says(s.tybalt, joinAs("Tybalt", ""), "code='100'")
		s.set(f, "moderators")
		next(s.t, s.juliet, "code='173'")
	},
	"muc#roomconfig_allowpm": func(s *scene, f string) {
		private := func(to string) string {
			return `<message id='x' type='chat' to='` + garden + `/` + to + `'><body>psst</body></message>`
		}
		s.set("muc#roomconfig_moderatedroom", "1")
		enter(s.t, s.tybalt, garden, "Tybalt")
		s.juliet.Send(private("Tybalt"))
		next(s.t, s.tybalt, "psst")
		s.set(f, "participants")
		s.says(s.juliet, private("Tybalt"), "forbidden")
		s.set("muc#roomconfig_moderatedroom", "0")
		s.juliet.Send(private("Tybalt"))
		next(s.t, s.tybalt, "psst")
		s.set(f, "moderators")
		s.says(s.juliet, private("Tybalt"), "forbidden")
		s.juliet.Send(private("Romeo")) // to a moderator one may
		next(s.t, s.romeo, "psst")
		s.set(f, "none")
		s.says(s.romeo, private("Juliet"), "forbidden")
	},
	"muc#roomconfig_maxusers": func(s *scene, f string) {
		s.set(f, "2")
		s.says(s.tybalt, joinAs("Tybalt", ""), "service-unavailable", "type='wait'")
		ask(s.t, s.romeo, "set", adminQuery+`<item jid='tybalt@localhost' affiliation='admin'/></query>`)
		s.says(s.tybalt, joinAs("Tybalt", ""), "code='110'") // §7.2.9
	},
	"muc#maxhistoryfetch": func(s *scene, f string) {
		for i := range 3 {
			s.says(s.romeo, fmt.Sprintf(`<message id='x' type='groupchat' to='%s'><body>number %d</body></message>`, garden, i))
		}
		s.set(f, "1")
		got := strings.Join(enter(s.t, s.tybalt, garden, "Tybalt"), "")
		if strings.Contains(got, "number 1") || !strings.Contains(got, "number 2") {
			s.t.Errorf("told: %s", got)
		}
	},
	"muc#roomconfig_enablearchiving": func(s *scene, f string) {
		s.set(f, "0")
		next(s.t, s.juliet, "code='171'")
		s.says(s.romeo, `<iq type='set' id='x' to='`+garden+`'><query xmlns='urn:xmpp:mam:2'/></iq>`, "service-unavailable")
		s.set(f, "1")
		next(s.t, s.juliet, "code='170'")
		s.says(s.tybalt, joinAs("Tybalt", ""), "code='170'")
	},
	"muc#roomconfig_presencebroadcast": func(s *scene, f string) {
		s.set(f, "moderator")
		if got := strings.Join(enter(s.t, s.tybalt, garden, "Tybalt"), ""); strings.Contains(got, "/Juliet'") || !strings.Contains(got, "/Romeo'") {
			s.t.Errorf("told: %s", got)
		}
	},
	"{urn:natter:muc}roomconfig_memberspresence": func(s *scene, f string) {
		s.set(f, "1")
		if got := strings.Join(enter(s.t, s.tybalt, garden, "Tybalt"), ""); strings.Contains(got, "/Juliet'") || !strings.Contains(got, "/Romeo'") {
			s.t.Errorf("told: %s", got)
		}
	},
	"{http://prosody.im/protocol/muc}roomconfig_allowmemberregistration": func(s *scene, f string) {
		s.says(s.juliet, `<iq type='get' id='x' to='`+garden+`'><query xmlns='jabber:iq:register'/></iq>`, "register_roomnick")
		s.set(f, "0")
		s.says(s.juliet, `<iq type='get' id='x' to='`+garden+`'><query xmlns='jabber:iq:register'/></iq>`, "not-allowed")
	},
	"muc#roomconfig_slow_mode_duration": func(s *scene, f string) {
		s.set(f, "10")
		s.info("roominfo_slow_mode_duration.*?<value>10")
		m := `<message id='x' type='groupchat' to='` + garden + `'><body>x</body></message>`
		s.says(s.juliet, m, "type='groupchat'")
		s.says(s.juliet, m, "policy-violation", "type='wait'")
		s.says(s.juliet, strings.Replace(m, "<body>x</body>", "<active xmlns='http://jabber.org/protocol/chatstates'/>", 1), "type='groupchat'")
		s.says(s.romeo, m, "type='groupchat'")
		s.says(s.romeo, m, "type='groupchat'") // owners are not held back
	},
}

func joinAs(nick, inner string) string {
	return `<presence id='x' to='` + garden + `/` + nick + `'><x xmlns='http://jabber.org/protocol/muc'>` + inner + `</x></presence>`
}

// TestEachFieldHasItsEffect: of all fields that the configuration form has.
func TestEachFieldHasItsEffect(t *testing.T) {
	var fields []string
	for _, name := range fieldNames(t) {
		effect := fieldEffects[name]
		fields = append(fields, name)
		if effect == nil {
			t.Errorf("nothing is known of what %s does", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				s := &scene{t, srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b"), srv.Login(t, "tybalt@localhost/c")}
				open(t, s.romeo, garden, "Romeo")
				s.set("muc#roomconfig_persistentroom", "1")
				enter(t, s.juliet, garden, "Juliet")
				effect(s, name)
			})
		})
	}
	if len(fields) != len(fieldEffects) {
		t.Errorf("the form has %d fields, %d are tested", len(fields), len(fieldEffects))
	}
}

// fieldNames reads the form.
func fieldNames(t *testing.T) (names []string) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/a")
		open(t, romeo, garden, "Romeo")
		for _, m := range regexp.MustCompile(`<field [^>]*var='([^']*)'`).FindAllStringSubmatch(ask(t, romeo, "get", ownerQuery+`</query>`), -1) {
			if m[1] != "FORM_TYPE" {
				names = append(names, m[1])
			}
		}
	})
	return names
}
