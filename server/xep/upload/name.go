package upload

import (
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a file's name in bytes.
const maxName = 255

// fileName returns a name as it is kept: the last part of a path, without what
// cannot be seen or turns the direction of writing, and not too long. It is "" when
// nothing is left.
func fileName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s))
	if s == "." || s == ".." {
		return ""
	}
	if len(s) > maxName {
		s = shorten(s)
	}
	return s
}

// shorten cuts a name and keeps its ending.
func shorten(s string) string {
	ending := ""
	if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 32 {
		s, ending = s[:i], s[i:]
	}
	n := maxName - len(ending)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + ending
}

// disposition returns the Content-Disposition of a file (RFC 6266 §4): a name that
// everybody understands, and the right one where that differs (RFC 8187 §3.2).
func disposition(how, name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	b := how + `; filename="` + plain + `"`
	if plain == name {
		return b
	}
	return b + "; filename*=UTF-8''" + percent(name)
}

// percent encodes all but attr-char (RFC 8187 §3.2.1).
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// shown returns the Content-Type that a file is served with, and whether a browser
// may show it. A type is only told where no browser runs what is of it: nothing that
// somebody uploaded can be a script, a style or a page of this site.
func shown(typ string) (contentType string, inline bool) {
	essence, params, _ := mime.ParseMediaType(typ)
	major, minor, _ := strings.Cut(essence, "/")
	switch {
	case major == "image" && !strings.Contains(minor, "xml"), major == "audio", major == "video" && !strings.Contains(minor, "xml"),
		essence == "application/pdf", essence == "application/ogg":
		return essence, true
	case essence == "text/plain":
		if charset := params["charset"]; charset != "" && strings.Trim(charset, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == "" {
			return "text/plain; charset=" + charset, false
		}
		return "text/plain", false // other parameters mean nothing
	}
	return "application/octet-stream", false
}
