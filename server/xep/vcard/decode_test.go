package vcard

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzDecode checks that what is decoded is what was encoded, and that white space
// and padding make no difference.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", " ", "=", "A", "AAEC", "AAE=", "AAE", "AA==", "A A\nE\tC", "AAEC=", "!", "AA=EC", "\u00a0AAEC", "AAEC\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		image := decode(text)
		if spaced := decode(" " + strings.ReplaceAll(text, "A", "A\n") + "\t"); !bytes.Equal(spaced, image) {
			t.Errorf("%q: white space makes %x of %x", text, spaced, image)
		}
		if len(image) == 0 {
			return
		}
		if again := decode(base64.StdEncoding.EncodeToString(image)); !bytes.Equal(again, image) {
			t.Errorf("%q: %x becomes %x when encoded again", text, image, again)
		}
	})
}
