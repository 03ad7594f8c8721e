package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"natter/server/admin"
	"natter/server/servertest"
)

func TestTokensFromTheCommandLine(t *testing.T) {
	noEnvironment(t)
	srv := servertest.New(t)
	srv.Account(t, "bot@localhost")
	control, err := admin.Start(srv.Core, t.TempDir()+"/control.sock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close(context.Background()) })
	do := func(args ...string) outcome {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"token"}, append(args, "--control", control.Path())...), stdio{in: strings.NewReader(""), out: &out, err: &errs})
		return outcome{out.String(), errs.String(), code}
	}
	made := do("add", "bot@localhost", "--room", "ops", "--nick", "Backup", "--for", "backups")
	token := strings.TrimSpace(made.out)
	if made.code != exitOK || !strings.HasPrefix(token, "natter_") || !strings.Contains(made.err, "ops@conference.localhost, as Backup") {
		t.Fatalf("%+v", made)
	}
	listed := do("list", "bot@localhost")
	id, _, _ := strings.Cut(listed.out, " ")
	if !strings.Contains(listed.out, "backups") || strings.Contains(listed.out, token) {
		t.Errorf("%+v", listed)
	}
	url := srv.HTTP(t)
	status := func() int {
		req, err := http.NewRequest("GET", url+"/api/rooms/ops", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := status(); got != http.StatusNotFound { // known, but there is no such room
		t.Errorf("with the token: %d", got)
	}
	if got := do("revoke", id); got.code != exitOK || !strings.Contains(got.out, "revoked "+id) {
		t.Errorf("%+v", got)
	}
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("with the revoked token: %d", got)
	}
	for _, row := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"revoke", id}, exitRefused, "there is no token"},
		{[]string{"add", "nobody@localhost"}, exitRefused, "there is no account"},
		{[]string{"add", "bot", "--room", "@"}, exitRefused, "not the address of a room"},
		{[]string{"lst", "bot"}, exitUsage, "did you mean list?"},
		{[]string{"list"}, exitUsage, "list needs the JID of an account"},
		{[]string{"revoke"}, exitUsage, "revoke needs the ID of a token"},
		{[]string{"list", "bot", "--room", "x"}, exitUsage, "go with add"},
		{[]string{"add", "bot", "--nick", "a\x01"}, exitRefused, "cannot be a nick"},
	} {
		if got := do(row.args...); got.code != row.code || !strings.Contains(got.err, row.says) {
			t.Errorf("%q: %+v", row.args, got)
		}
	}
}
