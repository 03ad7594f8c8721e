package c2s_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"natter/server/servertest"
	"natter/server/store"
)

const upgrade = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>"

// imported takes an account's keys for SHA-256 away, as if it had come from a server
// that has none.
func (w *world) imported(t testing.TB, local string) {
	t.Helper()
	key := w.Core.Host("localhost").Key(local, "account", "")
	doc, ok, err := w.Store.Get(context.Background(), key)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	var account map[string]any
	if err := json.Unmarshal(doc.Data, &account); err != nil {
		t.Fatal(err)
	}
	delete(account["Credentials"].(map[string]any), "sha256")
	if doc.Data, err = json.Marshal(account); err != nil {
		t.Fatal(err)
	}
	b := new(store.Batch)
	b.Put(store.Doc{Key: key, Data: doc.Data})
	if err := w.Store.CommitWait(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

// sha1 logs in with SCRAM-SHA-1 up to the answer to the proof, and returns that.
func (p *peer) sha1(inline string) string {
	p.t.Helper()
	s := &scram{mechanism: "SCRAM-SHA-1", password: servertest.Password}
	p.send(authenticate("SCRAM-SHA-1", b64(s.first()), inline))
	p.send(response2(b64(s.final(unb64(p.t, within2(p.expect("<challenge")))))))
	return p.next()
}

func taskData(t testing.TB, offer, password string) string {
	t.Helper()
	count, err := strconv.Atoi(found(t, offer, `<salt xmlns='urn:xmpp:scram-upgrade:0' iterations='(\d+)'>`))
	if err != nil {
		t.Fatal(err)
	}
	salt := unb64(t, found(t, offer, `<salt [^>]*>([^<]+)</salt>`))
	salted, err := pbkdf2.Key(sha256.New, password, []byte(salt), count, 32)
	if err != nil {
		t.Fatal(err)
	}
	return "<task-data xmlns='" + nsSASL2 + "'><hash xmlns='urn:xmpp:scram-upgrade:0'>" + b64(string(salted)) + "</hash></task-data>"
}

const next = "<next xmlns='" + nsSASL2 + "' task='UPGR-SCRAM-SHA-256'/>"

func TestUpgrade(t *testing.T) {
	w := newWorld(t)
	w.imported(t, "juliet")
	s := &scram{password: servertest.Password}
	p := w.dial(t)
	p.open()
	wantFailure(t, s.run(p), "not-authorized") // as it is
	got := p.sha1(userAgent(phone) + bind2 + upgrade + askToken("HT-SHA-256-NONE"))
	with(t, got, "<continue xmlns='"+nsSASL2+"'><additional-data>", "<tasks><task>UPGR-SCRAM-SHA-256</task></tasks></continue>")
	without(t, got, "<token", "<bound") // not before all is done
	p.send(next)
	p.send(taskData(t, p.expect("<task-data"), servertest.Password))
	got = p.expect("<success xmlns='" + nsSASL2 + "'><authorization-identifier>juliet@localhost/")
	with(t, got, "<bound", "<token")
	without(t, got, "<additional-data>") // that was said

	p = w.dial(t)
	p.open()
	p.login2(bind2) // with SHA-256
	p = w.dial(t)
	p.open()
	if got := p.sha1(upgrade); !strings.HasPrefix(got, "<success") { // the old way goes on, and there is nothing to do
		t.Errorf("%s", got)
	}
	w.untouched(t)
}

// TestUpgradeIsForWhoKnowsThePassword: a token does not set another one.
func TestUpgradeIsForWhoKnowsThePassword(t *testing.T) {
	w := newWorld(t)
	token := w.newToken(t, phone)
	w.imported(t, "juliet")
	got := w.present(t, phone, token, "", upgrade)
	wantSuccess(t, got)
}

func TestUpgradeThatFails(t *testing.T) {
	w := newWorld(t)
	w.imported(t, "juliet")
	hash := func(data string) string {
		return "<task-data xmlns='" + nsSASL2 + "'><hash xmlns='urn:xmpp:scram-upgrade:0'>" + data + "</hash></task-data>"
	}
	for name, c := range map[string]struct {
		send      []string
		condition string // of the failure; empty: the stream ends
	}{
		"abort":                  {[]string{"<abort xmlns='" + nsSASL2 + "'/>"}, "aborted"},
		"another task":           {[]string{"<next xmlns='" + nsSASL2 + "' task='UPGR-SCRAM-SHA-512'/>"}, "malformed-request"},
		"a hash that is short":   {[]string{next, hash("AAAA")}, "malformed-request"},
		"a hash that is none":    {[]string{next, hash("*")}, "incorrect-encoding"},
		"an empty hash":          {[]string{next, hash("")}, "malformed-request"},
		"no hash":                {[]string{next, "<task-data xmlns='" + nsSASL2 + "'/>"}, "malformed-request"},
		"data before the salt":   {[]string{hash("AAAA")}, ""},
		"the task twice":         {[]string{next, next}, ""},
		"another login":          {[]string{authenticate("SCRAM-SHA-1", "", "")}, ""},
		"a stanza in the middle": {[]string{next, "<presence/>"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.dial(t)
			p.open()
			with(t, p.sha1(upgrade+bind2), "<continue")
			for _, s := range c.send {
				p.send(s)
			}
			got := p.next()
			if strings.HasPrefix(got, "<task-data") {
				got = p.next()
			}
			if c.condition == "" {
				with(t, got, "<stream:error><policy-violation ")
				return
			}
			wantFailure2(t, got, c.condition)
			with(t, p.sha1(bind2), "<success", "<bound")
		})
	}
	w.untouched(t)
}
