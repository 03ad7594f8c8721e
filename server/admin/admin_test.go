package admin_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natter/server"
	"natter/server/admin"
	"natter/server/servertest"
)

// both runs a test with each way to manage the accounts of a server.
func both(t *testing.T, test func(t *testing.T, srv *servertest.Server, accounts admin.Accounts)) {
	options := servertest.Options{Config: server.Config{
		Domains: []string{"localhost", "example.org"}, Admins: []string{"admin@localhost"},
	}}
	t.Run("in the process", func(t *testing.T) {
		srv := servertest.New(t, options)
		test(t, srv, admin.Local(srv.Core))
	})
	t.Run("over the socket", func(t *testing.T) {
		srv := servertest.New(t, options)
		test(t, srv, dial(t, start(t, srv, socket(t))))
	})
}

// socket returns a path that is short enough for a socket.
func socket(t *testing.T) string {
	dir, err := os.MkdirTemp("", "natter-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "control.sock")
}

func start(t *testing.T, srv *servertest.Server, path string) string {
	control, err := admin.Start(srv.Core, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close(t.Context()) })
	return control.Path()
}

func dial(t *testing.T, path string) *admin.Client {
	c, err := admin.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAnAccountThatIsAddedCanLogIn(t *testing.T) {
	both(t, func(t *testing.T, srv *servertest.Server, accounts admin.Accounts) {
		jid, err := accounts.Add(t.Context(), "JULIET@Localhost", servertest.Password)
		if err != nil || jid != "juliet@localhost" {
			t.Fatalf("made %q, %v", jid, err)
		}
		srv.Login(t, "juliet@localhost/balcony")
		jid, err = accounts.Add(t.Context(), "romeo", servertest.Password)
		if err != nil || jid != "romeo@localhost" {
			t.Fatalf("a name alone became %q, %v", jid, err)
		}
	})
}

func TestRefusals(t *testing.T) {
	both(t, func(t *testing.T, srv *servertest.Server, accounts admin.Accounts) {
		srv.Account(t, "juliet@localhost")
		add := func(name, password string) func() error {
			return func() error { _, err := accounts.Add(t.Context(), name, password); return err }
		}
		for _, row := range []struct {
			name   string
			do     func() error
			reason admin.Reason
			says   string
		}{
			{"an account that exists", add("juliet@localhost", "x"), admin.Exists, "juliet@localhost exists already"},
			{"an address in another spelling that exists", add("Juliet@LOCALHOST", "x"), admin.Exists, "exists already"},
			{"a domain that is not served", add("juliet@example.com", "x"), admin.NoHost, "not served here, but localhost, example.org"},
			{"a full address", add("juliet@localhost/balcony", "x"), admin.Invalid, "not an account's address"},
			{"a name with a space", add("juliet capulet@localhost", "x"), admin.Invalid, "not an account's address"},
			{"a name like a path", add("../../etc@localhost", "x"), admin.Invalid, "not an account's address"},
			{"no password", add("nurse@localhost", ""), admin.Invalid, "password cannot be used"},
			{"a password with a control character", add("nurse@localhost", "a\x01b"), admin.Invalid, "password cannot be used"},
			{"the password of nobody", func() error {
				_, err := accounts.SetPassword(t.Context(), "nobody@localhost", "x")
				return err
			}, admin.Unknown, "no account nobody@localhost"},
			{"the removal of nobody", func() error {
				_, err := accounts.Remove(t.Context(), "nobody@localhost")
				return err
			}, admin.Unknown, "no account nobody@localhost"},
			{"a question about nobody", func() error {
				_, err := accounts.Info(t.Context(), "nobody@localhost")
				return err
			}, admin.Unknown, "no account nobody@localhost"},
		} {
			t.Run(row.name, func(t *testing.T) {
				err := row.do()
				var refused *admin.Error
				if !errors.As(err, &refused) || refused.Reason != row.reason || !strings.Contains(refused.Text, row.says) {
					t.Errorf("got %#v, not %s: %s", err, row.reason, row.says)
				}
			})
		}
	})
}

func TestANewPasswordCounts(t *testing.T) {
	both(t, func(t *testing.T, srv *servertest.Server, accounts admin.Accounts) {
		if _, err := accounts.Add(t.Context(), "juliet@localhost", "old"); err != nil {
			t.Fatal(err)
		}
		if _, err := accounts.SetPassword(t.Context(), "juliet@localhost", "new"); err != nil {
			t.Fatal(err)
		}
		srv.Connect(t).Authenticate("juliet@localhost", "new")
	})
}

func TestARemovedAccountIsGoneForEverybody(t *testing.T) {
	both(t, func(t *testing.T, srv *servertest.Server, accounts admin.Accounts) {
		srv.Befriend(t, "juliet@localhost", "romeo@localhost")
		romeo := srv.Online(t, "romeo@localhost/garden")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		if _, err := accounts.Remove(t.Context(), "juliet@localhost"); err != nil {
			t.Fatal(err)
		}
		for said := juliet.Next(); ; said = juliet.Next() {
			if strings.HasPrefix(said, "<stream:error") {
				if !strings.Contains(said, "not-authorized") {
					t.Errorf("the session ended with %s", said)
				}
				break
			}
		}
		for said := romeo.Next(); !strings.Contains(said, "type='unsubscribed'") && !strings.Contains(said, `type="unsubscribed"`); {
			said = romeo.Next()
		}
		list, err := accounts.List(t.Context())
		if err != nil || len(list) != 1 || list[0].JID != "romeo@localhost" {
			t.Errorf("what is left is %v, %v", list, err)
		}
		// The name is free at once.
		if _, err := accounts.Add(t.Context(), "juliet@localhost", servertest.Password); err != nil {
			t.Error(err)
		}
	})
}

func TestListAndInfoTellWhoIsOnline(t *testing.T) {
	both(t, func(t *testing.T, srv *servertest.Server, accounts admin.Accounts) {
		srv.Account(t, "admin@localhost")
		srv.Befriend(t, "juliet@localhost", "romeo@localhost")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		juliet.Send(`<presence><priority>5</priority></presence>`)
		juliet.Send(`<message to='romeo@localhost' type='chat'><body>wherefore?</body></message>`)
		juliet.Sync()
		done := make(chan error)
		srv.Store.Barrier(func(err error) { done <- err })
		<-done

		list, err := accounts.List(t.Context())
		if err != nil || len(list) != 3 {
			t.Fatalf("%d accounts, %v", len(list), err)
		}
		for i, jid := range []string{"admin@localhost", "juliet@localhost", "romeo@localhost"} {
			if a := list[i]; a.JID != jid || a.Admin != (i == 0) || a.Created.IsZero() || a.Sessions == nil || a.Details != nil {
				t.Errorf("account %d is %+v", i, a)
			}
		}
		if s := list[1].Sessions; len(s) != 1 || s[0].Resource != "balcony" || !s[0].Available || s[0].Priority != 5 || s[0].TLS {
			t.Errorf("juliet's sessions are %+v", s)
		}
		a, err := accounts.Info(t.Context(), "romeo@localhost")
		if err != nil || a.Details == nil || a.Details.Contacts != 1 || a.Details.OfflineMessages != 1 || a.Details.OfflineBytes == 0 {
			t.Errorf("romeo is %+v, %+v, %v", a, a.Details, err)
		}
		if a, err = accounts.Info(t.Context(), "juliet@localhost"); err != nil || len(a.Sessions) != 1 {
			t.Errorf("juliet is %+v, %v", a, err)
		}
	})
}
