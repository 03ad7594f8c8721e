package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"natter/server"
	"natter/server/admin"
	"natter/server/servertest"

	"rsc.io/qr"
)

// inviting is a server with a control socket, and natter invite on it.
func inviting(t *testing.T) (*servertest.Server, func(args ...string) outcome) {
	t.Helper()
	noEnvironment(t)
	srv := servertest.New(t)
	srv.Core.SetSites("", "https://localhost")
	srv.Account(t, "juliet@localhost")
	control, err := admin.Start(srv.Core, t.TempDir()+"/control.sock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close(context.Background()) })
	return srv, func(args ...string) outcome {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"invite"}, append(args, "--control", control.Path())...), stdio{in: strings.NewReader(""), out: &out, err: &errs})
		return outcome{out.String(), errs.String(), code}
	}
}

func TestInvitationsFromTheCommandLine(t *testing.T) {
	srv, do := inviting(t)
	made := do("--user", "Nurse", "--contact", "juliet", "--expires", "2d")
	m := regexp.MustCompile(`^https://localhost/invite/([a-z2-7]{32})\nxmpp:nurse@localhost[?]register;preauth=([a-z2-7]{32})\n$`).FindStringSubmatch(made.out)
	if made.code != exitOK || m == nil || m[1] != m[2] || !strings.Contains(made.err, "the account nurse@localhost, with the contact juliet@localhost") {
		t.Fatalf("%+v", made)
	}
	c := srv.Connect(t)
	c.Send(`<iq type='set' id='p' to='localhost'><preauth xmlns='urn:xmpp:pars:0' token='` + m[1] + `'/></iq>`)
	c.Expect(`<iq type='result' id='p'/>`)

	var i admin.Invitation
	got := do("--uses", "3", "--json")
	if err := json.Unmarshal([]byte(got.out), &i); err != nil || i.Uses != 3 || !i.Account || !strings.HasPrefix(i.URI, "xmpp:localhost?register;preauth="+i.ID) || i.URL == "" {
		t.Errorf("%v: %+v", err, got)
	}
	got = do("--no-account", "--contact", "juliet@localhost", "--qr")
	if !strings.Contains(got.out, "xmpp:juliet@localhost?roster;preauth=") || strings.Contains(got.out, "ibr=y") || !strings.Contains(got.out, " ▄▄▄▄▄ █") {
		t.Errorf("%+v", got)
	}
	listed := do("list")
	for _, want := range []string{m[1][:8], i.ID, "by the server", "0 of 3", "an account at localhost", "be a contact of juliet@localhost"} {
		if !strings.Contains(listed.out, want) {
			t.Errorf("the list lacks %s: %+v", want, listed)
		}
	}
	if strings.Contains(listed.out, m[1]) {
		t.Errorf("the list tells a token: %+v", listed)
	}
	if got := do("revoke", i.ID, m[1][:8]); got.code != exitOK || strings.Count(got.out, "revoked ") != 2 {
		t.Errorf("%+v", got)
	}
	if got := do("list", "--json"); strings.Count(got.out, "\n") != 1 {
		t.Errorf("%+v", got)
	}
}

func TestInvitationsThatAreRefused(t *testing.T) {
	_, do := inviting(t)
	for _, row := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--user", "juliet"}, exitRefused, "is taken"},
		{[]string{"--user", "a b"}, exitRefused, "cannot be an account's name"},
		{[]string{"--user", "nurse@example.org"}, exitRefused, "is not served here"},
		{[]string{"--contact", "nobody"}, exitRefused, "there is no account nobody@localhost"},
		{[]string{"--user", "nurse", "--uses", "2"}, exitRefused, "is used once"},
		{[]string{"--uses", "5000"}, exitRefused, "up to 1000 times"},
		{[]string{"--expires", "500d"}, exitRefused, "a year at the most"},
		{[]string{"revoke", "none"}, exitRefused, "there is no invitation none"},
		{[]string{"revoke"}, exitUsage, "revoke needs the ids"},
		{[]string{"list", "x"}, exitUsage, "no further word"},
		{[]string{"list", "--uses", "2"}, exitUsage, "takes no flag"},
		{[]string{"lst"}, exitUsage, "did you mean list?"},
		{[]string{"nurse"}, exitUsage, "goes after --user"},
		{[]string{"--expires", "soon"}, exitUsage, "a time such as 7d"},
		{[]string{"--expires", "0d"}, exitUsage, "a time that is to come"},
		{[]string{"--uses", "0"}, exitUsage, "a number from 1"},
		{[]string{"--no-account"}, exitUsage, "goes with one --contact"},
		{[]string{"--account"}, exitUsage, "go with --as"},
		{[]string{"--as", "juliet@localhost"}, exitUsage, "do not go with it"},
	} {
		if got := do(row.args...); got.code != row.code || !strings.Contains(got.err, row.says) {
			t.Errorf("%q: %+v", row.args, got)
		}
	}
}

func TestInvitingAsAUser(t *testing.T) {
	w := newWorld(t, servertest.Options{Config: server.Config{InviteAccounts: server.InviteAdmins, Admins: []string{"juliet@localhost"}}})
	w.Core.SetSites("", "https://localhost")
	got := w.natter("romeo@localhost", "", "invite")
	if m := regexp.MustCompile(`^https://localhost/invite/[a-z2-7]{32}\nxmpp:romeo@localhost[?]roster;preauth=[a-z2-7]{32}\n$`).FindString(got.out); got.code != exitOK || m == "" {
		t.Errorf("%+v", got)
	}
	if got := w.natter("romeo@localhost", "", "invite", "--account"); got.code != exitRefused || !strings.Contains(got.err, "not for you") {
		t.Errorf("%+v", got)
	}
	got = w.natter("juliet@localhost", "", "invite", "--account", "--user", "nurse", "--expires", "3d", "--no-contact", "--json")
	var i invited
	if err := json.Unmarshal([]byte(got.out), &i); err != nil || !strings.HasPrefix(i.URI, "xmpp:nurse@localhost?register;") || i.Expires.IsZero() {
		t.Errorf("%v: %+v", err, got)
	}
	list := w.natter("juliet@localhost", "", "invite", "list")
	id, _, _ := strings.Cut(list.out, " ")
	if list.code != exitOK || !strings.Contains(list.out, "the account nurse") || strings.Count(list.out, "\n") != 1 {
		t.Errorf("%+v", list)
	}
	if got := w.natter("romeo@localhost", "", "invite", "revoke", id); got.code != exitRefused || !strings.Contains(got.err, "you have no invitation") {
		t.Errorf("%+v", got)
	}
	if got := w.natter("juliet@localhost", "", "invite", "revoke", id); got.code != exitOK || got.out != "1 taken back.\n" {
		t.Errorf("%+v", got)
	}
	if got := w.natter("juliet@localhost", "", "invite", "list"); got.out != "" || !strings.Contains(got.err, "no invitations") {
		t.Errorf("%+v", got)
	}
	for _, row := range []struct {
		says string
		args []string
	}{
		{"say --account", []string{"--user", "x"}}, {"whole days", []string{"--account", "--expires", "5h"}}, {"do not go with it", []string{"--contact", "x"}},
	} {
		if got := w.natter("juliet@localhost", "", append([]string{"invite"}, row.args...)...); got.code != exitUsage || !strings.Contains(got.err, row.says) {
			t.Errorf("%q: %+v", row.args, got)
		}
	}
}

// TestACodeIsDrawnAsItIs, with room around it, in both ways.
func TestACodeIsDrawnAsItIs(t *testing.T) {
	const text = "https://chat.example.org/invite/abcdefghijklmnopqrstuvwxyz234567"
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	for _, colours := range []bool{true, false} {
		drawn := strings.ReplaceAll(strings.ReplaceAll(qrText(text, colours), "\x1b[30;107m", ""), "\x1b[0m", "")
		lines := strings.Split(strings.TrimSuffix(drawn, "\n"), "\n")
		for y := -quiet; y < code.Size+quiet; y++ {
			line := []rune(lines[(y+quiet)/2])
			if len(line) != code.Size+2*quiet {
				t.Fatalf("line %d has %d characters", y, len(line))
			}
			for x := -quiet; x < code.Size+quiet; x++ {
				r := line[x+quiet]
				inked := r == '█' || (y+quiet)%2 == 0 && r == '▀' || (y+quiet)%2 == 1 && r == '▄'
				want := x >= 0 && y >= 0 && x < code.Size && y < code.Size && code.Black(x, y)
				if inked == colours != want {
					t.Fatalf("module %d, %d is wrong (colours: %t)", x, y, colours)
				}
			}
		}
	}
	if qrText(strings.Repeat("x", 10_000), true) != "" {
		t.Error("there is a code for what none can hold")
	}
}

func FuzzLifetime(f *testing.F) {
	for _, s := range []string{"7d", "1d12h", "36h", "", "d", "-1d", "99999999999999999999d", "65535d2540400h", "1dd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := lifetime(s); err == nil && (d < 0 || d == 0 && s != "") {
			t.Errorf("%q is %v", s, d)
		}
	})
}
