package web_test

import (
	"crypto/tls"
	"io"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/web"
)

// invites is a server with an invitation of juliet's, and its token.
func invites(t *testing.T, v server.Invitation, cfg ...server.Config) (*servertest.Server, *web.Site, string) {
	t.Helper()
	var o servertest.Options
	if len(cfg) > 0 {
		o.Config = cfg[0]
	}
	srv := servertest.New(t, o)
	srv.Account(t, "juliet@localhost")
	_, token, err := srv.Core.Default().Invite(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return srv, site(srv), token
}

// invitation fetches the page of an invitation over TLS, and leaves out its style.
func invitation(s *web.Site, target string, headers ...string) (*httptest.ResponseRecorder, string) {
	r := httptest.NewRequest("GET", "/invite/"+target, nil)
	r.Host, r.TLS = "localhost", &tls.ConnectionState{}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	body := w.Body.String()
	from, to := strings.Index(body, "<style>"), strings.Index(body, "</style>")
	return w, body[:max(from, 0)] + body[max(to, 0):]
}

// post sends the form of an invitation, over TLS unless a header says http.
func post(s *web.Site, token string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/invite/"+token, strings.NewReader(form.Encode()))
	r.Host, r.TLS = "localhost", &tls.ConnectionState{}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "http" {
			r.TLS, r.Host = nil, headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func form(name, password, again string) url.Values {
	return url.Values{"name": {name}, "password": {password}, "again": {again}}
}

var (
	anAccount = server.Invitation{Inviter: "juliet@localhost", Account: true, Contacts: []string{"juliet@localhost"}}
	alert     = regexp.MustCompile(`role="alert" id="problem">([^<]*)<`)
)

func TestThePageOfAnInvitation(t *testing.T) {
	_, s, token := invites(t, anAccount)
	w, body := invitation(s, token)
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, body)
	}
	for _, want := range []string{
		"<h1>juliet@localhost invites you to localhost</h1>", `href="xmpp:localhost?register;preauth=` + token + `"`,
		"<svg ", `<form method="post"`, `autocomplete="new-password"`, `<html lang="en">`, `href="?lang=zh"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	for header, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s is %q", header, got)
		}
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(csp, "script") || strings.Contains(csp, "unsafe") || strings.Contains(body, "<script") {
		t.Errorf("the policy is %q", csp)
	}
	if _, zh := invitation(s, token, "Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8"); !strings.Contains(zh, "juliet@localhost 邀请您加入 localhost") || !strings.Contains(zh, `<html lang="zh-Hans">`) {
		t.Errorf("in Chinese: %s", zh)
	}
	if _, en := invitation(s, token+"?lang=en", "Accept-Language", "zh"); !strings.Contains(en, `<html lang="en">`) {
		t.Errorf("asked for in English: %s", en)
	}
}

func TestAnAccountIsMadeByTheForm(t *testing.T) {
	srv, s, token := invites(t, anAccount)
	juliet := srv.Login(t, "juliet@localhost/balcony")
	juliet.Send(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`)
	juliet.Next()
	w := post(s, token, form("Nurse", "long enough", "long enough"), "Sec-Fetch-Site", "same-origin", "Origin", "null")
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, ">nurse@localhost</strong>") || !strings.Contains(body, `href="/#login/nurse%40localhost"`) || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d: %s", w.Code, body)
	}
	if strings.Contains(body, "long enough") {
		t.Error("the page tells the password")
	}
	juliet.Expect(`<iq type='set'><query xmlns='jabber:iq:roster' scansion:strict='false'><item jid='nurse@localhost' subscription='both'/></query></iq>`)
	c := srv.Connect(t)
	c.Authenticate("nurse@localhost", "long enough")
	for _, again := range []*httptest.ResponseRecorder{fetch(s, "/invite/"+token), post(s, token, form("other", "long enough", "long enough"))} {
		if again.Code != 410 || !strings.Contains(again.Body.String(), "has been used already") || strings.Contains(again.Body.String(), "juliet") {
			t.Errorf("used again: %d: %s", again.Code, again.Body)
		}
	}
}

func TestFormsThatAreRefused(t *testing.T) {
	for _, row := range []struct {
		name    string
		form    url.Values
		headers []string
		status  int
		says    string
	}{
		{"a name that is taken", form("juliet", "long enough", "long enough"), nil, 409, "has that name already"},
		{"an administrator's name", form("admin", "long enough", "long enough"), nil, 409, "has that name already"},
		{"no name", form(" ", "long enough", "long enough"), nil, 422, "Choose a name"},
		{"a name that cannot be", form("a b", "long enough", "long enough"), nil, 422, "cannot be a name"},
		{"an address elsewhere", form("nurse@example.org", "long enough", "long enough"), nil, 422, "cannot be a name"},
		{"no password", form("nurse", "", ""), nil, 422, "too short"},
		{"a short password", form("nurse", "short", "short"), nil, 422, "8 characters or more"},
		{"a password that is the name", form("nursenurse", "NurseNurse", "NurseNurse"), nil, 422, "must not be the name"},
		{"two passwords", form("nurse", "long enough", "long enoug"), nil, 422, "not the same"},
		{"a password no client can send", form("nurse", "a\tbcdefghi", "a\tbcdefghi"), nil, 422, "cannot be used"},
		{"nothing", url.Values{}, nil, 422, "Choose a name"},
		{"another site's form", form("nurse", "long enough", "long enough"), []string{"Sec-Fetch-Site", "cross-site"}, 403, "another page"},
		{"another site's form, of an old browser", form("nurse", "long enough", "long enough"), []string{"Origin", "https://example.org"}, 403, "another page"},
		{"in the clear", form("nurse", "long enough", "long enough"), []string{"http", "chat.example.org"}, 403, "not come over an encrypted"},
		{"a form without end", url.Values{"name": {strings.Repeat("x", 1<<20)}}, nil, 400, "could not"},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv, s, token := invites(t, anAccount, server.Config{Admins: []string{"admin@localhost"}})
			w := post(s, token, row.form, row.headers...)
			m := alert.FindStringSubmatch(w.Body.String())
			if w.Code != row.status || m == nil || !strings.Contains(m[1], row.says) {
				t.Errorf("%d, %q: %s", w.Code, m, w.Body)
			}
			if got := srv.Core.Default().Accounts(); len(got) != 1 {
				t.Errorf("there are the accounts %v", got)
			}
			if v, err := srv.Core.Default().Invitations(t.Context()); err != nil || v[0].Used != 0 {
				t.Errorf("it is used: %v, %v", v, err)
			}
		})
	}
}

func TestWhatIsTypedIsShownAsText(t *testing.T) {
	_, s, token := invites(t, anAccount)
	w := post(s, token, form(`"><script>alert(1)</script>`, "long enough", "long enough"))
	if body := w.Body.String(); strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("got %s", body)
	}
}

func TestInvitationsThatAreNoGood(t *testing.T) {
	for _, row := range []struct {
		name   string
		v      server.Invitation
		change func(t *testing.T, srv *servertest.Server, token string) string
		status int
		says   string
	}{
		{"nobody's", anAccount, func(*testing.T, *servertest.Server, string) string { return "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }, 404, "not valid"},
		{"no token at all", anAccount, func(*testing.T, *servertest.Server, string) string { return "x" }, 404, "not valid"},
		{"the id and another secret", anAccount, func(_ *testing.T, _ *servertest.Server, token string) string {
			return token[:8] + "aaaaaaaaaaaaaaaaaaaaaaaa"
		}, 404, "not valid"},
		{"one that was taken back", anAccount, func(t *testing.T, srv *servertest.Server, token string) string {
			if _, err := srv.Core.Default().RevokeInvitation(t.Context(), "", token[:8]); err != nil {
				t.Fatal(err)
			}
			return token
		}, 404, "not valid"},
		{"one of an account that is gone", anAccount, func(t *testing.T, srv *servertest.Server, token string) string {
			juliet := srv.Login(t, "juliet@localhost/x")
			juliet.Send(`<iq type='set' id='u'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
			juliet.Expect(`<iq type='result' id='u'/>`)
			return token
		}, 404, "not valid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv, s, token := invites(t, row.v)
			token = row.change(t, srv, token)
			for _, w := range []*httptest.ResponseRecorder{fetch(s, "/invite/"+token), post(s, token, form("nurse", "long enough", "long enough"))} {
				body := w.Body.String()
				if w.Code != row.status || !strings.Contains(body, row.says) || strings.Contains(body, "juliet") || strings.Contains(body, "xmpp:") {
					t.Errorf("%d: %s", w.Code, body)
				}
				if w.Header().Get("Cache-Control") != "no-store" {
					t.Error("it may be kept")
				}
			}
		})
	}
}

func TestAnInvitationRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := anAccount
		v.Expires = time.Now().Add(2 * time.Second)
		_, s, token := invites(t, v)
		if w := fetch(s, "/invite/"+token); w.Code != 200 {
			t.Errorf("before: %d", w.Code)
		}
		time.Sleep(3 * time.Second)
		if w := post(s, token, form("nurse", "long enough", "long enough")); w.Code != 410 || !strings.Contains(w.Body.String(), "has expired") {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	})
}

func TestAnInvitationForANameOnThePage(t *testing.T) {
	srv, s, token := invites(t, server.Invitation{Account: true, Name: "nurse"})
	if _, body := invitation(s, token); !strings.Contains(body, `value="nurse"`) || !strings.Contains(body, " readonly") || !strings.Contains(body, "You are invited to localhost") {
		t.Errorf("got %s", body)
	}
	if w := post(s, token, form("peter", "long enough", "long enough")); w.Code != 422 || srv.Core.Default().Exists("peter") {
		t.Errorf("another name: %d: %s", w.Code, w.Body)
	}
	if w := post(s, token, form("nurse", "long enough", "long enough")); w.Code != 200 || !srv.Core.Default().Exists("nurse") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

func TestAnInvitationOfAContactHasNoForm(t *testing.T) {
	srv, s, token := invites(t, server.Invitation{Inviter: "juliet@localhost", Roster: true, Contacts: []string{"juliet@localhost"}})
	_, body := invitation(s, token)
	if strings.Contains(body, "<form") || !strings.Contains(body, `href="xmpp:juliet@localhost?roster;preauth=`+token+`"`) || !strings.Contains(body, "juliet@localhost wants to be in touch") {
		t.Errorf("got %s", body)
	}
	if w := post(s, token, form("nurse", "long enough", "long enough")); w.Code != 403 || srv.Core.Default().Exists("nurse") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// TestManyFormsAtOnce make one account.
func TestManyFormsAtOnce(t *testing.T) {
	srv, s, token := invites(t, anAccount)
	var wait sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		wait.Go(func() {
			codes[i] = post(s, token, form("nurse"+string(rune('a'+i)), "long enough", "long enough")).Code
		})
	}
	wait.Wait()
	made := 0
	for _, c := range codes {
		if c == 200 {
			made++
		} else if c != 410 {
			t.Errorf("answered %d", c)
		}
	}
	if made != 1 || len(srv.Core.Default().Accounts()) != 2 {
		t.Errorf("%d were made: %v", made, srv.Core.Default().Accounts())
	}
}

func TestAnAddressMakesSoManyAccountsByForms(t *testing.T) {
	v := anAccount
	v.Uses = 100
	srv := servertest.New(t, servertest.Options{Strict: true, Config: server.Config{Admins: []string{"juliet@localhost"}}, Log: io.Discard})
	srv.Account(t, "juliet@localhost")
	_, token, err := srv.Core.Default().Invite(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	made, last := 0, 0
	for i := range 15 {
		w := post(site(srv), token, form("nurse"+string(rune('a'+i)), "long enough", "long enough"))
		if last = w.Code; last == 200 {
			made++
		}
	}
	if made != 10 || last != 429 {
		t.Errorf("%d accounts, then %d", made, last)
	}
	guesses := 0
	for range 1000 {
		if fetch(site(srv), "/invite/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").Code == 429 {
			break
		}
		guesses++
	}
	if guesses > 60 {
		t.Errorf("%d wrong tokens were looked at", guesses)
	}
}

// TestAnotherHostsInvitation is found under the public address, which stands for all.
func TestAnotherHostsInvitation(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "verona.example"}}})
	_, token, err := srv.Core.Host("verona.example").Invite(t.Context(), server.Invitation{Account: true})
	if err != nil {
		t.Fatal(err)
	}
	w := post(site(srv), token, form("nurse", "long enough", "long enough"))
	if w.Code != 200 || !srv.Core.Host("verona.example").Exists("nurse") || srv.Core.Host("localhost").Exists("nurse") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// FuzzInviteForm has forms of all kinds sent: the page never fails, and no account is
// made of a name that is not one.
func FuzzInviteForm(f *testing.F) {
	for _, s := range []string{"name=a&password=long+enough&again=long+enough", "%zz", "name=%00&password=%ff%ff%ff%ff%ff%ff%ff%ff&again=%ff", "a;b", "name=x%40localhost&password=longenough&again=longenough"} {
		f.Add(s, "zh;q=0.5, en", "same-origin", "null")
	}
	srv := servertest.New(f, servertest.Options{Log: io.Discard})
	_, token, err := srv.Core.Default().Invite(f.Context(), server.Invitation{Account: true, Uses: server.MaxInvitationUses})
	if err != nil {
		f.Fatal(err)
	}
	s := srv.Site
	f.Fuzz(func(t *testing.T, body, lang, fetchSite, origin string) {
		r := httptest.NewRequest("POST", "/invite/"+token, strings.NewReader(body))
		r.Host, r.TLS = "localhost", &tls.ConnectionState{}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range map[string]string{"Accept-Language": lang, "Sec-Fetch-Site": fetchSite, "Origin": origin} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code == 500 || w.Code == 200 && !strings.Contains(w.Body.String(), "@localhost</strong>") {
			t.Errorf("%q is answered %d", body, w.Code)
		}
	})
}
