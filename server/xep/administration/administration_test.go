package administration_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/xep/forms"
	"natter/stanza"
)

const admin = "http://jabber.org/protocol/admin"

// outcome is what a command came to.
type outcome struct {
	raw, note, noteType, errorCondition string
	form                                *forms.Form
}

// operator is an administrator at work.
type operator struct {
	t *testing.T
	*servertest.Client
	to string
}

// run asks for the form of a command, when it has one, fills it in and returns the
// outcome. values are names and values in turn; a name again is a further value.
func (o operator) run(node string, values ...string) outcome {
	o.t.Helper()
	first := o.step(`<command xmlns='http://jabber.org/protocol/commands' node='` + admin + "#" + node + `' action='execute'/>`)
	if len(values) == 0 {
		return first
	}
	if first.form == nil || first.form.Type != "form" {
		o.t.Fatalf("%s asks for nothing: %s", node, first.raw)
	}
	_, id, _ := strings.Cut(first.raw, "sessionid='")
	id, _, _ = strings.Cut(id, "'")
	f := forms.New("submit", admin)
	for i := 0; i < len(values); i += 2 {
		if d := f.Field(values[i]); d != nil {
			d.Values = append(d.Values, values[i+1])
			continue
		}
		if !first.form.Has(values[i]) {
			o.t.Errorf("%s has no field %s", node, values[i])
		}
		f.Add("", values[i], "", values[i+1])
	}
	return o.step(`<command xmlns='http://jabber.org/protocol/commands' node='` + admin + "#" + node + `' sessionid='` + id + `' action='complete'>` + string(f.Bytes()) + `</command>`)
}

func (o operator) step(command string) outcome {
	o.t.Helper()
	o.Send(`<iq type='set' id='cmd' to='` + o.to + `'>` + command + `</iq>`)
	for {
		raw := o.Next()
		st, err := stanza.ParseIn([]byte(raw), stanza.NSClient, stanza.AfterLogin)
		if err != nil {
			o.t.Fatal(err)
		}
		if st.Kind != stanza.IQ || st.IDString() != "cmd" {
			continue
		}
		out := outcome{raw: raw}
		if e := stanza.ErrorOf(st); e != nil {
			out.errorCondition = e.Condition
			return out
		}
		c, ok := st.Child("http://jabber.org/protocol/commands", "command")
		if !ok {
			o.t.Fatalf("no command in %s", raw)
		}
		if out.form, err = forms.In(st, c); err != nil {
			o.t.Fatal(err)
		}
		if n, ok := st.Find(c, "http://jabber.org/protocol/commands", "note"); ok {
			out.note = st.Text(n)
			out.noteType, _ = st.ChildAttr(n, "type")
		}
		return out
	}
}

func start(t *testing.T) (*servertest.Server, operator) {
	t.Helper()
	srv := servertest.New(t, servertest.Options{Config: server.Config{Admins: []string{"admin@localhost"}}})
	return srv, operator{t, srv.Login(t, "admin@localhost/desk"), "localhost"}
}

func TestAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, op := start(t)
		if got := op.run("add-user", "accountjid", "romeo@localhost", "password", servertest.Password, "password-verify", "other"); got.errorCondition != "not-acceptable" {
			t.Errorf("two passwords: %s", got.raw)
		}
		if got := op.run("add-user", "accountjid", "romeo@localhost", "password", servertest.Password, "password-verify", servertest.Password); got.noteType != "info" {
			t.Errorf("adding: %s", got.raw)
		}
		if got := op.run("add-user", "accountjid", "romeo@localhost", "password", "x", "password-verify", "x"); got.errorCondition != "conflict" {
			t.Errorf("adding again: %s", got.raw)
		}
		if got := op.run("add-user", "accountjid", "romeo@elsewhere.example", "password", "x", "password-verify", "x"); got.errorCondition != "item-not-found" {
			t.Errorf("adding elsewhere: %s", got.raw)
		}
		romeo := srv.Online(t, "romeo@localhost/garden")

		if got := op.run("user-stats", "accountjid", "romeo@localhost").form; got.Get("rostersize") != "0" || got.Get("onlineresources") != "garden" {
			t.Errorf("statistics: %+v", got)
		}
		if got := op.run("get-user-lastlogin", "accountjids", "romeo@localhost").form; got.Get("lastlogin") != time.Now().UTC().Format(time.RFC3339) {
			t.Errorf("last login: %+v", got)
		}
		romeo.Send(`<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='juliet@localhost' name='Juliet'/></query></iq>`)
		romeo.Expect(`<iq type='result' id='r'/>`)
		if got := op.run("get-user-roster", "accountjids", "romeo@localhost"); !strings.Contains(got.raw, "juliet@localhost") {
			t.Errorf("roster: %s", got.raw)
		}

		if got := op.run("disable-user", "accountjids", "romeo@localhost", "accountjids", "nobody@localhost"); got.noteType != "error" || !strings.Contains(got.note, "nobody@localhost") {
			t.Errorf("disabling: %s", got.raw)
		}
		romeo.ExpectStreamError("policy-violation")
		if got := op.run("get-disabled-users-list", "max_items", "none").form.List("disableduserjids"); len(got) != 1 || got[0] != "romeo@localhost" {
			t.Errorf("disabled: %q", got)
		}
		if got := op.run("reenable-user", "accountjids", "romeo@localhost"); got.noteType != "info" {
			t.Errorf("enabling: %s", got.raw)
		}
		romeo = srv.Online(t, "romeo@localhost/garden")
		op.run("end-user-session", "accountjids", "romeo@localhost/elsewhere")
		romeo.Sync()
		op.run("end-user-session", "accountjids", "romeo@localhost")
		romeo.ExpectStreamError("policy-violation")

		if got := op.run("change-user-password", "accountjid", "romeo@localhost", "password", "another"); got.noteType != "info" {
			t.Errorf("password: %s", got.raw)
		}
		c := srv.Connect(t)
		c.Authenticate("romeo@localhost", "another")
		if got := op.run("delete-user", "accountjids", "romeo@localhost"); got.noteType != "info" || !strings.HasPrefix(got.note, "1 account") {
			t.Errorf("deleting: %s", got.raw)
		}
		synctest.Wait()
		if srv.Core.Default().Exists("romeo") {
			t.Error("the account is still there")
		}
	})
}

func TestCountsAndLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, op := start(t)
		srv.Account(t, "away@localhost")
		idle := srv.Online(t, "idle@localhost/phone")
		idle.Send(`<inactive xmlns='urn:xmpp:csi:0'/>`)
		idle.Sync()
		srv.Online(t, "active@localhost/desk")
		for _, row := range []struct{ num, numField, list, listField, want string }{
			{"get-registered-users-num", "registeredusersnum", "get-registered-users-list", "registereduserjids", "active@localhost admin@localhost away@localhost idle@localhost"},
			{"get-disabled-users-num", "disabledusersnum", "get-disabled-users-list", "disableduserjids", ""},
			{"get-online-users-num", "onlineusersnum", "get-online-users-list", "onlineuserjids", "active@localhost admin@localhost idle@localhost"},
			{"get-active-users-num", "activeusersnum", "get-active-users", "activeuserjids", "active@localhost admin@localhost"},
			{"get-idle-users-num", "idleusersnum", "get-idle-users", "activeuserjids", "idle@localhost"},
		} {
			jids := op.run(row.list, "max_items", "100").form.List(row.listField)
			if got := strings.Join(jids, " "); got != row.want {
				t.Errorf("%s: %s", row.list, got)
			}
			if got := op.run(row.num).form.Get(row.numField); got != string(rune('0'+len(jids))) {
				t.Errorf("%s: %s", row.num, got)
			}
		}
		if got := op.run("get-registered-users-list", "max_items", "2").form.List("registereduserjids"); len(got) != 2 {
			t.Errorf("two are %q", got)
		}
	})
}

func TestMessagesToUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, op := start(t)
		romeo := srv.Online(t, "romeo@localhost/garden")
		op.run("announce", "announcement", "Dinner is ready.")
		romeo.Expect(`<message type='headline' from='localhost'><body>Dinner is ready.</body></message>`)
		op.run("set-motd", "motd", "Be kind.")
		romeo.Expect(`<message type='headline' from='localhost'><body>Be kind.</body></message>`)
		again := srv.Online(t, "romeo@localhost/hall")
		again.Expect(`<presence from='romeo@localhost/garden' to='romeo@localhost/hall'/>`)
		again.Silent()
		op.run("edit-motd", "motd", "Be kinder.")
		again.Silent()
		juliet := srv.Login(t, "juliet@localhost/balcony")
		juliet.Send(`<presence/>`)
		juliet.Expect(`<presence from='juliet@localhost/balcony'/>`)
		juliet.Expect(`<message type='headline' from='localhost'><body>Be kinder.</body></message>`)
		op.run("delete-motd")
		op.run("set-welcome", "welcome", "Welcome to Verona.")
		srv.Account(t, "paris@localhost")
		synctest.Wait()
		paris := srv.Login(t, "paris@localhost/inn")
		paris.Send(`<presence/>`)
		paris.Expect(`<presence from='paris@localhost/inn'/>`)
		paris.Expect(`<message from='localhost'><body>Welcome to Verona.</body></message>`)
		op.run("delete-welcome")
		nurse := srv.Online(t, "nurse@localhost/house")
		nurse.Silent()
	})
}

func TestAdministrators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, op := start(t)
		romeo := operator{t, srv.Login(t, "romeo@localhost/garden"), "localhost"}
		if got := romeo.run("get-online-users-num"); got.errorCondition != "forbidden" {
			t.Fatalf("anybody may: %s", got.raw)
		}
		op.run("edit-admin", "adminjids", "romeo@localhost")
		if got := romeo.run("get-online-users-num"); got.form == nil {
			t.Errorf("an administrator may not: %s", got.raw)
		}
		op.to = "admin@localhost" // §2: also at one's own address
		if got := op.run("get-online-users-num"); got.form == nil {
			t.Errorf("at one's own address: %s", got.raw)
		}
		op.run("edit-admin", "adminjids", "admin@localhost")
		if got := romeo.run("get-online-users-num"); got.errorCondition != "forbidden" {
			t.Errorf("one who is no administrator any more may: %s", got.raw)
		}
	})
}

func TestTheServerIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, op := start(t)
		if got := op.run("shutdown", "delay", "30"); got.errorCondition != "not-allowed" {
			t.Errorf("nothing stops it: %s", got.raw)
		}
		var stopped, restarted atomic.Int32
		srv.Core.OnStop(func(restart bool) {
			if stopped.Add(1); restart {
				restarted.Add(1)
			}
		})
		romeo := srv.Online(t, "romeo@localhost/garden")
		op.run("shutdown", "delay", "300")
		op.run("restart", "delay", "30", "announcement", "Back in a minute.") // the last word counts
		romeo.Expect(`<message type='headline'><body>Back in a minute.</body></message>`)
		time.Sleep(10 * time.Minute) // the bubble's clock: nobody waits
		if stopped.Load() != 1 || restarted.Load() != 1 {
			t.Errorf("stopped %d times, restarted %d", stopped.Load(), restarted.Load())
		}
	})
}
