package caps

import (
	"strings"
	"testing"

	"natter/stanza"
)

func info(content string) *stanza.Stanza {
	st, err := stanza.ParseIn([]byte(`<iq type='result' id='1'><query xmlns='`+nsInfo+`'>`+content+`</query></iq>`), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		panic(err)
	}
	return st
}

const (
	simple  = `<identity xmlns='http://jabber.org/protocol/disco#info' category='client' name='Exodus 0.9.1' type='pc'/><feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>`
	complex = `<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/><identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>` +
		`<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>` +
		`<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field><field var='ip_version'><value>ipv4</value><value>ipv6</value></field>` +
		`<field var='os'><value>Mac</value></field><field var='os_version'><value>10.5.1</value></field><field var='software'><value>Psi</value></field><field var='software_version'><value>0.11</value></field></x>`
)

// The values are those of XEP-0115 §5.2 and §5.3.
func TestVerification(t *testing.T) {
	for name, c := range map[string]struct {
		content, ver string
		want         bool
	}{
		"the simple example":                    {simple, "QgayPKawpkPSDYmwT/WM94uAlu0=", true},
		"the complex example":                   {complex, "q07IKJEyjvHSyhy//CH0CxmKi8w=", true},
		"another hash":                          {simple, "q07IKJEyjvHSyhy//CH0CxmKi8w=", false},
		"a feature twice":                       {simple + `<feature var='http://jabber.org/protocol/muc'/>`, "QgayPKawpkPSDYmwT/WM94uAlu0=", false},
		"a form without FORM_TYPE is left out":  {simple + `<x xmlns='jabber:x:data' type='result'><field var='a'><value>b</value></field></x>`, "QgayPKawpkPSDYmwT/WM94uAlu0=", true},
		"features in one that holds a bracket":  {strings.Replace(simple, `caps'/><feature var='`, `caps&lt;`, 1), "QgayPKawpkPSDYmwT/WM94uAlu0=", false},
		"an identity made of another's slashes": {strings.Replace(simple, `type='pc'`, `type='pc/'`, 1), "QgayPKawpkPSDYmwT/WM94uAlu0=", false},
		"the same form twice":                   {complex + complex[strings.Index(complex, "<x "):], "q07IKJEyjvHSyhy//CH0CxmKi8w=", false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := read(info(c.content), claim{"sha-1", c.ver, "n"}); ok != c.want {
				t.Errorf("got %v", ok)
			}
		})
	}
}

// FuzzRead has answers of clients read: there is no panic, and what is verified
// can't be had from features that hold separators.
func FuzzRead(f *testing.F) {
	for _, s := range []string{simple, complex, "", "<feature/>", "<x xmlns='jabber:x:data' type='form'/>", "<identity category='a/b'/>"} {
		f.Add(s, "QgayPKawpkPSDYmwT/WM94uAlu0=")
	}
	f.Fuzz(func(t *testing.T, content, ver string) {
		st, err := stanza.ParseIn([]byte(`<iq type='result' id='1'><query xmlns='`+nsInfo+`'>`+content+`</query></iq>`), stanza.NSClient, stanza.AfterLogin)
		if err != nil {
			return
		}
		features, ok := read(st, claim{"sha-1", ver, "n"})
		if !ok {
			return
		}
		for _, s := range features.List() {
			if strings.ContainsAny(s, "<\n") {
				t.Errorf("verified %q", s)
			}
		}
	})
}
