package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
	"natter/server/web"
)

func fetch(s *web.Site, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Host = "localhost"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

var assetRef = regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)

func TestChatPageLoadsOnlyItsOwn(t *testing.T) {
	s := site(servertest.New(t))
	for _, path := range []string{"/", "/room/garden", "/room/%E8%8A%B1%E5%9B%AD"} {
		w := fetch(s, path)
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Fatalf("%s is answered %d, %s", path, w.Code, w.Header().Get("Content-Type"))
		}
		csp := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
		body := w.Body.String()
		if strings.Contains(body, "{{") || !strings.Contains(body, `content="localhost"`) {
			t.Errorf("%s: the page does not name its host:\n%s", path, body)
		}
		refs := assetRef.FindAllStringSubmatch(body, -1)
		if len(refs) < 3 {
			t.Errorf("%s refers to %d files", path, len(refs))
		}
		for _, ref := range refs {
			if a := fetch(s, ref[1]); a.Code != 200 || a.Body.Len() == 0 {
				t.Errorf("%s is answered %d, %d bytes", ref[1], a.Code, a.Body.Len())
			}
		}
		if strings.Contains(body, "http://") || strings.Contains(body, "https://") {
			t.Errorf("%s refers to another site", path)
		}
	}
}

func TestChatPageSaysWhetherGuestsMayCome(t *testing.T) {
	for guests, on := range map[string]bool{"on": true, "off": false} {
		s := site(servertest.New(t, servertest.Options{Config: server.Config{Guests: guests}, Strict: true}))
		if got := strings.Contains(fetch(s, "/").Body.String(), `name="natter-guests" content="guests.localhost"`); got != on {
			t.Errorf("with guests %s the page says %v", guests, got)
		}
	}
}

func TestChatIsSmall(t *testing.T) {
	s := site(servertest.New(t))
	total := 0
	for _, name := range []string{"app.js", "style.css"} {
		w := fetch(s, "/assets/"+name, "Accept-Encoding", "gzip")
		if w.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s is not packed", name)
		}
		total += w.Body.Len()
		r, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if plain := fetch(s, "/assets/"+name); !bytes.Equal(unpacked, plain.Body.Bytes()) {
			t.Errorf("%s packed is not what it is plain", name)
		}
	}
	if total > 300<<10 {
		t.Errorf("the web chat takes %d bytes, more than 300 KB", total)
	}
}

func TestChatIsKeptByBrowsers(t *testing.T) {
	s := site(servertest.New(t))
	ref := assetRef.FindStringSubmatch(fetch(s, "/").Body.String())[1]
	for _, m := range assetRef.FindAllStringSubmatch(fetch(s, "/").Body.String(), -1) {
		if strings.Contains(m[1], "?v=") {
			ref = m[1]
		}
	}
	w := fetch(s, ref)
	if !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%s: Cache-Control %q", ref, w.Header().Get("Cache-Control"))
	}
	if old := fetch(s, "/assets/app.js?v=old"); strings.Contains(old.Header().Get("Cache-Control"), "immutable") {
		t.Error("another edition is kept for good")
	}
	again := fetch(s, "/assets/app.js", "If-None-Match", fetch(s, "/assets/app.js").Header().Get("ETag"))
	if again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("what is known is answered %d, %d bytes", again.Code, again.Body.Len())
	}
	for _, path := range []string{"/assets/", "/assets/index.html", "/assets/..%2fchat.go", "/room/", "/room/a/b"} {
		if w := fetch(s, path); w.Code != 404 {
			t.Errorf("%s is answered %d", path, w.Code)
		}
	}
}
