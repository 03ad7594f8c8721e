package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// challenge returns the server-first-message for a name, without the nonce.
func challenge(t *testing.T, c *Config, mechanism, name string) string {
	t.Helper()
	x, err := c.Start(mechanism, loopback)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := x.Step([]byte("n,,n=" + name + ",r=abc"))
	if err != nil {
		t.Fatal(err)
	}
	nonce, rest, _ := strings.Cut(string(out), ",")
	if !strings.HasPrefix(nonce, "r=abc") || len(nonce) < 5+22 {
		t.Fatalf("nonce %q", nonce)
	}
	return rest
}

func TestUnknownUsersLookLikeKnownOnes(t *testing.T) {
	c := testConfig()
	for _, name := range scramNames {
		known := challenge(t, c, name, "romeo")
		seen := map[string]bool{known: true}
		for _, user := range []string{"nobody", "noone", "broken", "no body@x"} {
			got := challenge(t, c, name, user)
			if len(got) != len(known) || got[len(got)-7:] != known[len(known)-7:] {
				t.Errorf("%s: %q is told from %q", user, got, known)
			}
			if got != challenge(t, testConfig(), name, user) {
				t.Errorf("%s: the salt changes from try to try", user)
			}
			if seen[got] {
				t.Errorf("%s: the salt is another's", user)
			}
			seen[got] = true
		}
		// Other spellings of one name are one name.
		if challenge(t, c, name, "NoBody") != challenge(t, c, name, "nobody") {
			t.Error("a name in capitals has another salt")
		}
		other := testConfig()
		other.Domain = "example.org"
		if challenge(t, other, name, "nobody") == challenge(t, c, name, "nobody") {
			t.Error("another host has the same salt")
		}
		other = testConfig()
		other.Secret = bytes.Repeat([]byte{7}, 32)
		if challenge(t, other, name, "nobody") == challenge(t, c, name, "nobody") {
			t.Error("another server has the same salt")
		}
	}
	if challenge(t, c, "SCRAM-SHA-1", "nobody") == challenge(t, c, "SCRAM-SHA-256", "nobody") {
		t.Error("both hashes have the same salt, which no account has")
	}
}

func TestWithoutSecretNobodyLogsIn(t *testing.T) {
	c := testConfig()
	c.Secret = nil
	_, err := c.Start("SCRAM-SHA-1", loopback)
	wantFailure(t, err, TemporaryAuthFailure)
}

func TestUnknownUsersFailLikeKnownOnes(t *testing.T) {
	c := testConfig()
	for _, name := range scramNames {
		_, known := play(c, name, loopback, xdgClient(t, name, "romeo", "rosaline", "", nil))
		for _, user := range []string{"nobody", "broken", "no body@x", "tybalt"} {
			_, err := play(c, name, loopback, xdgClient(t, name, user, "rosaline", "", nil))
			if err == nil || err.Error() != known.Error() {
				t.Errorf("%s %s: %v, while a known user hears %v", name, user, err, known)
			}
		}
		_, err := play(c, name, loopback, xdgClient(t, name, "tybalt", testPassword, "", nil))
		wantFailure(t, err, AccountDisabled)
	}
	// An account without keys for one hash is unknown to it, not an error.
	_, err := play(c, "SCRAM-SHA-256", loopback, xdgClient(t, "SCRAM-SHA-256", "sha1", testPassword, "", nil))
	wantFailure(t, err, NotAuthorized)
	if _, err := play(c, "SCRAM-SHA-1", loopback, xdgClient(t, "SCRAM-SHA-1", "sha1", testPassword, "", nil)); err != nil {
		t.Error(err)
	}
}

func TestMadeUpKeysFitNothing(t *testing.T) {
	c := testConfig()
	for _, f := range []*family{scramSHA1, scramSHA256} {
		k := c.fake("nobody", f)
		if !k.usable(f) {
			t.Errorf("%s: made-up keys don't have the shape of real ones", f.name)
		}
		if f.verify(&k, "") || f.verify(&k, testPassword) {
			t.Errorf("%s: a password fits", f.name)
		}
	}
}

func TestNamesArePreparedAsAddressesAre(t *testing.T) {
	for in, want := range map[string]string{
		"romeo": "romeo", "ROMEO": "romeo", "rÖmeo": "römeo", norm.NFD.String("römeo"): "römeo",
		"r0.m-e_o": "r0.m-e_o", "ｒｏｍｅｏ": "romeo", "romeo\\20m": "romeo\\20m",
	} {
		if got, ok := prepareName(in); !ok || got != want {
			t.Errorf("%q: got %q, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "a b", "a@b", "a/b", "a\"b", "a&b", "a'b", "a:b", "a<b", "a>b", "\u00ad", "\u200b",
		"a\u0000", "\xff", strings.Repeat("a", 1024), "☃\ufe0f", "𝔯𝔬𝔪𝔢𝔬\u0007"} {
		if got, ok := prepareName(in); ok {
			t.Errorf("%q is taken for %q", in, got)
		}
	}
}

func TestPasswordsWorkWhicheverWayAClientPreparesThem(t *testing.T) {
	for _, row := range []struct{ what, set, typed string }{
		{"ASCII", "pencil", "pencil"},
		{"composed against decomposed", "p\u00e4ss", "p\u00e4ss"},
		{"ellipsis as typed", "wait\u2026", "wait\u2026"},
		{"ellipsis folded by SASLprep", "wait\u2026", "wait..."},
		{"roman numeral folded", "\u2168", "IX"},
		{"full-width letters folded", "\uff50\uff57", "pw"},
		{"no-break space mapped", "a\u00a0b", "a b"},
		{"no-break space as typed", "a\u00a0b", "a\u00a0b"},
		{"soft hyphen dropped", "pass\u00adword", "password"},
		{"emoji, which SASLprep does not know", "\U0001f600\U0001f44d", "\U0001f600\U0001f44d"},
		{"right-to-left", "\u05e9\u05dc\u05d5\u05dd1", "\u05e9\u05dc\u05d5\u05dd1"},
		{"decomposed as typed", "a\u0308", "a\u0308"},
		{"decomposed, then composed", "a\u0308", "\u00e4"},
		{"spaces around", " a ", " a "},
	} {
		t.Run(row.what, func(t *testing.T) {
			creds := credentialsOf(row.set)
			if !creds.Verify(row.typed) {
				t.Error("PLAIN refuses it")
			}
			for _, f := range []*family{scramSHA1, scramSHA256} {
				k := f.keys(&creds)
				got, err := f.derive([]string{row.typed}, k.Salt, k.Iterations)
				if err != nil {
					t.Fatal(err)
				}
				fits := bytes.Equal(got.StoredKey, k.StoredKey)
				for _, o := range k.Other {
					fits = fits || bytes.Equal(got.StoredKey, o.StoredKey)
				}
				if !fits {
					t.Errorf("%s refuses it", f.name)
				}
			}
			if creds.Verify(row.typed+"x") || creds.Verify("") {
				t.Error("another password is accepted")
			}
		})
	}
}

func TestAlternativeFormsLogInAndTheServerProvesItself(t *testing.T) {
	creds := credentialsOf("wait\u2026")
	c := testConfig()
	c.Lookup = func(string) (Credentials, bool, error) { return creds, true, nil }
	for _, name := range scramNames {
		// This client folds by SASLprep, and checks the server's signature.
		if _, err := play(c, name, loopback, xdgClient(t, name, "romeo", "wait\u2026", "", nil)); err != nil {
			t.Error(err)
		}
		_, err := play(c, name, loopback, xdgClient(t, name, "romeo", "wait.", "", nil))
		wantFailure(t, err, NotAuthorized)
	}
}

func TestPasswordsThatCanNotBe(t *testing.T) {
	for _, p := range []string{"", "a\x00b", "a\nb", "\xff", strings.Repeat("a", MaxPassword+1), "\u00ad"} {
		if _, err := NewCredentials(p); err != ErrPassword {
			t.Errorf("%q: %v", p, err)
		}
		if testCredentials().Verify(p) {
			t.Errorf("%q is accepted", p)
		}
	}
	if _, err := NewCredentialsIterations("a", 4095); err == nil {
		t.Error("fewer iterations than clients take")
	}
}

func TestCredentialsAreSaltedAndSurviveTheStore(t *testing.T) {
	a, b := credentialsOf("same"), credentialsOf("same")
	if bytes.Equal(a.SHA1.Salt, b.SHA1.Salt) || bytes.Equal(a.SHA256.StoredKey, b.SHA256.StoredKey) ||
		bytes.Equal(a.SHA1.Salt, a.SHA256.Salt) || len(a.SHA1.Salt) != 16 {
		t.Error("salts repeat")
	}
	a = credentialsOf("wait\u2026")
	a.Disabled = true
	stored, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back Credentials
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	if !back.Disabled || !back.Verify("wait...") || !back.Verify("wait\u2026") || len(back.SHA1.Other) != 1 {
		t.Errorf("came back as %s", stored)
	}
	if bytes.Contains(stored, []byte("wait")) {
		t.Error("the password is stored")
	}
	if (Credentials{}).Verify("") || (Credentials{}).Verify("a") {
		t.Error("no credentials verify something")
	}
}

func TestCredentialsDoNotShowInLogs(t *testing.T) {
	creds := testCredentials()
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "creds", creds, "keys", creds.SHA1, "pair", KeyPair{creds.SHA1.StoredKey, creds.SHA1.ServerKey})
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		fmt.Fprintf(&log, verb+verb+verb+verb, creds, &creds, creds.SHA256, KeyPair{creds.SHA1.StoredKey, creds.SHA1.ServerKey})
	}
	wantNoSecret(t, log.String())
}

// secretForms lists how a secret could turn up in a text.
func secretForms(b []byte) []string {
	var decimal []string
	for _, c := range b {
		decimal = append(decimal, fmt.Sprint(c))
	}
	return []string{string(b), fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), EncodeBase64(b),
		strings.Join(decimal, " "), strings.Join(decimal, ",")}
}
