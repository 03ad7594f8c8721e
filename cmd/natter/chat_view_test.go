package main

import (
	"strings"
	"testing"
	"time"
)

// viewAt returns a view of the width, whose clock stands at noon.
func viewAt(width int) *view {
	v := newView()
	v.symbols = true
	v.width = func() int { return width }
	v.now = func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }
	return v
}

func TestSaidLinesUp(t *testing.T) {
	at := time.Date(2026, 11, 21, 11, 58, 0, 0, time.UTC)
	for _, row := range []struct {
		name  string
		width int
		line  line
		want  string
	}{
		{"a short line", 40, line{at: at, nick: "juliet", text: "hello"},
			"11:58  juliet  hello"},
		{"a shorter name is padded", 40, line{at: at, nick: "bo", text: "hello"},
			"11:58  bo      hello"},
		{"a long line is wrapped at blanks, below its beginning", 40, line{at: at, nick: "juliet", text: "O Romeo, Romeo! wherefore art thou Romeo?"},
			"11:58  juliet  O Romeo, Romeo! wherefore\n               art thou Romeo?"},
		{"a word longer than the line is cut", 40, line{at: at, nick: "juliet", text: "abcdefghijklmnopqrstuvwxyz"},
			"11:58  juliet  abcdefghijklmnopqrstuvwxy\n               z"},
		{"lines of the text stay lines", 40, line{at: at, nick: "juliet", text: "one\n  two"},
			"11:58  juliet  one\n                 two"},
		{"wide characters count twice", 40, line{at: at, nick: "juliet", text: strings.Repeat("日", 13)},
			"11:58  juliet  " + strings.Repeat("日", 12) + "\n               日"},
		{"combining marks do not count", 40, line{at: at, nick: "juliet", text: strings.Repeat("e\u0301", 25)},
			"11:58  juliet  " + strings.Repeat("e\u0301", 25)},
		{"what is said after it fits behind it", 40, line{at: at, nick: "juliet", text: "hello", tail: "✓"},
			"11:58  juliet  hello ✓"},
		{"or goes below it", 40, line{at: at, nick: "juliet", text: "wherefore art thou Romeo?", tail: "✓"},
			"11:58  juliet  wherefore art thou Romeo?\n               ✓"},
		{"without a screen nothing is wrapped", 0, line{at: at, nick: "juliet", text: strings.Repeat("word ", 40) + "end"},
			"11:58  juliet  " + strings.Repeat("word ", 40) + "end"},
		{"yesterday has a date", 0, line{at: at.AddDate(0, 0, -1), nick: "juliet", text: "hello"},
			"20 Nov 11:58  juliet  hello"},
		{"last year has a year", 0, line{at: at.AddDate(-1, 0, 0), nick: "juliet", text: "hello"},
			"21 Nov 2025 11:58  juliet  hello"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := strings.Join(viewAt(row.width).said(row.line), "\n"); got != row.want {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

func TestColumnOfNamesGrowsToItsLimit(t *testing.T) {
	v := viewAt(0)
	v.fit("Mercutio")
	if got := v.said(line{at: v.now(), nick: "bo", text: "x"})[0]; got != "12:00  bo        x" {
		t.Errorf("got %q", got)
	}
	if got := v.said(line{at: v.now(), nick: "A name that is far too long", text: "x"})[0]; got != "12:00  A name that is …  x" {
		t.Errorf("got %q", got)
	}
}

func TestColoursOnlyWhereWanted(t *testing.T) {
	v := viewAt(0)
	if got := v.paint(styleRed, "x"); got != "x" {
		t.Errorf("without colours: %q", got)
	}
	v.colours = true
	got := v.said(line{at: v.now(), nick: "bo", nickStyle: styleBold, text: "hello", tail: "✓"})[0]
	if want := "\x1b[2m12:00\x1b[0m  \x1b[1mbo\x1b[0m      hello \x1b[2m✓\x1b[0m"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if stripEscapes(got) != "12:00  bo      hello ✓" {
		t.Errorf("stripped: %q", stripEscapes(got))
	}
	styles := map[string]bool{}
	for _, address := range []string{"a@x", "b@x", "c@x", "d@x", "e@x", "f@x"} {
		styles[nickStyle(address)] = true
	}
	if len(styles) < 3 {
		t.Errorf("six people have %d colours", len(styles))
	}
}

func TestWrapLosesNothing(t *testing.T) {
	for _, s := range []string{"", " ", "a", "a b c d e f g h", "  leading blanks stay here", strings.Repeat("日本", 40), "x" + strings.Repeat(" ", 50) + "y", "long-word-without-blanks-at-all and more"} {
		for room := 1; room < 30; room++ {
			pieces := wrap(s, room)
			if got, want := strings.ReplaceAll(strings.Join(pieces, ""), " ", ""), strings.ReplaceAll(s, " ", ""); got != want {
				t.Fatalf("wrap(%q, %d) = %q", s, room, pieces)
			}
			for _, p := range pieces {
				if cells(p) > max(room, 2) {
					t.Fatalf("wrap(%q, %d) has %q of %d cells", s, room, p, cells(p))
				}
			}
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("hello wide 日本 world", 7)
	f.Add("\x1b[2Ja\u0301\u202e", 1)
	f.Fuzz(func(t *testing.T, s string, room int) {
		s = printable(s)
		for _, p := range wrap(s, room%100) {
			if room%100 > 1 && cells(p) > room%100 {
				t.Errorf("%q has %d cells, not %d", p, cells(p), room%100)
			}
		}
	})
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                    "plain",
		"tab\tand\nnewline":        "tab\tand\nnewline",
		"\r\n":                     "\n",
		"esc \x1b[31m red":         "esc \ufffd[31m red",
		"c1 \u009b31m":             "c1 \ufffd31m",
		"bell\a del\x7f":           "bell\ufffd del\ufffd",
		"bidi \u202eabc\u2066":     "bidi \ufffdabc\ufffd",
		"שלום":                     "שלום",
		"line\u2028sep":            "line\ufffdsep",
		"emoji 👩\u200d👩\u200d👧 ok": "emoji 👩\u200d👩\u200d👧 ok",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q becomes %q, not %q", in, got, want)
		}
	}
	if got := escapeLine("a\\n\tb\nc"); got != `a\\n\tb\nc` {
		t.Errorf("escaped: %q", got)
	}
	if got := oneLine(" a\n\nb\t c "); got != "a b c" {
		t.Errorf("on one line: %q", got)
	}
}

func TestZoneOffset(t *testing.T) {
	for seconds, want := range map[int]string{0: "Z", 3600: "+01:00", -12600: "-03:30", 20700: "+05:45"} {
		if got := zoneOffset(time.Now().In(time.FixedZone("", seconds))); got != want {
			t.Errorf("%d seconds: %s, want %s", seconds, got, want)
		}
	}
}
