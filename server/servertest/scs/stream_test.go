package scs

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// overhear opens a link to a puppet that says text after the features, and
// returns what the reader made of it: the elements' names and how it ended.
func overhear(t *testing.T, text string) (names []string, end string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(p *puppet, _ int) {
			p.header("")
			p.say(text)
		})
		conn, err := s.dial(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		l := newLink(conn, time.Second, "localhost", "en", func(byte, string) {})
		if err := l.open(t.Context()); err != nil {
			t.Fatal(err)
		}
		for {
			e, err := l.next(t.Context())
			if err != nil {
				end = err.Error()
				break
			}
			names = append(names, e.Name.Local)
		}
		l.cut()
	})
	return names, end
}

func TestTheReaderSeparatesElements(t *testing.T) {
	rows := []struct{ name, text, want, end string }{
		{"elements and white space", " <a/>\n<b><c/></b> </stream:stream>", "a b", "the server ended the stream"},
		{"a socket that closes", "<a/>", "a", "without </stream:stream>"},
		{"a socket that closes within an element", "<a/><b>", "a", "without </stream:stream>"},
		{"an element too deep", strings.Repeat("<d>", maxDepth+1), "", "nests deeper"},
		{"an element too long", "<a b='" + strings.Repeat("x", maxElementBytes) + "'/>", "", "is longer than"},
		{"an element of too many nodes", "<a>" + strings.Repeat("<b/>", maxNodes) + "</a>", "", "more than 100000 nodes"},
		{"a DTD", "<!DOCTYPE x>", "", "DTD"},
		{"a DTD within an element", "<a><!DOCTYPE x></a>", "", "DTD"},
		{"broken XML", "<a/><b></c>", "a", "XML is broken"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			names, end := overhear(t, r.text)
			if got := strings.Join(names, " "); got != r.want || !strings.Contains(end, r.end) {
				t.Errorf("got %q, %q; want %q, %q", got, end, r.want, r.end)
			}
		})
	}
}

func TestTheReaderStopsWhereTheStreamIsRestarted(t *testing.T) {
	names, end := overhear(t, "<proceed xmlns='"+nsTLS+"'/><a/>")
	if len(names) != 1 || end != errRestart.Error() {
		t.Errorf("read %q, then %q", names, end)
	}
}

func TestTooMuchUnreadIsRefused(t *testing.T) {
	m := newMailbox()
	big := entry{elem: &Element{}, raw: strings.Repeat("x", 1<<20)}
	for i := range 64 {
		if err := m.put(big); err != nil {
			t.Fatalf("the %dth megabyte: %v", i, err)
		}
	}
	if err := m.put(big); err != errFlood {
		t.Errorf("got %v", err)
	}
}

func TestPlainTextAfterProceedIsNotTakenForTLS(t *testing.T) {
	script := mustParse(t, "[Client] Romeo\n\tjid: romeo@localhost\n---\nRomeo connects")
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(p *puppet, _ int) {
			p.header("<starttls xmlns='" + nsTLS + "'/>")
			p.hear()
			p.say("<proceed xmlns='" + nsTLS + "'/><stream:features/>")
			p.readOn()
		})
		opt := s.options()
		opt.TLS = testTLS()
		wantFailure(t, script.Play(t.Context(), opt), "bytes of plain text after <proceed/>")
	})
}

func TestCanonicalXML(t *testing.T) {
	e := one(t, "<message to='b' from='a' xml:lang='en'>\n <body>x &lt; y</body> <x:q xmlns:x='n' x:k='&quot;'> <x:r/> text </x:q></message>")
	want := `<message from="a" to="b" xml:lang="en">
  <body>x &lt; y</body>
  <q xmlns="n" {n}k="&quot;">
    text
    <r/>
  </q>
</message>`
	if got := e.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
