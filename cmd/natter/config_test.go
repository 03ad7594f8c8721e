package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"natter/server"
)

func TestTheManualTellsEverySettingOnce(t *testing.T) {
	o := defaultOptions()
	told := make(map[string]int)
	for _, c := range o.manual() {
		for _, p := range c.paragraphs {
			if len(strings.TrimSpace(p.text)) < 20 {
				t.Errorf("%q says too little of %v", p.text, p.settings)
			}
			for _, s := range p.settings {
				told[s.key]++
			}
		}
	}
	for _, s := range o.all() {
		if told[s.key] != 1 {
			t.Errorf("%s is told %d times", s.key, told[s.key])
		}
		switch s.field.Interface().(type) {
		case string, bool, int, int64, time.Duration, []string:
		default:
			t.Errorf("%s is a %v, which a configuration file cannot say", s.key, s.field.Type())
		}
	}
}

func TestTheConfigFileSaysTheDefaults(t *testing.T) {
	t.Setenv("HOME", "/home/juliet")
	// Everything taken in that is commented out.
	text := regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(configFile(), "$1")
	o := &options{}
	if line, err := o.parseConfig([]byte(text)); err != nil {
		t.Fatalf("line %d: %v\n%s", line, err, text)
	}
	want := defaultOptions()
	want.Data = "/home/juliet/.local/share/natter"
	want.Server.Files = want.Data + "/files"
	others := want.all()
	for i, s := range o.all() {
		if noDefault[s.key] == "" && !reflect.DeepEqual(s.field.Interface(), others[i].field.Interface()) {
			t.Errorf("%s is %v in the file, %v in the server", s.key, s.field, others[i].field)
		}
	}
	if full := server.Defaults(o.Server); !reflect.DeepEqual(full, o.Server) {
		t.Errorf("defaults change %+v to %+v", o.Server, full)
	}
}

func TestDocsAreFresh(t *testing.T) {
	docs, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(docs) != configMarkdown() {
		t.Error("docs/config.md is stale: go generate ./cmd/natter")
	}
}

// written writes a configuration file and returns its path.
func written(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "natter.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// parsed reads a command line of serve.
func parsed(t *testing.T, args ...string) (o *options, says string) {
	t.Helper()
	var out, errs bytes.Buffer
	o, code, ok := serveOptions("serve", args, stdio{out: &out, err: &errs})
	if !ok && code != exitUsage {
		t.Errorf("the exit code is %d", code)
	}
	return o, errs.String()
}

func TestWrongConfigFiles(t *testing.T) {
	noEnvironment(t)
	for _, row := range []struct{ name, text, says string }{
		{"an unknown key has a line and the nearest one", "data = \"x\"\n\nofline_messages = 5\n", `natter.toml:3: there is no setting "ofline_messages"; did you mean "offline_messages"?`},
		{"a key unlike any has a line", "\nzzzzzzzzzzzz = 1\n", `natter.toml:2: there is no setting "zzzzzzzzzzzz"`},
		{"a table is an unknown key", "[limits]\nidle = \"5m\"\n", "natter.toml:1: there is no setting"},
		{"a syntax error has a line", "data = \"x\"\nidle =\n", "natter.toml:2: "},
		{"a key given twice has a line", "idle = \"5m\"\nidle = \"6m\"\n", "natter.toml:2: "},
		{"a time has a unit", "memory = true\nidle = \"300\"\n", `natter.toml:2: idle: "300" is not a time such as "5m"`},
		{"a time is not a number", "idle = 300\n", `natter.toml:1: idle: "300" is not a time`},
		{"a time is not negative", "idle = \"-5m\"\n", "natter.toml:1: idle: -5m0s is too short"},
		{"a size has a known unit", "queue_bytes = \"1 MeB\"\n", `natter.toml:1: queue_bytes: "1 MeB" is not a number, nor a size such as "10 MiB"`},
		{"a number is not zero", "\n\nresources = 0\n", "natter.toml:3: resources: 0 is out of range; leave the line out for the default"},
		{"a size fits", "offline_bytes = \"9999999999999 GiB\"\n", "natter.toml:1: "},
		{"a switch is true or false", "register = \"yes\"\n", "natter.toml:1: register: it takes true or false, without quotes\n"},
		{"a list is a list", "domains = \"localhost\"\n", "natter.toml:1: domains: it takes a list, such as"},
		{"a list is of texts", "domains = [\n  \"a.example\",\n  5\n]\n", "domains: it takes a list, such as"},
		{"a text has quotes", "memory = true\nc2s = 5222\n", "natter.toml:2: c2s: it takes a text in quotes\n"},
		{"a number is no list", "resources = [1]\n", "natter.toml:1: resources: it takes a number"},
		{"a time is no switch", "idle = true\n", "natter.toml:1: idle: "},
		{"a path is not empty", "data = \"\"\n", "natter.toml:1: data: it is empty"},
		{"a domain is one", "domains = [\"juliet@localhost\"]\n", `"juliet@localhost" is not a domain`},
		{"a domain is given once", "domains = [\"a.example\", \"A.example\"]\n", "the domain a.example is there twice"},
		{"an administrator has a name", "admins = [\"localhost\"]\n", `the administrator "localhost" is not an address`},
		{"a log level is one of four", "log_level = \"loud\"\n", `log_level is "loud"`},
		{"of proxies too", "proxy_protocol = [\"10.0.0.1\", \"lb.example.org\"]\n", `proxy_protocol: "lb.example.org" is neither an address nor a network`},
		{"a listener is one", "proxy_protocol_on = [\"c2s-tls\"]\n", `proxy_protocol_on: "c2s-tls" is none of c2s, c2s_tls, http and https`},
		{"a network is one", "metrics_from = [\"10.0.0.0/99\"]\n", `"10.0.0.0/99" is neither an address nor a network`},
		{"a stanza may not be smaller than the RFC says", "max_stanza = 500\n", "RFC 6120 §13.12"},
		{"a certificate needs a key", "cert = \"x\"\n", "--cert and --key go together"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, says := parsed(t, "--config", written(t, row.text))
			if !strings.Contains(says, row.says) {
				t.Errorf("it says %q, not %q", says, row.says)
			}
			if lines := strings.Split(strings.TrimSpace(says), "\n"); len(lines) > 3 {
				t.Errorf("it says too much: %q", lines)
			}
		})
	}
}

func TestFlagsOverrideTheFileAndTheFileTheDefaults(t *testing.T) {
	noEnvironment(t)
	file := written(t, `
		domains = ["example.org", "example.com"]
		archive = false
		c2s = "127.0.0.1:1111"
		http = "off"
		idle = "1h30m"
		queue_bytes = "2 MiB"
		offline_messages = 1_000_000
		admins = ["Nurse@Example.org"]
		data = "~/natter"
	`)
	t.Setenv("NATTER_CONFIG", file)
	o, says := parsed(t, "--c2s", "127.0.0.1:2222")
	if o == nil {
		t.Fatal(says)
	}
	home, _ := os.UserHomeDir()
	for _, row := range []struct {
		name      string
		got, want any
	}{
		{"domains of the file", o.Server.Domains, []string{"example.org", "example.com"}},
		{"a switch of the file", o.Server.Archive, false},
		{"an address on the command line", o.C2S, "127.0.0.1:2222"},
		{"an address that is off in the file", o.HTTP, "off"},
		{"an address of neither, for a real domain", o.C2STLS, ":5223"},
		{"a time", o.Server.Idle, 90 * time.Minute},
		{"a size", o.Server.QueueBytes, 2 << 20},
		{"a number", o.Server.OfflineMessages, 1_000_000},
		{"an address in normal form", o.Server.Admins, []string{"nurse@example.org"}},
		{"a path below home", o.Data, filepath.Join(home, "natter")},
		{"the socket in it", o.Control, filepath.Join(home, "natter", "control.sock")},
	} {
		if !reflect.DeepEqual(row.got, row.want) {
			t.Errorf("%s: %v, not %v", row.name, row.got, row.want)
		}
	}
	if o, says = parsed(t, "--domain", "localhost", "--archive", "on", "--memory"); o == nil {
		t.Fatal(says)
	}
	if !slices.Equal(o.Server.Domains, []string{"localhost"}) || !o.Server.Archive || !o.Memory || o.Data != "" {
		t.Errorf("flags came to %+v", o)
	}
}

func TestCommandLinesOfServe(t *testing.T) {
	noEnvironment(t)
	for _, row := range []struct {
		name, args, says string
	}{
		{"--dev listens on loopback only", "--dev --c2s 0.0.0.0:5222", "--dev lets anybody in"},
		{"--dev does not listen everywhere", "--dev --https :5281", "not with --https on :5281"},
		{"--memory and --data exclude each other", "--memory --data x", "choose one"},
		{"--cert needs --key", "--cert x", "--cert and --key go together"},
		{"an address has a port", "--c2s localhost", `--c2s: "localhost" is not HOST:PORT (nor "off")`},
		{"something has to be on", "--c2s off --c2s-tls off --http off --https off", "nothing to listen on"},
		{"--archive is on or off", "--archive yes", "--archive takes on or off"},
		{"a domain is one", "--domain a@b", `"a@b" is not a domain`},
		{"a file has to be there", "--config /nonexistent/natter.toml", "natter config > FILE makes one"},
		{"an unknown flag suggests the nearest", "--no-limit", "did you mean --no-limits?"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if o, says := parsed(t, strings.Fields(row.args)...); o != nil || !strings.Contains(says, row.says) {
				t.Errorf("it says %q, not %q", says, row.says)
			}
		})
	}
	for _, row := range []struct {
		name, args string
		holds      func(*options) bool
	}{
		{"nothing is needed", "", func(o *options) bool {
			return o.C2S == "127.0.0.1:5222" && o.HTTPS == "127.0.0.1:5281" && o.Server.Archive && !o.Server.Register &&
				o.Data == defaultDataDir() && o.Control == socket(o.Data) && o.Server.Admins[0] == "admin@localhost"
		}},
		{"--dev is in memory and open", "--dev", func(o *options) bool { return o.Memory && o.Data == "" && o.Server.Register && o.Server.Dev }},
		{"--dev keeps data where told", "--dev --data x", func(o *options) bool { return !o.Memory && o.Data == "x" }},
		{"a domain is served to everybody", "--domain Example.ORG", func(o *options) bool {
			return o.C2S == ":5222" && o.Server.Domains[0] == "example.org"
		}},
		{"a domain with --dev is not", "--dev --domain example.org", func(o *options) bool { return o.C2S == "127.0.0.1:5222" }},
		{"an address may be off", "--c2s off", func(o *options) bool { return o.C2S == off && o.C2STLS == "127.0.0.1:5223" }},
		{"--no-limits lifts limits", "--no-limits", func(o *options) bool { return o.Server.NoLimits }},
		{"--archive off", "--archive off", func(o *options) bool { return !o.Server.Archive }},
	} {
		t.Run(row.name, func(t *testing.T) {
			if o, says := parsed(t, strings.Fields(row.args)...); o == nil || !row.holds(o) {
				t.Errorf("it came to %+v, %s", o, says)
			}
		})
	}
}

func TestNumbersAndTimesAreWrittenAsTheyAreRead(t *testing.T) {
	for _, n := range []int64{1, 999, 1000, 1024, 10_000, 256 << 10, 10 << 20, 3 << 30, 1<<20 + 1} {
		if back, err := parseNumber(strings.Trim(formatNumber(n), `"`)); err != nil || back != n {
			t.Errorf("%d is written %s and read %d, %v", n, formatNumber(n), back, err)
		}
	}
	for want, d := range map[string]time.Duration{
		"1s": time.Second, "90ms": 90 * time.Millisecond, "5m": 5 * time.Minute, "1h": time.Hour,
		"1h30m": 90 * time.Minute, "90d": 90 * 24 * time.Hour, "24h": 24 * time.Hour, "1m30s": 90 * time.Second, "10m10s": 610 * time.Second, "1h0m1s": time.Hour + time.Second,
	} {
		if got := formatSpan(d); got != want {
			t.Errorf("%v is written %s, not %s", d, got, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(configFile()))
	f.Add([]byte("idle = \"5m\"\nqueue_bytes = \"1 MiB\"\ndomains = ['a', 'b']\n"))
	f.Add([]byte("[a]\nb = {c = 1979-05-27T07:32:00Z}\n"))
	f.Add([]byte("resources = -9223372036854775808\nregister = true\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := &options{}
		if line, err := o.parseConfig(data); line < 0 || line > bytes.Count(data, []byte("\n"))+1 {
			t.Errorf("line %d of %q: %v", line, data, err)
		}
	})
}

func TestConfigVerb(t *testing.T) {
	noEnvironment(t)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"config", "--hooks"}, stdio{out: &out, err: &errs}); code != exitOK {
		t.Fatal(code, errs.String())
	}
	at := -1
	for _, stage := range []string{"FromAccount", "ToAccount", "ToSession", "Sent", "Stored", "Undelivered", "SessionEnded"} {
		i := strings.Index(out.String(), "\n"+stage+"\n")
		if stage == "FromAccount" {
			i = strings.Index(out.String(), stage+"\n")
		}
		if i <= at {
			t.Errorf("%s is not there or out of order:\n%s", stage, out.String())
		}
		at = i
	}
	if !strings.Contains(out.String(), "blocking  all stanzas  if the account blocks somebody") {
		t.Errorf("blocking is missing:\n%s", out.String())
	}
	good := written(t, "idle = \"1m\"\n")
	out.Reset()
	if code := run(t.Context(), []string{"config", "--check", good}, stdio{out: &out, err: &errs}); code != exitOK || out.String() != good+" is right\n" {
		t.Errorf("a right file: %d, %q, %q", code, out.String(), errs.String())
	}
	if code := run(t.Context(), []string{"config", "--check", written(t, "idel = 1\n")}, stdio{out: &out, err: &errs}); code != exitUsage || !strings.Contains(errs.String(), `did you mean "idle"?`) {
		t.Errorf("a wrong file: %d, %q", code, errs.String())
	}
}
