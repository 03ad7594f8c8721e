package scs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are the scripts the project plays.
func seeds(f *testing.F) []string {
	files, err := filepath.Glob("../../../testdata/scripts/*.scs")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// FuzzParse holds that no text makes the parser panic, and that what it
// accepts is whole: every act has a character, a body where its verb wants
// one, and XML that parses whatever the variables stand for.
func FuzzParse(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Add("[Client] A\n\tjid: a@b\n---\nA sends:\n\t<a b='${base64:${A's JID}}'/>\nA receives: nothing\n")
	f.Add("[Client] A\n\tjid: a@b\nA receives within 1s all of:\n<a b='{scansion:capture:x}'>{scansion:regexp:(}</a>\nA sends raw:\n\t${x}</")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("fuzz.scs", text)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Line < 1 || e.Line > strings.Count(text, "\n")+2 {
				t.Fatalf("error without a line of the script: %v", err)
			}
			return
		}
		for _, a := range s.Acts {
			if a.Who < 0 || a.Who >= len(s.Cast) || a.Within < 0 || a.Within > maxWait {
				t.Fatalf("act %+v", a)
			}
			if need := a.Verb.takesBody(); need > 0 && a.Body == "" || need < 0 && a.Body != "" {
				t.Fatalf("%s with body %q", a.Verb, a.Body)
			}
			if a.Body == "" || a.Verb == SendsRaw {
				continue
			}
			body, err := s.expand(a.Body, scope{
				captured: func(string) (string, bool) { return `<&"'>`, true },
				part:     func(int, string) (string, error) { return `<&"'>`, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			elems, _, err := parseElements(body)
			if err != nil || len(elems) == 0 {
				t.Fatalf("the accepted body %q does not parse: %v", body, err)
			}
		}
	})
}

// FuzzMatch holds that matching and diffing neither panic nor take forever,
// that an element without matchers of its own matches itself, and that a
// mismatch comes with a reason.
func FuzzMatch(f *testing.F) {
	f.Add("<message><a xmlns='x' b='{scansion:any}'/></message>", "<message><a xmlns='x' b='c'/></message>")
	f.Add("<iq id='{scansion:capture:i}'><b scansion:absent='true'/><c>{scansion:regexp:.}</c></iq>", "<iq id='1'><c>x</c><b/></iq>")
	f.Add("<a><b/><b/><b id='1'/></a>", "<a><b id='1'/><b/><c/></a>")
	f.Fuzz(func(t *testing.T, want, got string) {
		ws, _, err := parseElements(want)
		if err != nil || len(ws) == 0 || checkMatchers(ws[0]) != nil {
			return
		}
		gs, _, err := parseElements(got)
		if err != nil || len(gs) == 0 {
			return
		}
		caps := captures{}
		if m := matchStanza(ws[0], gs[0], caps); m != nil && (m.path == "" || m.reason == "") {
			t.Fatalf("no reason: %+v", m)
		}
		diffStanza(ws[0], gs[0], caps)
		if strings.Contains(got, "scansion") {
			return
		}
		if m := matchStanza(gs[0], gs[0], captures{}); m != nil {
			t.Fatalf("%s does not match itself: %v", gs[0], m)
		}
	})
}
