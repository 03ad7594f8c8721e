package vcard

import (
	"strings"
	"testing"
)

// pairs are cards that say the same in both formats.
var pairs = []struct{ name, old, four string }{
	{"all that both can say",
		`<vCard xmlns='vcard-temp'><FN>Peter Saint-Andre</FN><N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN></N><NICKNAME>stpeter</NICKNAME><BDAY>1966-08-06</BDAY>` +
			`<ADR><WORK/><EXTADD>Suite 600</EXTADD><STREET>1899 Wynkoop Street</STREET><LOCALITY>Denver</LOCALITY><REGION>CO</REGION><PCODE>80202</PCODE><CTRY>USA</CTRY></ADR>` +
			`<TEL><WORK/><VOICE/><NUMBER>+1-303-308-3282</NUMBER></TEL><EMAIL><HOME/><INTERNET/><USERID>stpeter@jabber.org</USERID></EMAIL>` +
			`<JABBERID>stpeter@jabber.org</JABBERID><GEO><LAT>39.59</LAT><LON>-105.01</LON></GEO><TITLE>Executive Director</TITLE><ROLE>Patron Saint</ROLE>` +
			`<ORG><ORGNAME>XMPP Standards Foundation</ORGNAME><ORGUNIT>Board</ORGUNIT><ORGUNIT>Bar</ORGUNIT></ORG><URL>https://stpeter.im/</URL><DESC>More &amp; more</DESC></vCard>`,
		`<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Peter Saint-Andre</text></fn><n><surname>Saint-Andre</surname><given>Peter</given></n><nickname><text>stpeter</text></nickname><bday><date>1966-08-06</date></bday>` +
			`<adr><parameters><type><text>work</text></type></parameters><ext>Suite 600</ext><street>1899 Wynkoop Street</street><locality>Denver</locality><region>CO</region><code>80202</code><country>USA</country></adr>` +
			`<tel><parameters><type><text>work</text><text>voice</text></type></parameters><uri>tel:+1-303-308-3282</uri></tel><email><parameters><type><text>home</text></type></parameters><text>stpeter@jabber.org</text></email>` +
			`<impp><uri>xmpp:stpeter@jabber.org</uri></impp><geo><uri>geo:39.59,-105.01</uri></geo><title><text>Executive Director</text></title><role><text>Patron Saint</text></role>` +
			`<org><text>XMPP Standards Foundation</text><text>Board</text><text>Bar</text></org><url><uri>https://stpeter.im/</uri></url><note><text>More &amp; more</text></note></vcard>`},
	{"what is no date, and what is no number, is text",
		`<vCard xmlns='vcard-temp'><FN>R</FN><BDAY>in May</BDAY><TEL><NUMBER>ask for Romeo</NUMBER></TEL></vCard>`,
		`<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>R</text></fn><bday><text>in May</text></bday><tel><text>ask for Romeo</text></tel></vcard>`},
}

func TestBothFormatsSayTheSame(t *testing.T) {
	for _, p := range pairs {
		if got := string(toNew(fromOld([]byte(p.old)), "x")); got != p.four {
			t.Errorf("%s: a card becomes\n%s\nnot\n%s", p.name, got, p.four)
		}
		if got := string(toOld(fromNew([]byte(p.four)))); got != p.old {
			t.Errorf("%s: a vCard4 becomes\n%s\nnot\n%s", p.name, got, p.old)
		}
	}
}

func TestWhatAVCard4Needs(t *testing.T) {
	for name, row := range map[string][2]string{
		"a name is made of the parts":  {`<N><FAMILY>Montague</FAMILY><GIVEN>Romeo</GIVEN></N>`, `<fn><text>Romeo Montague</text></fn>`},
		"or is the nickname":           {`<NICKNAME>Romy</NICKNAME>`, `<fn><text>Romy</text></fn>`},
		"or whose it is":               {`<URL>https://example.org/</URL>`, `<fn><text>romeo</text></fn>`},
		"a note is a description":      {`<FN>x</FN><NOTE>n</NOTE>`, `<note><text>n</text></note>`},
		"a picture stays":              {`<FN>x</FN><PHOTO><BINVAL>AAEC</BINVAL></PHOTO>`, `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>x</text></fn></vcard>`},
		"what is empty is not there":   {`<FN>x</FN><N><FAMILY/></N><ORG><ORGNAME/></ORG><TEL><HOME/></TEL>`, `<fn><text>x</text></fn></vcard>`},
		"an address is written as URI": {`<FN>x</FN><JABBERID>o'neill\20x@example.org</JABBERID>`, `<uri>xmpp:o%27neill%5C20x@example.org</uri>`},
	} {
		got := string(toNew(fromOld([]byte(`<vCard xmlns='vcard-temp'>`+row[0]+`</vCard>`)), "romeo"))
		if !strings.Contains(got, row[1]) {
			t.Errorf("%s: no %s in %s", name, row[1], got)
		}
	}
}

// FuzzConvert: whatever a card is, what it becomes is one, which becomes the same
// again.
func FuzzConvert(f *testing.F) {
	for _, p := range pairs {
		f.Add(p.old)
		f.Add(p.four)
	}
	f.Add(`<vCard xmlns='vcard-temp'><ORG><ORGUNIT>x</ORGUNIT></ORG><GEO><LAT>1</LAT></GEO><N/></vCard>`)
	f.Add(`<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><geo><uri>geo:</uri></geo><org/><tel><uri>tel:</uri></tel><n><given/></n></vcard>`)
	f.Fuzz(func(t *testing.T, card string) {
		for _, list := range [][]property{fromOld([]byte(card)), fromNew([]byte(card))} {
			if len(list) == 0 {
				continue
			}
			old, four := toOld(list), toNew(list, "who")
			if element(old) == nil || element(four) == nil {
				t.Fatalf("%q becomes %s and %s", card, old, four)
			}
			if again := toOld(fromOld(old)); string(again) != string(old) {
				t.Errorf("%s becomes %s", old, again)
			}
		}
	})
}
