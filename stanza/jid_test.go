package stanza

import (
	"strings"
	"testing"

	"mellium.im/xmpp/jid"
)

func TestParseJID(t *testing.T) {
	long := strings.Repeat("x", 1023)
	for _, row := range []struct{ name, in, local, domain, resource string }{
		{"a domain", "example.com", "", "example.com", ""},
		{"a host name without dots", "localhost", "", "localhost", ""},
		{"a bare address", "juliet@example.com", "juliet", "example.com", ""},
		{"a full address", "juliet@example.com/balcony", "juliet", "example.com", "balcony"},
		{"a domain with resource", "example.com/node", "", "example.com", "node"},
		{"separators in a resource", "a@b/c@d/e", "a", "b", "c@d/e"},
		{"an at sign only in the resource", "b/c@d", "", "b", "c@d"},
		{"case is folded but in the resource", "Juliet@EXAMPLE.com/Balcony", "juliet", "example.com", "Balcony"},
		{"spaces in a resource", "a@b/ a  phone ", "a", "b", " a  phone "},
		{"markup in a resource", "a@b/<&'\">", "a", "b", "<&'\">"},
		{"odd but allowed local characters", "a!#$%*+,-.;=?[\\]^_`{|}~@b", "a!#$%*+,-.;=?[\\]^_`{|}~", "b", ""},
		{"an escaped local part stays escaped", "a\\20b@c", "a\\20b", "c", ""},
		{"a final dot is dropped", "a@example.com./r", "a", "example.com", "r"},
		{"an A-label becomes a U-label", "a@xn--mnchen-3ya.de", "a", "münchen.de", ""},
		{"a U-label is folded", "a@MÜNCHEN.de", "a", "münchen.de", ""},
		{"a local part is composed", "e\u0301@b", "é", "b", ""},
		{"full-width characters are mapped", "ａ@b", "a", "b", ""},
		{"another space becomes a space", "a@b/x\u00a0y", "a", "b", "x y"},
		{"an IPv4 address", "a@192.0.2.1", "a", "192.0.2.1", ""},
		{"an IPv6 address has one spelling", "a@[2001:DB8:0::1]/x", "a", "[2001:db8::1]", "x"},
		{"the longest local part", long + "@b", long, "b", ""},
		{"the longest resource", "a@b/" + long, "a", "b", long},
	} {
		t.Run(row.name, func(t *testing.T) {
			j, err := ParseJID(row.in)
			if err != nil {
				t.Fatal(err)
			}
			if j.Local() != row.local || j.Domain() != row.domain || j.Resource() != row.resource {
				t.Errorf("parts are %q, %q, %q", j.Local(), j.Domain(), j.Resource())
			}
			if again, err := ParseJIDBytes([]byte(j.String())); again != j || err != nil {
				t.Errorf("parsed again it is %v, %v", again, err)
			}
			if bare, err := ParseJID(j.Bare().String()); bare != j.Bare() || err != nil || !bare.IsBare() {
				t.Errorf("bare %v is not %v, %v", j.Bare(), bare, err)
			}
			if d, err := ParseJID(j.Domain()); d != j.DomainJID() || err != nil || !d.IsDomain() {
				t.Errorf("domain %v is not %v, %v", j.DomainJID(), d, err)
			}
			if j.IsBare() != (row.resource == "") || j.IsDomain() != (row.local == "" && row.resource == "") || j.IsZero() {
				t.Error("says wrong things about itself")
			}
		})
	}
}

func TestBadJIDs(t *testing.T) {
	for name, in := range map[string]string{
		"empty":                          "",
		"no local part before the at":    "@b",
		"no resource after the slash":    "a@b/",
		"no domain":                      "a@",
		"no domain before the slash":     "a@/r",
		"only a slash":                   "/r",
		"a local part with a space":      "a b@c",
		"a local part with a colon":      "a:b@c",
		"a local part with a quote":      "a'b@c",
		"a second at sign":               "a@b@c",
		"a domain with a space":          "a@b c",
		"a domain with empty labels":     "a@b..c",
		"a domain that is a dot":         "a@.",
		"a domain that starts with one":  "a@.b",
		"a domain with a colon":          "a@b:5222",
		"a domain in brackets":           "a@[b]",
		"an unclosed IPv6 address":       "a@[::1",
		"an IPv6 address with a zone":    "a@[fe80::1%eth0]",
		"a bad A-label":                  "a@xn--0",
		"a control character":            "a@b/\x01",
		"invalid UTF-8":                  "a@b/\xff",
		"a local part of ignorables":     "\u00ad@b",
		"a resource of ignorables":       "a@b/\u200b",
		"a local part too long":          strings.Repeat("x", 1024) + "@b",
		"a resource too long":            "a@b/" + strings.Repeat("x", 1024),
		"a local part too long as UTF-8": strings.Repeat("é", 512) + "@b",
		"far too long for anything":      "A@b/" + strings.Repeat("x", 1<<20),
		"a full-width solidus":           "a@b／c",
		"a full-width at sign":           "a＠b@c＠d",
	} {
		if j, err := ParseJID(in); err == nil {
			t.Errorf("%s: %q is %q", name, in, j)
		}
		if NormalJID([]byte(in)) {
			t.Errorf("%s: %q is normal", name, in)
		}
	}
}

func TestNormalJID(t *testing.T) {
	for in, want := range map[string]bool{
		"a@b/c": true, "b": true, "a@b/C d'e": true,
		"A@b": false, "a@B": false, "a@b/x&amp;y": false, "a@b.": false, "a@xn--a": false,
		"é@b":     false, // it is, but only ParseJID knows
		"a@ab--c": false, "a@-b": false, "a@b-": false, "": false,
	} {
		if got := NormalJID([]byte(in)); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestWithResource(t *testing.T) {
	j, err := ParseJID("a@b/c")
	if err != nil {
		t.Fatal(err)
	}
	if k, err := j.WithResource("x\u00a0y"); err != nil || k.String() != "a@b/x y" {
		t.Error(k, err)
	}
	for _, r := range []string{"", "\x00", "\u200b", strings.Repeat("x", 1024)} {
		if k, err := j.WithResource(r); err == nil {
			t.Errorf("resource %q made %q", r, k)
		}
	}
	if k, err := (JID{}).WithResource("x"); err == nil {
		t.Errorf("nothing with a resource is %q", k)
	}
	if (JID{}) == j || !(JID{}).IsZero() || (JID{}).Bare() != (JID{}) {
		t.Error("the zero JID is odd")
	}
}

func TestNormalJIDsCostNoAllocation(t *testing.T) {
	const s = "juliet@example.com/balcony"
	raw := []byte(s)
	if n := testing.AllocsPerRun(100, func() {
		j, err := ParseJID(s)
		if err != nil || j.Bare().Domain() != "example.com" || !NormalJID(raw) {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzJID(f *testing.F) {
	for _, s := range []string{"a@b/c", "A@B/C", "xn--a", "[::1]", "a@b..c", "é@ü/ñ", "a@b./x", "\u00ad@b", "a@b/\u200b", "1.2.3.4", "ab--c", "a@[::FFFF:1.2.3.4]", "a&amp;b@c", "ß@ß/ß"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if fast, ok := normal(s); ok {
			slow, err := jid.Parse(s)
			if err != nil || slow.String() != s || slow.Localpart() != fast.Local() || slow.Domainpart() != fast.Domain() || slow.Resourcepart() != fast.Resource() {
				t.Fatalf("%q is normal, but jid.Parse makes it %q, %v", s, slow, err)
			}
		}
		j, err := ParseJID(s)
		if NormalJID([]byte(s)) && (err != nil || j.String() != s) {
			t.Fatalf("%q is normal, but parses as %q, %v", s, j, err)
		}
		if err != nil {
			return
		}
		if again, err := ParseJID(j.String()); again != j || err != nil {
			t.Fatalf("%q is %q, that is %q, %v", s, j, again, err)
		}
		if bare, err := ParseJID(j.Bare().String()); bare != j.Bare() || err != nil {
			t.Fatalf("%q has the bare address %q, that is %q, %v", s, j.Bare(), bare, err)
		}
		if d, err := ParseJID(j.Domain()); d != j.DomainJID() || err != nil {
			t.Fatalf("%q has the domain %q, that is %q, %v", s, j.Domain(), d, err)
		}
		if r := j.Resource(); r != "" {
			if k, err := j.Bare().WithResource(r); k != j || err != nil {
				t.Fatalf("%q put together again is %q, %v", j, k, err)
			}
		}
		if len(j.Local()) > 1023 || len(j.Domain()) > 1023 || len(j.Resource()) > 1023 || j.Domain() == "" {
			t.Fatalf("%q has a part of a wrong length", j)
		}
	})
}
