package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestFlagsParse(t *testing.T) {
	for _, row := range []struct {
		name        string
		args        []string
		least, most int
		want        []string
		code        int
		says        string
	}{
		{"flags may follow positional arguments", []string{"a", "--count", "3", "b"}, 0, -1, []string{"a", "b"}, exitOK, ""},
		{"two dashes end the flags", []string{"a", "--", "--count", "-1"}, 0, -1, []string{"a", "--count", "-1"}, exitOK, ""},
		{"a lone dash is an argument", []string{"a", "-"}, 0, -1, []string{"a", "-"}, exitOK, ""},
		{"a value may be joined by an equals sign", []string{"--count=3", "a"}, 0, -1, []string{"a"}, exitOK, ""},
		{"help goes to standard output", []string{"--help"}, 1, 1, nil, exitOK, "Usage: natter ping [JID] [flags]"},
		{"an unknown flag suggests the nearest", []string{"--cuont", "3"}, 0, 0, nil, exitUsage, "did you mean --count?"},
		{"an unknown flag unlike any says how to send such text", []string{"-zzzzzzz"}, 0, 0, nil, exitUsage, "starts with a dash goes after --"},
		{"a missing value is named", []string{"--count"}, 0, 0, nil, exitUsage, "--count needs a value"},
		{"a bad value is named", []string{"--count", "many"}, 0, 0, nil, exitUsage, `invalid value "many" for --count`},
		{"too few arguments show what is needed", nil, 1, 1, nil, exitUsage, "it needs [JID]"},
		{"too many arguments name the first", []string{"a", "b"}, 0, 1, nil, exitUsage, `"b" is one word too many`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			fs := newFlags("ping", pingHelp, stdio{out: &out, err: &errs})
			fs.Int("count", 1, "send `N` pings")
			pos, code, ok := fs.parse(row.args, row.least, row.most)
			if code != row.code || ok != (row.says == "") || !slices.Equal(pos, row.want) {
				t.Errorf("got %q, code %d, ok %v", pos, code, ok)
			}
			said := errs.String()
			if row.code == exitOK {
				said = out.String()
			}
			if !strings.Contains(said, row.says) {
				t.Errorf("it says %q, not %q", said, row.says)
			}
		})
	}
}

func TestEveryVerbHasHelp(t *testing.T) {
	for _, v := range verbs() {
		t.Run(v.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"help", v.name}, stdio{out: &out, err: &errs})
			if code != exitOK {
				t.Fatalf("exit code %d, errors %q", code, errs.String())
			}
			help := out.String() + errs.String()
			if want := "Usage: natter " + v.name; !strings.HasPrefix(help, want) {
				t.Errorf("help starts with %.60q, not %q", help, want)
			}
			for n, line := range strings.Split(help, "\n") {
				if len(line) > 120 {
					t.Errorf("line %d has %d characters: %s", n+1, len(line), line)
				}
			}
		})
	}
}

func TestUnknownVerbSuggestsTheNearest(t *testing.T) {
	for typed, want := range map[string]string{
		"sned": `did you mean "send"?`,
		"lis":  `did you mean "listen"?`,
		"xyz":  "natter help lists them.",
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{typed}, stdio{out: &out, err: &errs})
		if code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit code %d, %q", typed, code, errs.String())
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"send", "listen", "serve", "chat", "ping"}
	for typed, want := range map[string]string{
		"sned": "send", "sendd": "send", "lsiten": "listen", "l": "listen", "c": "chat",
		"se": "send", "quit": "", "": "", "pong": "ping",
	} {
		if got := nearest(typed, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"größe", "grosse", 3},
	} {
		if got := editDistance(row.a, row.b); got != row.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", row.a, row.b, got, row.want)
		}
		if got := editDistance(row.b, row.a); got != row.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", row.b, row.a, got, row.want)
		}
	}
}
