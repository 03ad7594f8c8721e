package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeFile writes a file of mode 0600 into a directory of the test's own.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// noEnvironment unsets what the person who runs the test may have set.
func noEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"NATTER_JID", "NATTER_PASSWORD", "NATTER_DATA", "XDG_DATA_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
}

func TestParseConfig(t *testing.T) {
	for _, row := range []struct{ name, text, err string }{
		{"an empty file is fine", "", ""},
		{"all keys are known", `account = "a@b"
			[accounts."a@b"]
			server = "h:1"
			tls = "direct"
			ca = "f"
			insecure = true
			resource = "r"
			password_command = "c"`, ""},
		{"an unknown key is named with its line and the nearest", "\naccuont = \"a@b\"", `line 2: there is no key "accuont"; did you mean "account"?`},
		{"so is one of an account", "[accounts.\"a@b\"]\nsrever = \"h\"", `line 2: there is no key "srever"; did you mean "server"?`},
		{"one unlike any gets the list", "zzz = 1", `there is no key "zzz" (there are account, accounts)`},
		{"bad syntax is named with its place", "account = ", "line 1, column 10"},
		{"a wrong type is named with its place", "account = 5", "line 1, column 11"},
		{"an account has to be named by an address", `[accounts.romeo]`, `"romeo"`},
		{"the TLS mode has to be one of three", "[accounts.\"a@b\"]\ntls = \"ssl\"", `"ssl" is none of starttls, direct and none`},
		{"there may be one source of the password", "[accounts.\"a@b\"]\npassword = \"x\"\npassword_file = \"y\"", "more than one of"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parseConfig([]byte(row.text))
			if row.err == "" && err != nil || row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)) {
				t.Errorf("error is %v, want %q", err, row.err)
			}
		})
	}
}

func TestConfigWithSecretsHasToBePrivate(t *testing.T) {
	for _, row := range []struct {
		name, text string
		mode       os.FileMode
		ok         bool
	}{
		{"a password in a private file", "[accounts.\"a@b\"]\npassword = \"x\"", 0o600, true},
		{"a password in a readable file", "[accounts.\"a@b\"]\npassword = \"x\"", 0o644, false},
		{"a password command in a writable file", "[accounts.\"a@b\"]\npassword_command = \"x\"", 0o620, false},
		{"no password in a readable file", "account = \"a@b\"", 0o644, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := writeFile(t, "config.toml", row.text)
			if err := os.Chmod(path, row.mode); err != nil {
				t.Fatal(err)
			}
			_, err := loadConfig(path)
			if (err == nil) != row.ok {
				t.Errorf("error is %v", err)
			}
			var f *failure
			if err != nil && (!errors.As(err, &f) || !strings.Contains(f.hint, "chmod 600")) {
				t.Errorf("the hint does not say what to do: %v", err)
			}
		})
	}
}

func TestResolveAccount(t *testing.T) {
	config := writeFile(t, "config.toml", `account = "Romeo@localhost"
[accounts."romeo@localhost"]
server = "chat.example:5223"
resource = "orchard"
password = "from config"
[accounts."juliet@localhost"]
password_command = "echo from command; echo second line"
`)
	secret := writeFile(t, "secret", "from file\r\nnot this\n")
	for _, row := range []struct {
		name  string
		env   map[string]string
		flags accountFlags
		stdin string
		want  account
		err   string
	}{
		{"the config file names the account and all about it", nil, accountFlags{}, "",
			account{password: "from config", resource: "orchard", server: "chat.example:5223"}, ""},
		{"NATTER_JID comes before the config file", map[string]string{"NATTER_JID": "juliet@localhost"}, accountFlags{}, "",
			account{password: "from command"}, ""},
		{"--as comes before NATTER_JID", map[string]string{"NATTER_JID": "x@y"}, accountFlags{as: "romeo@localhost/here"}, "",
			account{password: "from config", resource: "here", server: "chat.example:5223"}, ""},
		{"NATTER_PASSWORD comes before the config file", map[string]string{"NATTER_PASSWORD": "from env"}, accountFlags{}, "",
			account{password: "from env", resource: "orchard", server: "chat.example:5223"}, ""},
		{"--password-file comes before NATTER_PASSWORD", map[string]string{"NATTER_PASSWORD": "from env"}, accountFlags{passwordFile: secret}, "",
			account{password: "from file", resource: "orchard", server: "chat.example:5223"}, ""},
		{"a dash is the first line of standard input", nil, accountFlags{passwordFile: "-"}, "from stdin\nrest",
			account{password: "from stdin", resource: "orchard", server: "chat.example:5223"}, ""},
		{"an empty first line is no password", nil, accountFlags{passwordFile: "-"}, "\n", account{}, "is empty"},
		{"--resource comes before all", nil, accountFlags{as: "romeo@localhost/a", resource: "b", passwordFile: "-"}, "p",
			account{password: "p", resource: "b", server: "chat.example:5223"}, ""},
		{"no password and no terminal is an error", nil, accountFlags{as: "nurse@localhost"}, "", account{}, "no password for nurse@localhost"},
		{"a server is no account", nil, accountFlags{as: "localhost"}, "", account{}, "names a server"},
		{"rubbish is no address", nil, accountFlags{as: "@@"}, "", account{}, "is not an address"},
		{"the TLS mode has to be known", nil, accountFlags{tls: "ssl"}, "", account{}, "--tls"},
	} {
		t.Run(row.name, func(t *testing.T) {
			noEnvironment(t)
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			row.flags.config = config
			got, err := row.flags.resolve(context.Background(), stdio{in: strings.NewReader(row.stdin), out: &bytes.Buffer{}, err: &bytes.Buffer{}})
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Errorf("error is %v, want %q", err, row.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.password != row.want.password || got.resource != row.want.resource || got.server != row.want.server {
				t.Errorf("got %+v", got)
			}
			if got.jid.Resourcepart() != "" {
				t.Errorf("the address %s is not bare", got.jid)
			}
		})
	}
}

func TestWithoutAccountTheErrorSaysHowToNameOne(t *testing.T) {
	noEnvironment(t)
	_, err := (&accountFlags{}).resolve(t.Context(), stdio{in: strings.NewReader(""), err: &bytes.Buffer{}})
	var f *failure
	if !errors.As(err, &f) || f.code != exitUsage {
		t.Fatalf("error is %v", err)
	}
	for _, word := range []string{"--as", "NATTER_JID", "config.toml", "natter user add"} {
		if !strings.Contains(f.hint, word) {
			t.Errorf("the hint does not mention %s: %s", word, f.hint)
		}
	}
}

func TestPasswordLineLeavesTheRest(t *testing.T) {
	r := strings.NewReader("secret\nmessage\n")
	password, err := passwordLine("standard input", r)
	if err != nil || password != "secret" {
		t.Fatalf("got %q, %v", password, err)
	}
	if left, _ := newLineReader(r).next(); left != "message" {
		t.Errorf("what is left starts with %q", left)
	}
}

func TestParsePeer(t *testing.T) {
	for typed, want := range map[string]string{
		"juliet@localhost":         "juliet@localhost",
		"Juliet@Localhost/Balcony": "juliet@localhost/Balcony",
		"localhost":                "localhost",
		"conference.localhost":     "conference.localhost",
		"juliet":                   "",
		"@":                        "",
		"":                         "",
	} {
		j, err := parsePeer(typed, "localhost")
		if (err != nil) != (want == "") || err == nil && j.String() != want {
			t.Errorf("%q: got %s, %v", typed, j, err)
		}
	}
}
