package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	for _, row := range []struct {
		what, message string
		want          Condition // "" is success
	}{
		{"right password", "\x00romeo\x00" + testPassword, ""},
		{"own bare JID as authzid", "romeo@localhost\x00romeo\x00" + testPassword, ""},
		{"own bare JID, unprepared", "Romeo@LOCALHOST\x00ROMEO\x00" + testPassword, ""},
		{"account imported with SHA-1 keys", "\x00sha1\x00" + testPassword, ""},
		{"wrong password", "\x00romeo\x00rosaline", NotAuthorized},
		{"password with something after it", "\x00romeo\x00" + testPassword + "x", NotAuthorized},
		{"password cut", "\x00romeo\x00" + testPassword[:5], NotAuthorized},
		{"unknown user", "\x00nobody\x00" + testPassword, NotAuthorized},
		{"name that can't be one", "\x00ro meo@x\x00" + testPassword, NotAuthorized},
		{"account with damaged keys", "\x00broken\x00" + testPassword, NotAuthorized},
		{"password no preparation allows", "\x00romeo\x00a\x07b", NotAuthorized},
		{"somebody else's authzid", "juliet@localhost\x00romeo\x00" + testPassword, InvalidAuthzid},
		{"somebody else's authzid, wrong password", "juliet@localhost\x00romeo\x00x", InvalidAuthzid},
		{"unknown user with another's authzid", "romeo@localhost\x00nobody\x00x", InvalidAuthzid},
		{"authzid with resource", "romeo@localhost/x\x00romeo\x00" + testPassword, InvalidAuthzid},
		{"localpart as authzid", "romeo\x00romeo\x00" + testPassword, InvalidAuthzid},
		{"disabled account", "\x00tybalt\x00" + testPassword, AccountDisabled},
		{"disabled account, wrong password", "\x00tybalt\x00x", NotAuthorized},
		{"store trouble", "\x00storm\x00" + testPassword, TemporaryAuthFailure},
		{"empty", "", MalformedRequest},
		{"no NUL", "romeo", MalformedRequest},
		{"one NUL", "romeo\x00" + testPassword, MalformedRequest},
		{"three NULs", "\x00romeo\x00" + testPassword + "\x00", MalformedRequest},
		{"trailing field", "\x00romeo\x00" + testPassword + "\x00x", MalformedRequest},
		{"empty username", "\x00\x00" + testPassword, MalformedRequest},
		{"empty password", "\x00romeo\x00", MalformedRequest},
		{"only NULs", "\x00\x00", MalformedRequest},
		{"username not UTF-8", "\x00rom\xffeo\x00" + testPassword, MalformedRequest},
		{"password not UTF-8", "\x00romeo\x00\xff", MalformedRequest},
		{"authzid not UTF-8", "\xff\x00romeo\x00" + testPassword, MalformedRequest},
		{"over-long", "\x00romeo\x00" + strings.Repeat("a", MaxMessage), MalformedRequest},
		{"over-long password", "\x00romeo\x00" + strings.Repeat("a", MaxPassword+1), NotAuthorized},
	} {
		t.Run(row.what, func(t *testing.T) {
			x, err := testConfig().Start("PLAIN", confidential)
			if err != nil {
				t.Fatal(err)
			}
			out, done, err := x.Step([]byte(row.message))
			if row.want != "" {
				wantFailure(t, err, row.want)
				if done || x.Username() != "" {
					t.Errorf("got %v, %q", done, x.Username())
				}
				return
			}
			if err != nil || !done || out != nil || x.Username() == "" {
				t.Errorf("got %q, %v, %v", out, done, err)
			}
		})
	}
}

func TestStoreTroubleIsKeptForTheLog(t *testing.T) {
	x, err := testConfig().Start("PLAIN", confidential)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = x.Step([]byte("\x00storm\x00" + testPassword))
	if !errors.Is(err, errStorm) {
		t.Errorf("got %v", err)
	}
	var f *Failure
	if errors.As(err, &f); strings.Contains(f.Text, "disk") {
		t.Errorf("the client is told %q", f.Text)
	}
}
