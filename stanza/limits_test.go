package stanza

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// list makes n attributes or elements from a pattern.
func list(pattern string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, pattern, i)
	}
	return b.String()
}

func TestLimits(t *testing.T) {
	l := Limits{Bytes: 20_000, Depth: 4, Attrs: 8, Namespaces: 3, Memory: 4096}
	for _, row := range []struct {
		name, in, text string // text "" means accepted
	}{
		{"as many bytes as allowed", "<a b='" + strings.Repeat("x", 20_000-9) + "'/>", ""},
		{"a byte more", "<a b='" + strings.Repeat("x", 20_000-8) + "'/>", "more than 20000 bytes"},
		{"white space around does not count", strings.Repeat(" ", 30_000) + "<a/>" + strings.Repeat(" ", 30_000), ""},
		{"two elements count apart", list("<a>"+strings.Repeat("x", 15_000)+"%d</a>", 2), ""},
		{"an unfinished name too long for all", "<" + strings.Repeat("n", 1025), "name too long"},
		{"a name as long as allowed", "<" + strings.Repeat("n", 1024) + "/>", ""},
		{"as deep as allowed", "<a><a><a><a/></a></a></a>", ""},
		{"one deeper", "<a><a><a><a><a/></a></a></a></a>", "elements nest too deep"},
		{"as many attributes as allowed", "<a " + list("a%d='' ", 8) + "/>", ""},
		{"one attribute more", "<a " + list("a%d='' ", 9) + "/>", "too many attributes"},
		{"declarations count as attributes", "<a " + list("a%d='' ", 6) + list("xmlns:b%d='u' ", 3) + "/>", "too many attributes"},
		{"as many declarations in scope as allowed", "<a xmlns:a='u'><b xmlns:b='u' xmlns='u'><c/></b></a>", ""},
		{"one declaration more", "<a xmlns:a='u'><b xmlns:b='u' xmlns='u'><c xmlns='v'/></b></a>", "too many namespace declarations"},
		{"declarations out of scope don't count as in it", "<a>" + list("<b xmlns='urn:%d'/>", 20) + "</a>", ""},
		{"but cost memory", "<a><b>" + list("<b xmlns='urn:%d'/>", 500) + "</b></a>", "too many elements or declarations"},
		{"direct children cost memory", "<a>" + list("<b>%d</b>", 500) + "</a>", "too many elements or declarations"},
		{"other elements do not", "<a><b>" + list("<b>%d</b>", 900) + "</b></a>", ""},
		{"unescaped namespace names cost memory", "<a><b>" + list("<b xmlns='&lt;"+strings.Repeat("x", 500)+"%d'/>", 10) + "</b></a>", "too many elements or declarations"},
	} {
		t.Run(row.name, func(t *testing.T) {
			sts, _, err := elements(l, []byte(row.in))
			if row.text == "" {
				if err != nil || len(sts) == 0 {
					t.Fatalf("%d elements, error %v", len(sts), err)
				}
				return
			}
			var se *StreamError
			if !errors.As(err, &se) || se.Condition != "policy-violation" || se.Text != row.text {
				t.Errorf("got %v, want policy-violation: %s", err, row.text)
			}
		})
	}
}

func TestUnsetLimitsAreThoseAfterLogin(t *testing.T) {
	if got := (Limits{Bytes: -1}).orDefault(); got != AfterLogin {
		t.Errorf("got %+v", got)
	}
	if got := BeforeLogin.orDefault(); got != BeforeLogin {
		t.Errorf("got %+v", got)
	}
}

// What a hostile element makes the scanner allocate is bounded by the memory
// budget, whatever its bytes are.
func TestHostileElementsCostBoundedMemory(t *testing.T) {
	const size = 10 << 20
	fill := func(head, unit string) []byte {
		return []byte(head + strings.Repeat(unit, size/len(unit)))
	}
	for name, in := range map[string][]byte{
		"ten megabytes of text":           fill("<message><body>", "x"),
		"a ten megabyte value":            fill("<message a='", "x"),
		"a ten megabyte name":             fill("<", "x"),
		"a ten megabyte CDATA section":    fill("<a><![CDATA[", "]"),
		"a ten megabyte reference":        fill("<a>&#", "0"),
		"a ten megabyte entity name":      fill("<a>&", "x"),
		"nesting":                         fill("", "<a>"),
		"nesting with declarations":       fill("", "<a xmlns:a='' >"),
		"direct children":                 fill("<a>", "<a/>"),
		"declarations":                    fill("<a><a>", "<a xmlns=''/>"),
		"declarations with references":    fill("<a><a>", "<a xmlns='&lt;'/>"),
		"attributes":                      fill("<a ", "a='' "),
		"attributes with different names": []byte("<a " + list("a%d='' ", 1_000_000)),
		"prefixes":                        []byte("<a " + list("xmlns:a%d='u' ", 500_000)),
		"white space in a tag":            fill("<a ", " "),
		"a document type":                 fill("<!DOCTYPE a [", "<!ENTITY a 'b'>"),
		"brackets":                        fill("<a>", "]"),
		"ten megabytes of open tags":      fill("", "<"),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := ParseIn(in, NSClient, AfterLogin)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("no error")
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 8*uint64(AfterLogin.Memory) { // garbage of growing slices included
				t.Errorf("%d bytes allocated", got)
			}
		})
	}
}

// Each byte is looked at a bounded number of times however the input comes: with
// quadratic work these would take minutes.
func TestBigElementsInSmallPieces(t *testing.T) {
	half := 120 << 10
	for name, in := range map[string]string{
		"text":            "<message><body>" + strings.Repeat("x", half) + "</body></message>",
		"value":           "<message a='" + strings.Repeat("x", half) + "'/>",
		"non-ASCII text":  "<message><body>" + strings.Repeat("é", half/2) + "</body></message>",
		"white space":     "<message " + strings.Repeat(" ", half) + "/>",
		"CDATA":           "<message><![CDATA[" + strings.Repeat("]", half) + "]]></message>",
		"references":      "<message>" + strings.Repeat("&#00000000000000000000000000000000065;", half/40) + "</message>",
		"long names":      "<message>" + strings.Repeat("<"+strings.Repeat("n", 1000)+"></"+strings.Repeat("n", 1000)+">", half/2000) + "</message>",
		"many attributes": "<message><body>" + strings.Repeat("<a "+list("a%d='' ", 100)+"/>", half/1000) + "</body></message>",
	} {
		t.Run(name, func(t *testing.T) {
			s := NewScanner(AfterLogin)
			if ev, _, err := s.Next([]byte(openClient)); ev != StreamOpen {
				t.Fatal(err)
			}
			buf := []byte(in)
			for i := range buf {
				ev, n, err := s.Next(buf[:i+1])
				if err != nil {
					t.Fatalf("after %d bytes: %v", i+1, err)
				}
				if last := i == len(buf)-1; (ev == Element) != last || last && n != len(buf) {
					t.Fatalf("after %d of %d bytes: event %d, %d taken up", i+1, len(buf), ev, n)
				}
			}
		})
	}
}
