package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"natter/stanza"
)

// FuzzPost holds that what is taken of a post can be sent: text that is UTF-8, and data
// that are an element.
func FuzzPost(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "hello"}, {"text/plain; charset=utf-8", "a\r\n"}, {"application/x-www-form-urlencoded", "a=b"}, {"application/json", `{"body":"x"}`},
		{"application/json", `{"event":"urn:x","data":{"a":["</json>","\u0000"]},"id":"<&'>"}`}, {"application/json", `{"event":"\ud800","data":null}`},
		{"application/json", `{"body":"x"}{"body":"y"}`}, {"image/png", "x"}, {"application/json;;", "{}"}, {"", "\xff"}, {"application/json", `{"body":1}`},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		r := httptest.NewRequest("POST", "/api/rooms/x/messages", strings.NewReader(string(body)))
		r.Header = http.Header{"Content-Type": {kind}}
		v, err := readPost(httptest.NewRecorder(), r)
		if err != nil {
			return
		}
		if !utf8.ValidString(v.Body) || strings.ContainsAny(v.Event, "\r\n") {
			t.Fatalf("taken: %+v", v)
		}
		if p := v.payload(); p != nil {
			if _, err := stanza.Parse(p, stanza.Limits{Bytes: 1 << 20, Depth: 100, Attrs: 100, Namespaces: 100, Memory: 1 << 20}); err != nil {
				t.Fatalf("%q is no element: %v", p, err)
			}
		}
	})
}

// FuzzForwarded holds that what proxies say is read without a panic, and that no word
// more than was written comes of it.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{`for=192.0.2.1;proto=https`, `for="[2001:db8::1]:4711", for=_hidden;by="a,b"`, `192.0.2.1, "`, `;;,,==`, `for="\"`} {
		f.Add(seed, seed, "https")
	}
	f.Fuzz(func(t *testing.T, forwarded, xff, proto string) {
		h := http.Header{}
		h.Set("Forwarded", forwarded)
		if n := len(forwardedHops(h)); n > strings.Count(forwarded, ",")+1 {
			t.Fatalf("%d hops of %q", n, forwarded)
		}
		h = http.Header{}
		h.Set("X-Forwarded-For", xff)
		h.Set("X-Forwarded-Proto", proto)
		if n := len(forwardedHops(h)); n > strings.Count(xff, ",")+1 {
			t.Fatalf("%d hops of %q", n, xff)
		}
	})
}
