package muc

import (
	"encoding/json"
	"testing"
)

// TestASearchIsTheSameByEitherWay: what is told quickly from the stored form is never
// wrong about what does not match.
func TestASearchIsTheSameByEitherWay(t *testing.T) {
	texts := []string{"", "Orchard", "ORCHARD & <Garden>", "straße", "Ärger", "\u212Aelvin", "\u0130stanbul", `a "quoted" back\slash`, "fiſh", "a\nb", "日本"}
	words := []string{"orchard", "&", "<garden>", "garden", "straße", "ärger", "kelvin", "istanbul", "i", "k", `"quoted"`, `back\slash`, "fish", "fiſh", "日", "n", "u003c", "name", "a\nb"}
	for _, text := range texts {
		for _, word := range words {
			e := entry{listed: listed{Name: text, Description: "of " + text}, name: "room"}
			data, err := json.Marshal(e.listed)
			if err != nil {
				t.Fatal(err)
			}
			w := searched{words: []string{word}, inName: true, inText: true, inAddress: true}
			if w.matches(&e, "conference.localhost") && !w.mayMatch("room", data, "conference.localhost") {
				t.Errorf("%q is in %q and is passed over", word, text)
			}
		}
	}
}
