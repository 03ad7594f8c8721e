package search

import (
	"testing"
	"unicode/utf8"

	"natter/stanza"
)

// FuzzCard: whatever a card is, what is kept of it is short, and shown as XML.
func FuzzCard(f *testing.F) {
	f.Add(`<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN><N><FAMILY>Capulet</FAMILY><GIVEN>Juliet</GIVEN></N><NICKNAME> a
 b </NICKNAME><EMAIL><USERID>j@example.org</USERID></EMAIL></vCard>`, "jul")
	f.Add(`<vCard xmlns='vcard-temp'><NICKNAME>ÄÖÜ ΣΑΣ</NICKNAME><N/></vCard>`, "σας")
	f.Add(`<x/>`, "*")
	f.Fuzz(func(t *testing.T, card, looked string) {
		w := wanted{1: looked}
		p := readCard([]byte(card), "")
		if p == nil {
			return
		}
		p.jid = "juliet@localhost"
		for _, v := range append(p.fields[:], p.full) {
			if len(v) > maxKept || !utf8.ValidString(v) {
				t.Errorf("%q keeps %q", card, v)
			}
		}
		for _, b := range [][]byte{p.appendItem(nil), appendResult(nil, []person{*p})} {
			if _, err := stanza.Parse(b, stanza.AfterLogin); err != nil {
				t.Errorf("%q becomes %s", card, b)
			}
		}
		if w.prepare() == nil {
			w.matches(p, "juliet")
		}
	})
}
