package stanza

import (
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"
)

// Names are those of XML 1.0's fourth edition, as encoding/xml and expat read
// them: what only the fifth allows would end the stream of many a recipient.
func TestNameCharacters(t *testing.T) {
	accepts := func(in string) bool {
		_, err := xml.NewDecoder(strings.NewReader(in)).Token()
		return err == nil
	}
	for r := rune(0); r <= 0x10FFFF; r++ {
		if r > 0xFFFF {
			r += 0xFFF // a sample of what no name holds
		}
		if !utf8.ValidRune(r) || r < utf8.RuneSelf && class[r]&isName == 0 || r == ':' {
			continue // those end a name, or part it
		}
		for _, name := range []string{string(r), "a" + string(r)} {
			in := "<" + name + "/>"
			if _, err := Parse([]byte(in), AfterLogin); (err == nil) != accepts(in) {
				t.Fatalf("%U in %s: %v", r, in, err)
			}
		}
	}
}

func TestCharacters(t *testing.T) {
	for r := rune(0); r <= 0x10FFFF; r++ {
		if r == 0x2000 {
			r = 0xD000
		}
		if r == 0x10100 {
			r = 0x10FF00
		}
		if !utf8.ValidRune(r) || strings.ContainsRune("<&", r) {
			continue
		}
		for _, in := range []string{"<a>" + string(r) + "</a>", "<a b=\"" + string(r) + "\"/>", "<a><![CDATA[" + string(r) + "]]></a>"} {
			if _, err := Parse([]byte(in), AfterLogin); (err == nil) != isChar(r) && r != '"' {
				t.Fatalf("%U in %q: %v", r, in, err)
			}
		}
	}
}

// The steps of eight bytes must stop at the same byte as single steps.
func TestPlainRuns(t *testing.T) {
	single := func(b []byte, k uint8) int {
		for i, c := range b {
			if class[c]&k == 0 {
				return i
			}
		}
		return len(b)
	}
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				for _, fill := range "a\n%(;=^~ " {
					b := []byte(strings.Repeat(string(fill), n))
					b[at] = byte(c)
					if plainText(b) != single(b, okText) || plainValue(b) != single(b, okValue) {
						t.Fatalf("%q: text %d, value %d", b, plainText(b), plainValue(b))
					}
				}
			}
		}
	}
}
