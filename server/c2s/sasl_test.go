package c2s_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The password is right in all of these; what the client says else is not.
var badSCRAM = []struct {
	what, section string
	scram         scram
	condition     string
}{
	{"a wrong password", "5802 5", scram{password: "sekret"}, "not-authorized"},
	{"an unknown user", "6120 6.5.10", scram{user: "nobody"}, "not-authorized"},
	{"a user that no address can have", "6120 6.5.10", scram{user: "a@b"}, "not-authorized"},
	{"another nonce than the server's", "5802 5.1", scram{spoilFinal: replace("r=abc", "r=abd")}, "not-authorized"},
	{"a nonce that breaks off", "5802 5.1", scram{spoilFinal: func(m string) string { return m[:strings.Index(m, ",r=abc")+5] + m[strings.Index(m, ",p="):] }}, "not-authorized"},
	{"a proof of another length", "5802 5.1", scram{spoilFinal: cut(",p=", "AAAA")}, "malformed-request"},
	{"a proof that is no base64", "5802 5.1", scram{spoilFinal: cut(",p=", "!")}, "malformed-request"},
	{"an empty proof", "5802 5.1", scram{spoilFinal: cut(",p=", "")}, "malformed-request"},
	{"no proof", "5802 5.1", scram{spoilFinal: func(m string) string { return m[:strings.Index(m, ",p=")] }}, "malformed-request"},
	{"bytes after the proof", "5802 7", scram{spoilFinal: func(m string) string { return m + ",x=y" }}, "malformed-request"},
	{"a NUL after the proof", "5802 7", scram{spoilFinal: func(m string) string { return m + "\x00" }}, "malformed-request"},
	{"two proofs", "5802 7", scram{spoilFinal: func(m string) string { return m + m[strings.Index(m, ",p="):] }}, "malformed-request"},
	{"a mandatory extension in the final message", "5802 5.1", scram{spoilFinal: func(m string) string { return "m=x," + m }}, "malformed-request"},
	{"binding data where none is bound", "5802 5.1", scram{spoilFinal: replace("c=biws", "c="+b64("n,,data"))}, "not-authorized"},
	{"another gs2 header in the end", "5802 6", scram{spoilFinal: replace("c=biws", "c="+b64("y,,"))}, "not-authorized"},
	{"an empty binding", "5802 7", scram{spoilFinal: replace("c=biws", "c=")}, "not-authorized"},
	{"another user's authzid", "6120 6.3.8", scram{gs2: "n,a=romeo@localhost,"}, "invalid-authzid"},
	{"an authzid at another host", "6120 6.3.8", scram{gs2: "n,a=juliet@example.org,"}, "invalid-authzid"},
	{"an authzid with a resource", "6120 6.3.8", scram{gs2: "n,a=juliet@localhost/x,"}, "invalid-authzid"},
	{"an authzid that is no address", "6120 6.3.8", scram{gs2: "n,a=@@,"}, "invalid-authzid"},
	{"the domain as authzid", "6120 6.3.8", scram{gs2: "n,a=localhost,"}, "invalid-authzid"},
	{"binding without -PLUS", "5802 6", scram{gs2: "p=tls-exporter,,"}, "malformed-request"},
	{"an unknown flag", "5802 7", scram{gs2: "z,,"}, "malformed-request"},
	{"no gs2 header", "5802 7", scram{spoilFirst: func(m string) string { return m[3:] }}, "malformed-request"},
	{"no user", "5802 7", scram{spoilFirst: replace("n=juliet", "n=")}, "malformed-request"},
	{"no nonce", "5802 7", scram{spoilFirst: replace("r=abc", "r=")}, "malformed-request"},
	{"a mandatory extension", "5802 5.1", scram{spoilFirst: replace("n=juliet", "m=x,n=juliet")}, "malformed-request"},
	{"an '=' in the name that stands for nothing", "5802 5.1", scram{user: "juliet=2"}, "malformed-request"},
	{"a NUL in the name", "5802 7", scram{user: "juliet\x00"}, "malformed-request"},
	{"invalid UTF-8 in the name", "5802 7", scram{user: "juli\xe9t"}, "malformed-request"},
	{"a nonce with a comma in it", "5802 7", scram{spoilFirst: replace("r=abc", "r=,")}, "malformed-request"},
	{"a name of 8,000 bytes", "13.12", scram{user: strings.Repeat("x", 6200)}, "malformed-request"},
}

func replace(old, new string) func(string) string {
	return func(m string) string { return strings.Replace(m, old, new, 1) }
}

// cut replaces what follows after.
func cut(after, with string) func(string) string {
	return func(m string) string { return m[:strings.Index(m, after)+len(after)] + with }
}

// TestBadSCRAMFailsAndTheStreamStays also shows that the next try on the same
// stream may succeed (RFC 6120 §6.4.5).
func TestBadSCRAMFailsAndTheStreamStays(t *testing.T) {
	w := newWorld(t)
	for _, row := range badSCRAM {
		t.Run(row.what, func(t *testing.T) {
			p := w.dial(t)
			p.open()
			wantFailure(t, row.scram.run(p), row.condition)
			p.login("juliet")
			p.Close()
		})
	}
	w.untouched(t)
}

func TestBadSASLElements(t *testing.T) {
	w := newWorld(t)
	first := b64("n,,n=juliet,r=abc")
	for _, row := range []struct{ what, section, sent, condition string }{
		{"a mechanism that nobody offered", "6.5.7", auth("DIGEST-MD5", ""), "invalid-mechanism"},
		{"a mechanism for which there is no verifier", "6.5.7", auth("SCRAM-SHA-512", first), "invalid-mechanism"},
		{"-PLUS without TLS", "6.5.7", auth("SCRAM-SHA-256-PLUS", first), "invalid-mechanism"},
		{"PLAIN without TLS", "6.5.4", auth("PLAIN", b64("\x00juliet\x00secret")), "encryption-required"},
		{"no mechanism", "6.5.7", "<auth xmlns='" + nsSASL + "'>" + first + "</auth>", "invalid-mechanism"},
		{"the mechanism in small letters", "6.5.7", auth("scram-sha-256", first), "invalid-mechanism"},
		{"EXTERNAL", "6.5.7", auth("EXTERNAL", "="), "invalid-mechanism"},
		{"ANONYMOUS", "6.5.7", auth("ANONYMOUS", ""), "invalid-mechanism"},
		{"bytes that are no base64", "6.5.5", auth("SCRAM-SHA-256", "n,,n=juliet"), "incorrect-encoding"},
		{"base64 with white space in it", "6.5.5", auth("SCRAM-SHA-256", first[:8]+"\n"+first[8:]), "incorrect-encoding"},
		{"base64 without its padding", "6.5.5", auth("SCRAM-SHA-256", strings.TrimRight(b64("n,,n=juliet,r=ab"), "=")), "incorrect-encoding"},
		{"bytes after the padding", "6.5.5", auth("SCRAM-SHA-256", b64("n,,n=juliet,r=ab")+"AAAA"), "incorrect-encoding"},
		{"padding that hides bits", "6.5.5", auth("SCRAM-SHA-256", "bixzPWE9"+"YR=="), "incorrect-encoding"},
		{"an element in it", "6.5.9", auth("SCRAM-SHA-256", "<x xmlns='urn:x'/>"+first), "malformed-request"},
		{"an empty initial response", "6.4.2", auth("SCRAM-SHA-256", "="), "malformed-request"},
		{"a response to no challenge", "6.5.9", response(first), "malformed-request"},
		{"an abort of nothing", "6.5.1", "<abort xmlns='" + nsSASL + "'/>", "aborted"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := w.dial(t)
			p.open()
			p.send(row.sent)
			wantFailure(t, p.next(), row.condition)
			p.login("juliet")
			p.Close()
		})
	}
	w.untouched(t)
}

func TestSASLElementsOutOfPlace(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		what, section, sent string
		pass                []string
		condition           string
	}{
		{"a challenge from the client", "6.4.3", "<challenge xmlns='" + nsSASL + "'/>", nil, "unsupported-stanza-type"},
		{"a success from the client", "6.4.6", "<success xmlns='" + nsSASL + "'/>", nil, "unsupported-stanza-type"},
		{"an element that SASL does not know", "4.9.3.24", "<hello xmlns='" + nsSASL + "'/>", nil, "unsupported-stanza-type"},
		{"a sixth try", "6.4.5", strings.Repeat(auth("X", ""), 5), []string{"<failure", "<failure", "<failure", "<failure", "<failure"}, "policy-violation"},
		{"five aborts", "6.4.5", strings.Repeat("<abort xmlns='"+nsSASL+"'/>", 5), []string{"<failure", "<failure", "<failure", "<failure", "<failure"}, "policy-violation"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := w.dial(t)
			p.open()
			p.send(row.sent)
			p.fails(row.condition, row.pass...)
		})
	}
	t.Run("authentication after authentication", func(t *testing.T) { // RFC 6120 §6.4.6
		p := newPeer(t, w.Authenticated(t, "tybalt@localhost").Conn).within()
		p.send(auth("SCRAM-SHA-256", b64("n,,n=juliet,r=abc")))
		p.fails("policy-violation")
	})
	t.Run("authentication on a bound session", func(t *testing.T) {
		p := newPeer(t, w.Login(t, "tybalt@localhost").Conn).within()
		p.send(auth("SCRAM-SHA-256", b64("n,,n=juliet,r=abc")))
		p.fails("unsupported-stanza-type")
	})
	w.untouched(t)
}

func TestAbortEndsAnExchange(t *testing.T) { // RFC 6120 §6.4.4
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	s := &scram{}
	p.send(auth("SCRAM-SHA-256", b64(s.first())))
	challenge := content(p.expect("<challenge"))
	p.send("<abort xmlns='" + nsSASL + "'/>")
	wantFailure(t, p.next(), "aborted")
	p.send(response(b64(s.final(challenge)))) // right, and too late
	wantFailure(t, p.next(), "malformed-request")
	p.login("juliet")
}

func TestNewAuthReplacesAnExchange(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	s := &scram{}
	p.send(auth("SCRAM-SHA-256", b64(s.first())))
	old := content(p.expect("<challenge"))
	p.send(auth("SCRAM-SHA-256", b64(s.first())))
	p.expect("<challenge")
	p.send(response(b64(s.final(old))))
	wantFailure(t, p.next(), "not-authorized")
	p.login("juliet")
}

// TestUnknownUserLooksLikeAWrongPassword compares all that a guesser sees, but for
// what is random in it (RFC 6120 §6.5.10, §13.11): it differs neither in what is
// said at which step nor in its length, and the salt is the same each time.
func TestUnknownUserLooksLikeAWrongPassword(t *testing.T) {
	w := newWorld(t)
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		try := func(user string) (challenge, answer, salt string) {
			p := w.dial(t)
			p.open()
			s := &scram{mechanism: mechanism, user: user, password: "wrong"}
			answer = s.run(p)
			p.Close()
			fields := strings.Split(s.challenge, ",")
			if len(fields) != 4 {
				t.Fatalf("challenge %s", s.challenge)
			}
			salt = fields[1]
			fields[0] = fields[0][:len("r=abc")] + strings.Repeat("x", len(fields[0]))
			fields[1] = strings.Repeat("s", len(salt))
			return strings.Join(fields, ","), answer, salt
		}
		c1, a1, s1 := try("juliet")
		c2, a2, s2 := try("nobody")
		if c1 != c2 || a1 != a2 {
			t.Errorf("%s: known %s %s\nunknown %s %s", mechanism, c1, a1, c2, a2)
		}
		_, _, again := try("nobody")
		_, _, other := try("nobody2")
		if s2 != again || s2 == other || s1 == s2 {
			t.Errorf("%s: salts %s, unknown %s and %s, other unknown %s", mechanism, s1, s2, again, other)
		}
	}
	w.untouched(t)
}

// TestGuessingGetsSlow: the answer is held back, but only the guesser waits, and
// never beyond the one deadline before login.
func TestGuessingGetsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		began := time.Now()
		for range 20 { // streams of four wrong tries
			p := w.dial(t)
			p.open()
			for range 4 {
				wantFailure(t, (&scram{password: "wrong"}).run(p), "not-authorized")
			}
			p.Close()
		}
		if time.Since(began) < 10*time.Second {
			t.Errorf("80 wrong passwords took %v", time.Since(began))
		}
		began = time.Now()
		p := w.dial(t)
		p.open()
		p.login("juliet") // the owner gets in all the same
		if time.Since(began) > 5*time.Second {
			t.Errorf("the owner waited for %v", time.Since(began))
		}
		began = time.Now()
		w.untouched(t)
		if time.Since(began) > 0 {
			t.Errorf("the others were held up for %v", time.Since(began))
		}
	})
}
