package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/admin"
	"natter/server/auth"
	"natter/server/servertest"
	"natter/server/store"
)

// asked runs natter user with stdin as its input.
func asked(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"user"}, args...), stdio{in: strings.NewReader(stdin), out: &out, err: &errs})
	return outcome{out.String(), errs.String(), code}
}

// closedData is the data directory of a server that has run, with an account
// juliet@localhost, and does not any more.
func closedData(t *testing.T) string {
	t.Helper()
	noEnvironment(t)
	dir := t.TempDir()
	if did := asked(t, "secret\n", "add", "juliet@localhost", "--data", dir); did.code != exitOK {
		t.Fatal(did)
	}
	return dir
}

// running makes a server over the directory that answers at its control socket.
func runningServer(t *testing.T, dir string) *servertest.Server {
	t.Helper()
	srv := servertest.New(t, servertest.Options{Store: store.Options{Path: filepath.Join(dir, databaseFile)}})
	control, err := admin.Start(srv.Core, socket(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close(t.Context()) })
	return srv
}

func TestUserVerbOnAClosedDirectory(t *testing.T) { testUserVerb(t, false) }
func TestUserVerbOnARunningServer(t *testing.T)   { testUserVerb(t, true) }

// testUserVerb goes through the life of an account: both ways have to say and do
// the same.
func testUserVerb(t *testing.T, online bool) {
	dir := closedData(t)
	if online {
		runningServer(t, dir)
	}
	for _, row := range []struct {
		name, stdin, args string
		code              int
		out, err          string
	}{
		{"an account is made", "secret\n", "add romeo@localhost", exitOK, "added romeo@localhost\n", ""},
		{"a name alone is at the only domain", "secret\n", "add nurse", exitOK, "added nurse@localhost\n", ""},
		{"a - takes standard input", "secret", "add tybalt@localhost -", exitOK, "added tybalt@localhost\n", ""},
		{"an account that exists is refused", "secret\n", "add Romeo@localhost", exitRefused, "", "the account romeo@localhost exists already\nnatter user passwd gives it a new password.\n"},
		{"no password is refused", "\n", "add paris@localhost", exitUsage, "", "the first line of standard input is empty"},
		{"no input is refused", "", "add paris@localhost", exitUsage, "", "the first line of standard input is empty"},
		{"another domain is refused", "secret\n", "add romeo@example.org", 0, "", ""},
		{"what is no address is refused", "secret\n", "add romeo@localhost/garden", exitRefused, "", "is not an account's address"},
		{"a password is changed", "other\n", "passwd romeo@localhost", exitOK, "changed the password of romeo@localhost\n", ""},
		{"the password of nobody is not", "other\n", "passwd nobody@localhost", exitRefused, "", "there is no account nobody@localhost\nnatter user list shows which there are.\n"},
		{"several are deleted", "", "del tybalt nurse@localhost", exitOK, "deleted tybalt@localhost\ndeleted nurse@localhost\n", ""},
		{"one that is gone is not", "", "del tybalt@localhost", exitRefused, "", "there is no account tybalt@localhost"},
		{"those that are left are listed", "", "list", exitOK, "juliet@localhost  DATE  offline\nromeo@localhost   DATE  offline\n", ""},
		{"one is shown", "", "info romeo", exitOK, "romeo@localhost\n  created   DATE TIME\n  contacts  0\n  offline   0 messages waiting, 0 bytes\n", ""},
		{"an unknown action suggests the nearest", "", "lst", exitUsage, "", "did you mean list?"},
		{"an action like none lists them", "", "xyz", exitUsage, "", `there is no "xyz", but add, passwd, del, list, info`},
		{"an action without an address says so", "", "add", exitUsage, "", "add needs an address"},
		{"list takes no address", "", "list romeo", exitUsage, "", "list takes no address"},
		{"--random reads no password", "", "add x --random --password-file y", exitUsage, "", "--random makes the password"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if strings.Contains(row.args, "example.org") {
				row.code, row.err = exitUsage, "has no domain example.org, but localhost"
				if online {
					row.code, row.err = exitRefused, "the domain example.org is not served here, but localhost\n"
				}
			}
			did := asked(t, row.stdin, append(strings.Fields(row.args), "--data", dir)...)
			did.out = times.ReplaceAllString(dates.ReplaceAllString(did.out, "DATE"), "TIME")
			if did.code != row.code || did.out != row.out || !strings.Contains(did.err, row.err) || row.err == "" && did.err != "" {
				t.Errorf("exit code %d, said %q and %q; not %d, %q and %q", did.code, did.out, did.err, row.code, row.out, row.err)
			}
		})
	}
}

var dates, times = regexp.MustCompile(`\d{4}-\d\d-\d\d`), regexp.MustCompile(`\d\d:\d\d:\d\d`)

func TestUserPasswordsComeFromManyPlaces(t *testing.T) {
	dir := closedData(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from the file\nand more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	add := func(name, stdin string, args ...string) {
		t.Helper()
		if did := asked(t, stdin, append([]string{"add", name, "--data", dir}, args...)...); did.code != exitOK {
			t.Fatal(did)
		}
	}
	add("stdin", "from standard input\r\n")
	add("file", "no\n", "--password-file", file)
	t.Setenv("NATTER_PASSWORD", "from the environment")
	add("environment", "no\n")
	add("dash", "from standard input\n", "-")
	add("first", "no\n", "--password-file", file)
	t.Setenv("NATTER_PASSWORD", "")
	did := asked(t, "", "add", "random", "second", "--random", "--data", dir)
	found := regexp.MustCompile(`^random@localhost\t([a-z2-9-]{19})\nsecond@localhost\t([a-z2-9-]{19})\n$`).FindStringSubmatch(did.out)
	if found == nil || found[1] == found[2] {
		t.Fatalf("random passwords are told as %q, %q", did.out, did.err)
	}
	srv := runningServer(t, dir)
	for name, password := range map[string]string{
		"stdin": "from standard input", "file": "from the file", "environment": "from the environment",
		"dash": "from standard input", "first": "from the file", "random": found[1], "second": found[2],
	} {
		srv.Connect(t).Authenticate(name+"@localhost", password)
	}
}

func TestUserVerbSpeaksJSON(t *testing.T) {
	dir := closedData(t)
	srv := runningServer(t, dir)
	srv.Login(t, "romeo@localhost/garden")
	did := asked(t, "", "list", "--json", "--data", dir)
	lines := strings.Split(strings.TrimSpace(did.out), "\n")
	if len(lines) != 2 {
		t.Fatalf("two accounts are listed as %q", did.out)
	}
	var romeo admin.Account
	if err := json.Unmarshal([]byte(lines[1]), &romeo); err != nil || romeo.JID != "romeo@localhost" || len(romeo.Sessions) != 1 || romeo.Sessions[0].Resource != "garden" {
		t.Errorf("romeo is %s, %v", lines[1], err)
	}
	did = asked(t, "", "add", "nurse", "--random", "--json", "--data", dir)
	var made struct{ JID, Password string }
	if err := json.Unmarshal([]byte(did.out), &made); err != nil || made.JID != "nurse@localhost" || len(made.Password) != 19 {
		t.Errorf("the nurse is %q, %v", did.out, err)
	}
	if did = asked(t, "", "del", "nurse", "--json", "--data", dir); did.out != "{\"jid\":\"nurse@localhost\"}\n" {
		t.Errorf("a deletion is %q", did.out)
	}
}

func TestUserVerbShowsSessions(t *testing.T) {
	dir := closedData(t)
	srv := runningServer(t, dir)
	srv.Online(t, "romeo@localhost/garden")
	srv.Login(t, "romeo@localhost/phone")
	did := asked(t, "", "list", "--data", dir)
	if !strings.Contains(did.out, "online: garden, phone\n") {
		t.Errorf("the list is %q", did.out)
	}
	did = asked(t, "", "info", "romeo@localhost", "--data", dir)
	for _, want := range []string{"garden from ", ": available with priority 0, not encrypted\n", ": connected, not available, not encrypted\n"} {
		if !strings.Contains(did.out, want) {
			t.Errorf("%q is not in %q", want, did.out)
		}
	}
}

func TestUserVerbWithoutAServer(t *testing.T) {
	noEnvironment(t)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		args  []string
		code  int
		hints []string
	}{
		{"no directory", []string{"--data", filepath.Join(full, "none")}, exitUsage, []string{"there is no such directory", "natter serve --data", "--data DIR"}},
		{"the default directory is not there", nil, exitUsage, []string{"there is no such directory", "Start a server with: natter serve\n"}},
		{"a directory of something else", []string{"--data", full}, exitUsage, []string{"holds no data"}},
		{"a socket nobody answers at", []string{"--control", filepath.Join(full, "no.sock")}, exitConnect, []string{"no server answers there", "prints the path"}},
		{"a domain that is none", []string{"--data", t.TempDir(), "--domain", "a@b"}, exitUsage, []string{`"a@b" is not a domain`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			did := asked(t, "secret\n", append([]string{"add", "juliet"}, row.args...)...)
			for _, hint := range row.hints {
				if !strings.Contains(did.err, hint) {
					t.Errorf("%q is not said, but %q", hint, did.err)
				}
			}
			if did.code != row.code {
				t.Errorf("the exit code is %d", did.code)
			}
		})
	}
	if left, err := os.ReadDir(full); err != nil || len(left) != 1 {
		t.Errorf("something was made where nothing was to be: %v, %v", left, err)
	}
}

func TestUserVerbBeginsWithADomain(t *testing.T) {
	noEnvironment(t)
	dir := t.TempDir()
	for _, row := range []struct {
		name, args, out, err string
	}{
		{"the first account decides", "add juliet@example.org", "added juliet@example.org\n", ""},
		{"a name alone belongs to it", "add romeo", "added romeo@example.org\n", ""},
		{"another domain has to be said", "add nurse@example.com", "", "To make it one of them: --domain example.com"},
		{"and is taken then", "add nurse --domain Example.COM", "added nurse@example.com\n", ""},
		{"a name alone is ambiguous then", "add tybalt", "", `"tybalt" may be at example.com or example.org`},
		{"all are listed", "list", "nurse@example.com   DATE  offline\njuliet@example.org  DATE  offline\nromeo@example.org   DATE  offline\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			did := asked(t, "secret\n", append(strings.Fields(row.args), "--data", dir)...)
			if out := dates.ReplaceAllString(did.out, "DATE"); out != row.out || !strings.Contains(did.err, row.err) {
				t.Errorf("said %q and %q", out, did.err)
			}
		})
	}
}

func TestDeletingOnAClosedDirectoryLeavesNothing(t *testing.T) {
	dir := closedData(t)
	srv := servertest.New(t, servertest.Options{Store: store.Options{Path: filepath.Join(dir, databaseFile)}})
	srv.Befriend(t, "juliet@localhost", "romeo@localhost")
	romeo := srv.Login(t, "romeo@localhost/garden")
	romeo.Send(`<message to='juliet@localhost' type='chat'><body>but soft</body></message>`)
	romeo.Sync()
	romeo.Close()
	srv.Close()
	if did := asked(t, "", "del", "juliet@localhost", "--data", dir); did.code != exitOK {
		t.Fatal(did)
	}
	db, err := store.Open(store.Options{Path: filepath.Join(dir, databaseFile)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if n, err := db.Count(t.Context(), "juliet@localhost"); n != 0 || err != nil {
		t.Errorf("%d messages are left, %v", n, err)
	}
	if n, _, err := db.SpoolStats(t.Context(), "juliet@localhost"); n != 0 || err != nil {
		t.Errorf("%d messages wait, %v", n, err)
	}
	for _, kind := range []string{"account", "roster"} {
		left, err := db.List(t.Context(), "localhost", "juliet", kind, "", "", 0)
		if err != nil || len(left) != 0 {
			t.Errorf("%d documents of kind %s are left, %v", len(left), kind, err)
		}
	}
	db.Close()
	// Romeo was told, as if she had cancelled: nothing is subscribed any more.
	again := runningServer(t, dir).Login(t, "romeo@localhost/garden")
	again.Send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`)
	if said := again.Next(); strings.Contains(said, "both") || strings.Contains(said, "'to'") || strings.Contains(said, `"to"`) {
		t.Errorf("romeo still has %s", said)
	}
}

func TestUserVerbGivesAStartingServerTime(t *testing.T) {
	dir := closedData(t)
	db, err := store.Open(store.Options{Path: filepath.Join(dir, databaseFile)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	where := accountsPlace{data: dir, patience: time.Millisecond}
	_, _, err = where.open(t.Context(), nil, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "does not answer at "+socket(dir)) {
		t.Errorf("a server that does not answer: %v", err)
	}
	where.patience = patience
	type opened struct {
		list []admin.Account
		err  error
	}
	done := make(chan opened)
	go func() {
		accounts, end, err := where.open(t.Context(), nil, io.Discard)
		if err != nil {
			done <- opened{nil, err}
			return
		}
		defer end()
		list, err := accounts.List(t.Context())
		done <- opened{list, err}
	}()
	// It answers at last.
	control, err := admin.Start(servertest.New(t).Core, socket(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close(t.Context()) })
	if got := <-done; got.err != nil || len(got.list) != 0 {
		t.Errorf("a server that was starting lists %v, %v", got.list, got.err)
	}
}

func TestRandomPasswordsArePasswords(t *testing.T) {
	seen := make(map[string]bool)
	for range 20 {
		p := randomPassword()
		if seen[p] || len(p) != 19 {
			t.Errorf("%q", p)
		}
		seen[p] = true
		if _, err := auth.NewCredentials(p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestTheFirstRunMakesTheAdministrator(t *testing.T) {
	for _, row := range []struct {
		name   string
		cfg    server.Config
		exists bool
		made   string
	}{
		{"the first one named", server.Config{Admins: []string{"nurse@localhost", "juliet@localhost"}}, false, "nurse"},
		{"not one of another server", server.Config{Admins: []string{"admin@example.org"}}, false, ""},
		{"not where there are accounts", server.Config{Admins: []string{"admin@localhost"}}, true, ""},
		{"not for tests", server.Config{Admins: []string{"admin@localhost"}, Dev: true}, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := servertest.New(t, servertest.Options{Config: row.cfg, Strict: true})
			if row.exists {
				srv.Account(t, "juliet@localhost")
			}
			before := len(srv.Core.Default().Accounts())
			password, err := firstRun(t.Context(), &options{Server: srv.Core.Config}, srv.Core)
			if err != nil || (password != "") != (row.made != "") || (len(srv.Core.Default().Accounts()) > before) != (row.made != "") {
				t.Fatalf("the password is %q, %v", password, err)
			}
			if row.made != "" && !srv.Core.Default().Exists(row.made) {
				t.Errorf("%s was not made", row.made)
			}
		})
	}
}
