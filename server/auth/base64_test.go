package auth

import (
	"bytes"
	"strings"
	"testing"
)

func TestDecodeBase64(t *testing.T) {
	for text, want := range map[string][]byte{
		"": nil, "=": {}, "AA==": {0}, "AAA=": {0, 0}, "AAAA": {0, 0, 0}, "biws": []byte("n,,"), "+/+/": {0xfb, 0xff, 0xbf},
	} {
		got, err := DecodeBase64(text)
		if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"==", "A", "AA", "AA=", "AAA", "AA==x", "AA==AA==", "AB==", "AAB=", " AAAA", "AAAA ", "AA\nAA",
		"AAAA\r\n", "-_-_", "AAAA=", "AAAA====", "\x00", "ä", "=AAA", "A=AA"} {
		_, err := DecodeBase64(text)
		wantFailure(t, err, IncorrectEncoding)
	}
	if b, err := DecodeBase64(strings.Repeat("AAAA", MaxMessage/3)); err != nil || len(b) != MaxMessage {
		t.Errorf("the longest message: %d bytes, %v", len(b), err)
	}
	_, err := DecodeBase64(strings.Repeat("AAAA", MaxMessage/3+1))
	wantFailure(t, err, MalformedRequest)
	if EncodeBase64(nil) != "" || EncodeBase64([]byte("n,,")) != "biws" {
		t.Error("encoding differs")
	}
}
