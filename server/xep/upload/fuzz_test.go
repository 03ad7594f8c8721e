package upload

import (
	"mime"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFileName checks that a name is one, stays the same when it is cleaned again, and
// comes through a URL and a header unchanged.
func FuzzFileName(f *testing.F) {
	for _, s := range []string{"", "a.jpg", "très cool.jpg", "../x", `..\x`, ".", "..", "a\r\nSet-Cookie: x", "a\u202eb", "\xff", `a"b\`, "%2e%2e", "a;b=c", " ", strings.Repeat("ж", 300) + ".jpg", strings.Repeat("a.", 300), "\u2028", "*''x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := fileName(s)
		if name == "" {
			return
		}
		if again := fileName(name); again != name && strings.TrimSpace(name) == name {
			t.Errorf("%q becomes %q", name, again)
		}
		if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\\r\n\x00") || name == "." || name == ".." {
			t.Errorf("%q is a name", name)
		}
		u, err := url.Parse("https://h" + path + strings.Repeat("a", idLength) + "/" + url.PathEscape(name))
		if err != nil || !strings.HasSuffix(u.Path, "/"+name) {
			t.Errorf("%q is %v in a URL", name, u)
		}
		for _, c := range []byte(url.PathEscape(name)) { // XEP-0363 §4
			if c <= ' ' || c > '~' {
				t.Errorf("%q has %q in a URL", name, c)
			}
		}
		how, params, err := mime.ParseMediaType(disposition("attachment", name))
		if err != nil || how != "attachment" || params["filename"] != name {
			t.Errorf("%q is %v, %v in %s", name, params, err, disposition("attachment", name))
		}
	})
}

// FuzzMediaType checks that what is shown of a type is one of those that browsers do
// not run.
func FuzzMediaType(f *testing.F) {
	for _, s := range []string{"", "image/png", "image/svg+xml", "IMAGE/SVG+XML", "text/html", "text/plain; charset=utf-8", "text/plain;x=\"a\r\nb\"", "video/x;a=b", "application/pdf", "a/b/c", "image/", "/x", "image/x, text/html"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		typ := mediaType(s)
		if typ != "" && mediaType(typ) != typ {
			t.Errorf("%q becomes %q", typ, mediaType(typ))
		}
		out, inline := shown(typ)
		for _, c := range []byte(out) {
			if c < ' ' || c > '~' {
				t.Errorf("%q is shown as %q", s, out)
			}
		}
		essence, _, err := mime.ParseMediaType(out)
		if err != nil {
			t.Fatalf("%q is shown as %q: %v", s, out, err)
		}
		major, minor, _ := strings.Cut(essence, "/")
		switch {
		case strings.Contains(minor, "xml"), major == "text" && minor != "plain", strings.Contains(minor, "script"), strings.Contains(minor, "html"):
			if essence != "application/octet-stream" {
				t.Errorf("%q is shown as %q", s, out)
			}
		case inline && major != "image" && major != "audio" && major != "video" && essence != "application/pdf" && essence != "application/ogg":
			t.Errorf("%q is shown inline", out)
		}
	})
}

// FuzzSlotIn checks that only the URL of a slot is taken for one.
func FuzzSlotIn(f *testing.F) {
	id := strings.Repeat("a2", idLength/2)
	for _, s := range []string{"", "https://h/upload/" + id + "/a", "https://h/upload/" + id, "/upload/" + id + "/a", "aesgcm://h/upload/" + id + "/a#00", "https://h/x?/upload/" + id + "/", "%zz", "https://h/upload/" + id + "%2Fa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := slotIn(s); got != "" && (len(got) != idLength || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz234567") != "") {
			t.Errorf("%q names the slot %q", s, got)
		}
	})
}
