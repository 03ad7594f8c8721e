package c2s_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"natter/server/servertest"
)

const (
	nsSASL2 = "urn:xmpp:sasl:2"
	phone   = "d4565fa7-4d72-4749-b3d3-740edbf87770" // a user agent's id
	tablet  = "0b6ce5ee-3a9b-4b4c-9b5f-8a1f0c6e9a11"
	bind2   = "<bind xmlns='urn:xmpp:bind:0'/>"
)

func userAgent(id string) string {
	return "<user-agent id='" + id + "'><software>Balcony</software><device>Juliet's phone</device></user-agent>"
}

func authenticate(mechanism, initial, inline string) string {
	return "<authenticate xmlns='" + nsSASL2 + "' mechanism='" + mechanism + "'><initial-response>" + initial +
		"</initial-response>" + inline + "</authenticate>"
}

func response2(data string) string {
	return "<response xmlns='" + nsSASL2 + "'>" + data + "</response>"
}

// within2 is the content of an element that holds text only.
func within2(element string) string {
	_, rest, _ := strings.Cut(element, ">")
	return rest[:strings.LastIndex(rest, "</")]
}

// login2 logs in as juliet with SASL2 and returns the answer and the features.
func (p *peer) login2(inline string) (success, features string) {
	p.t.Helper()
	s := &scram{password: "secret"}
	p.send(authenticate("SCRAM-SHA-256", b64(s.first()), inline))
	challenge := unb64(p.t, within2(p.expect("<challenge xmlns='"+nsSASL2+"'>")))
	p.send(response2(b64(s.final(challenge))))
	return p.expect("<success xmlns='" + nsSASL2 + "'><additional-data>"), p.expect("<stream:features>")
}

// found returns what the expression's group matches in s.
func found(t testing.TB, s, expression string) string {
	t.Helper()
	m := regexp.MustCompile(expression).FindStringSubmatch(s)
	if m == nil {
		t.Fatalf("no %s in %s", expression, s)
	}
	return m[1]
}

func without(t testing.TB, s string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(s, text) {
			t.Errorf("%q in %s", text, s)
		}
	}
}

func with(t testing.TB, s string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(s, text) {
			t.Errorf("no %q in %s", text, s)
		}
	}
}

func TestSASL2IsAnnounced(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	with(t, p.open(),
		"<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism><inline>",
		"<bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/>",
		"<feature var='urn:xmpp:carbons:2'/>", "<feature var='urn:xmpp:csi:0'/>",
		"<sm xmlns='urn:xmpp:sm:3'/>",
		"<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline>",
		"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade></authentication>")
}

func TestSASL2WithoutBindGoesOnWithTheOldOne(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	success, features := p.login2("")
	with(t, success, "<authorization-identifier>juliet@localhost</authorization-identifier></success>")
	with(t, features, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
	without(t, features, nsSASL2)
	p.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>new</resource></bind></iq>")
	with(t, p.next(), "<jid>juliet@localhost/new</jid>")
	w.untouched(t)
}

func TestBind2(t *testing.T) {
	srv := servertest.New(t)
	srv.Befriend(t, "juliet@localhost", "romeo@localhost")
	w := peopled(t, srv)
	w.juliet.Expect("<presence from='romeo@localhost/garden'/>")
	w.romeo.Sync()
	p := w.dial(t)
	p.open()
	success, features := p.login2(userAgent(phone) + "<bind xmlns='urn:xmpp:bind:0'><tag>Balcony</tag>" +
		"<enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>")
	full := found(t, success, `<authorization-identifier>(juliet@localhost/Balcony/[^<]+)</authorization-identifier>`)
	found(t, success, `<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' resume='true' id='([^']+)'`)
	without(t, features, "urn:ietf:params:xml:ns:xmpp-bind", "urn:xmpp:sm:3")
	if strings.Contains(full, phone) {
		t.Errorf("the user agent's id is in the address: %s", full)
	}

	// Carbons are on, and the session counts from here.
	w.romeo.Send("<message to='juliet@localhost/balcony' type='chat' id='c'><body>hi</body></message>")
	w.juliet.Expect("<message id='c'/>")
	with(t, p.next(), "<received xmlns='urn:xmpp:carbons:2'>", "<body>hi</body>")
	p.expect("<r xmlns='urn:xmpp:sm:3'/>")

	// Presence waits while it is inactive.
	p.send("<presence/>")
	p.expect("<presence from='" + full + "'")
	w.juliet.Expect("<presence from='" + full + "'/>")
	p.expect("<presence from='juliet@localhost/balcony'") // its own account's; others' waits
	w.romeo.Send("<presence><show>away</show></presence>")
	w.romeo.Sync()
	p.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
	with(t, p.expect("<iq "), "result")
	p.send("<active xmlns='urn:xmpp:csi:0'/>")
	with(t, p.expect("<presence from='romeo@localhost/garden'"), "<show>away</show>")
}

func TestBind2GivesADeviceTheSameResource(t *testing.T) {
	w := newWorld(t)
	jid := func(inline string) string {
		p := w.dial(t)
		p.open()
		success, _ := p.login2(inline)
		return found(t, success, `<authorization-identifier>([^<]+)</authorization-identifier>`)
	}
	first := jid(userAgent(phone) + bind2)
	if again := jid(userAgent(phone) + bind2); again != first {
		t.Errorf("the same device is %s and then %s", first, again)
	}
	if other := jid(userAgent(tablet) + bind2); other == first {
		t.Errorf("two devices are %s", other)
	}
	if a, b := jid(bind2), jid(bind2); a == b {
		t.Errorf("two that name no device are %s", a)
	}
	// What can't be part of an address is left away.
	if odd := jid(userAgent(phone) + "<bind xmlns='urn:xmpp:bind:0'><tag>&#x200b;\t</tag></bind>"); !strings.HasPrefix(odd, "juliet@localhost/") {
		t.Errorf("odd tag: %s", odd)
	}
}

func TestBind2EndsTheDevicesEarlierSession(t *testing.T) {
	w := newWorld(t)
	old := w.dial(t)
	old.open()
	old.login2(userAgent(phone) + "<bind xmlns='urn:xmpp:bind:0'><tag>one</tag></bind>")
	p := w.dial(t)
	p.open()
	p.login2(userAgent(phone) + "<bind xmlns='urn:xmpp:bind:0'><tag>two</tag></bind>")
	old.fails("conflict")
	w.untouched(t)
}

func TestResumeWithinTheLogin(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	success, _ := p.login2("<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>")
	id := found(t, success, `<enabled [^>]*id='([^']+)'`)
	full := found(t, success, `<authorization-identifier>([^<]+)</`)
	p.Close()
	w.romeo.Send("<message to='" + full + "' type='chat' id='m'><body>while away</body></message>")
	w.romeo.Sync()

	back := w.dial(t)
	back.open()
	// A binding that is asked for as well is for when there is nothing to resume.
	success, features := back.login2("<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='0'/>" + bind2)
	with(t, success, "<authorization-identifier>"+full+"</authorization-identifier><resumed xmlns='urn:xmpp:sm:3' previd='"+id+"' h='0'/></success>")
	without(t, success, "<bound")
	without(t, features, "urn:ietf:params:xml:ns:xmpp-bind", "urn:xmpp:sm:3")
	with(t, back.next(), "<body>while away</body>")
}

func TestResumeThatFailsWithinTheLoginBinds(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	success, _ := p.login2("<resume xmlns='urn:xmpp:sm:3' previd='gone' h='0'/>" + bind2)
	with(t, success, "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed><bound xmlns='urn:xmpp:bind:0'>")
	found(t, success, `<authorization-identifier>juliet@localhost/([^<]+)</`)
}

// wantFailure2 checks a <failure/> of SASL2.
func wantFailure2(t testing.TB, got, condition string) {
	t.Helper()
	if !strings.HasPrefix(got, "<failure xmlns='"+nsSASL2+"'><"+condition+" xmlns='"+nsSASL+"'/>") {
		t.Fatalf("expected the failure %s, got %s", condition, got)
	}
}

func TestSASL2Refuses(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ send, condition string }{
		"a mechanism that was not offered": {authenticate("PLAIN", b64("\x00juliet\x00secret"), ""), "encryption-required"},
		"an unknown mechanism":             {authenticate("X", "", ""), "invalid-mechanism"},
		"no mechanism":                     {"<authenticate xmlns='" + nsSASL2 + "'/>", "invalid-mechanism"},
		"bad base64":                       {authenticate("SCRAM-SHA-256", "*", ""), "incorrect-encoding"},
		"the equals sign of the old one":   {authenticate("SCRAM-SHA-256", "=", ""), "incorrect-encoding"},
		"elements instead of data":         {authenticate("SCRAM-SHA-256", "<x/>", ""), "malformed-request"},
		"an empty initial response":        {authenticate("SCRAM-SHA-256", "", ""), "malformed-request"},
		"a token without <fast/>":          {authenticate("HT-SHA-256-NONE", b64("juliet\x00x"), userAgent(phone)), "malformed-request"},
		"a token without a device":         {authenticate("HT-SHA-256-NONE", b64("juliet\x00x"), "<fast xmlns='urn:xmpp:fast:0'/>"), "malformed-request"},
		"a token of another length":        {authenticate("HT-SHA-256-NONE", b64("juliet\x00x"), userAgent(phone)+"<fast xmlns='urn:xmpp:fast:0'/>"), "malformed-request"},
		"a token that there is not":        {authenticate("HT-SHA-256-NONE", b64("juliet\x00"+strings.Repeat("x", 32)), userAgent(phone)+"<fast xmlns='urn:xmpp:fast:0'/>"), "not-authorized"},
		"a token of nobody":                {authenticate("HT-SHA-256-NONE", b64("nobody\x00"+strings.Repeat("x", 32)), userAgent(phone)+"<fast xmlns='urn:xmpp:fast:0'/>"), "not-authorized"},
		"a count that is none":             {authenticate("HT-SHA-256-NONE", b64("juliet\x00"+strings.Repeat("x", 32)), userAgent(phone)+"<fast xmlns='urn:xmpp:fast:0' count='-1'/>"), "malformed-request"},
		"a binding that the channel lacks": {authenticate("HT-SHA-256-EXPR", b64("juliet\x00"+strings.Repeat("x", 32)), userAgent(phone)+"<fast xmlns='urn:xmpp:fast:0'/>"), "invalid-mechanism"},
		"somebody else's authorization":    {authenticate("SCRAM-SHA-256", b64("n,a=romeo@localhost,n=juliet,r=abc"), ""), "invalid-authzid"},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.dial(t)
			p.open()
			p.send(c.send)
			wantFailure2(t, p.next(), c.condition)
			// The stream stays as it was.
			success, _ := p.login2(bind2)
			with(t, success, "<bound")
		})
	}
}

func TestSASL2AbortAndAgain(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	s := &scram{password: "secret"}
	p.send(authenticate("SCRAM-SHA-256", b64(s.first()), bind2))
	p.expect("<challenge")
	p.send("<abort xmlns='" + nsSASL2 + "'><text>changed my mind</text></abort>")
	wantFailure2(t, p.next(), "aborted")
	_, features := p.login2("")
	with(t, features, "urn:ietf:params:xml:ns:xmpp-bind") // what the aborted one asked for was not done
}

func TestSASL2EndsOnAnythingElse(t *testing.T) {
	w := newWorld(t)
	s := &scram{password: "secret"}
	begin := authenticate("SCRAM-SHA-256", b64(s.first()), "")
	for name, c := range map[string]struct{ first, then string }{
		"a stanza during the exchange":    {begin, "<message to='romeo@localhost'><body>x</body></message>"},
		"another exchange":                {begin, begin},
		"an exchange of the old kind":     {begin, auth("SCRAM-SHA-256", b64(s.first()))},
		"a request to register":           {begin, "<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>"},
		"a task that nobody asked for":    {begin, "<next xmlns='" + nsSASL2 + "' task='UPGR-SCRAM-SHA-256'/>"},
		"a response without an exchange":  {"", response2("")},
		"an element that is the server's": {"", "<success xmlns='" + nsSASL2 + "'/>"},
		"the new one within the old":      {auth("SCRAM-SHA-256", b64(s.first())), begin},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.dial(t)
			p.open()
			if c.first != "" {
				p.send(c.first)
				p.expect("<challenge")
			}
			p.send(c.then)
			p.fails("policy-violation")
		})
	}
	p := w.dial(t)
	p.open()
	p.login2("")
	p.send(begin)
	p.fails("policy-violation")
	w.untouched(t)
}

func TestSASL2LimitsTries(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	for range 4 {
		p.send(authenticate("X", "", ""))
		wantFailure2(t, p.next(), "invalid-mechanism")
	}
	p.send(authenticate("X", "", ""))
	p.fails("policy-violation", "<failure")
}

// TestStreamFromMustFitTheAuthorization is XEP-0388 §2.3, and §2.1 for the domain.
func TestStreamFromMustFitTheAuthorization(t *testing.T) {
	w := newWorld(t)
	open := func(from string) *peer {
		p := w.dial(t)
		p.send(strings.Replace(header, " to=", " from='"+from+"' to=", 1))
		return p
	}
	p := open("romeo@localhost")
	p.expect("<stream:features>")
	p.send(authenticate("SCRAM-SHA-256", b64("n,a=juliet@localhost,n=juliet,r=abc"), ""))
	wantFailure2(t, p.next(), "invalid-authzid")
	p = open("juliet@localhost")
	p.expect("<stream:features>")
	p.send(authenticate("SCRAM-SHA-256", b64("n,a=juliet@localhost,n=juliet,r=abc"), ""))
	p.expect("<challenge")
	open("juliet@elsewhere").fails("invalid-from")
}

// proof is a client's message of the HT mechanisms.
func proof(token, user, binding string) string {
	return b64(user + "\x00" + proofOf("Initiator", token, binding))
}

func proofOf(who, token, binding string) string {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte(who + binding))
	return string(m.Sum(nil))
}

func unb64(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestBind2TellsOfTheArchive as it is when the session begins: whoever has that has
// all, as what is newer comes by itself.
func TestBind2TellsOfTheArchive(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	success, _ := p.login2(bind2)
	with(t, success, "<metadata xmlns='urn:xmpp:mam:2'></metadata>")
	w.romeo.Send("<message to='juliet@localhost' type='chat' id='m'><body>hi</body></message>")
	id := found(t, w.juliet.Next(), `<stanza-id [^>]*id='([^']+)'`)
	p = w.dial(t)
	p.open()
	success, _ = p.login2(bind2)
	if start, end := found(t, success, `<start id='([^']+)'`), found(t, success, `<end id='([^']+)'`); start != id || end != id {
		t.Errorf("the archive begins with %s and ends with %s, not %s", start, end, id)
	}
}

// TestBind2AndWhatWaited: what waited is delivered after a binding as well, with the
// id that the archive has, so that who reads the archive has it once.
func TestBind2AndWhatWaited(t *testing.T) {
	w := newWorld(t)
	w.juliet.Close()
	w.romeo.Send("<message to='juliet@localhost' type='chat' id='m'><body>hi</body></message>")
	w.romeo.Sync()
	p := w.dial(t)
	p.open()
	p.login2(bind2)
	p.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
	archived := found(t, p.expect("<message "), `<result [^>]*id='([^']+)'`)
	p.expect("<iq ")
	p.send("<presence/>")
	p.expect("<presence ")
	live := p.next()
	with(t, live, "<body>hi</body>", "<delay ")
	if id := found(t, live, `<stanza-id [^>]*id='([^']+)'`); id != archived {
		t.Errorf("it comes as %s and is %s in the archive", id, archived)
	}
}
