package auth

import (
	"crypto/tls"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

func TestFirstMessagesThatMustFail(t *testing.T) {
	for _, row := range []struct {
		what, message string
		want          Condition
	}{
		{"nothing", "", MalformedRequest},
		{"no header", "n=romeo,r=abc", MalformedRequest},
		{"header without commas", "n", MalformedRequest},
		{"header alone", "n,,", MalformedRequest},
		{"unknown flag", "x,,n=romeo,r=abc", MalformedRequest},
		{"empty flag", ",,n=romeo,r=abc", MalformedRequest},
		{"upper-case flag", "N,,n=romeo,r=abc", MalformedRequest},
		{"binding where none was asked for", "p=tls-exporter,,n=romeo,r=abc", MalformedRequest},
		{"binding type empty", "p=,,n=romeo,r=abc", MalformedRequest},
		{"binding type with a space", "p=tls exporter,,n=romeo,r=abc", MalformedRequest},
		{"authzid without attribute", "n,romeo@localhost,n=romeo,r=abc", MalformedRequest},
		{"authzid empty", "n,a=,n=romeo,r=abc", MalformedRequest},
		{"authzid badly escaped", "n,a=romeo=40localhost,n=romeo,r=abc", MalformedRequest},
		{"somebody else's authzid", "n,a=juliet@localhost,n=romeo,r=abc", InvalidAuthzid},
		{"authzid on another host", "n,a=romeo@example.org,n=romeo,r=abc", InvalidAuthzid},
		{"authzid with resource", "n,a=romeo@localhost/balcony,n=romeo,r=abc", InvalidAuthzid},
		{"authzid that is only the localpart", "n,a=romeo,n=romeo,r=abc", InvalidAuthzid},
		{"authzid that is only the host", "n,a=localhost,n=romeo,r=abc", InvalidAuthzid},
		{"authzid that is no JID", "n,a=@,n=romeo,r=abc", InvalidAuthzid},
		{"any authzid for a name that can't be", "n,a=ro meo@localhost,n=ro meo,r=abc", InvalidAuthzid},
		{"no username", "n,,r=abc", MalformedRequest},
		{"username empty", "n,,n=,r=abc", MalformedRequest},
		{"username with a bare equals sign", "n,,n=ro=meo,r=abc", MalformedRequest},
		{"username with an equals sign at the end", "n,,n=romeo=,r=abc", MalformedRequest},
		{"username with a lower-case escape", "n,,n=ro=2cmeo,r=abc", MalformedRequest},
		{"username with a cut escape", "n,,n=romeo=2,r=abc", MalformedRequest},
		{"username with NUL", "n,,n=ro\x00meo,r=abc", MalformedRequest},
		{"username not UTF-8", "n,,n=ro\xffmeo,r=abc", MalformedRequest},
		{"nonce missing", "n,,n=romeo", MalformedRequest},
		{"nonce empty", "n,,n=romeo,r=", MalformedRequest},
		{"nonce with a space", "n,,n=romeo,r=a b", MalformedRequest},
		{"nonce with a control character", "n,,n=romeo,r=a\x7f", MalformedRequest},
		{"nonce not ASCII", "n,,n=romeo,r=ä", MalformedRequest},
		{"nonce not UTF-8", "n,,n=romeo,r=a\xff", MalformedRequest},
		{"nonce too long", "n,,n=romeo,r=" + strings.Repeat("a", maxNonce+1), MalformedRequest},
		{"reserved extension first", "n,,m=x,n=romeo,r=abc", MalformedRequest},
		{"reserved extension last", "n,,n=romeo,r=abc,m=x", MalformedRequest},
		{"order turned round", "n,,r=abc,n=romeo", MalformedRequest},
		{"trailing comma", "n,,n=romeo,r=abc,", MalformedRequest},
		{"trailing garbage", "n,,n=romeo,r=abc,garbage", MalformedRequest},
		{"extension without value", "n,,n=romeo,r=abc,x=", MalformedRequest},
		{"a second username", "n,,n=romeo,r=abc,n=juliet", MalformedRequest},
		{"a second nonce", "n,,n=romeo,r=abc,r=def", MalformedRequest},
		{"trailing NUL", "n,,n=romeo,r=abc\x00", MalformedRequest},
		{"trailing newline", "n,,n=romeo,r=abc\n", MalformedRequest},
		{"over-long", "n,,n=" + strings.Repeat("a", MaxMessage) + ",r=abc", MalformedRequest},
		{"the store fails", "n,,n=storm,r=abc", TemporaryAuthFailure},
	} {
		t.Run(row.what, func(t *testing.T) {
			x, err := testConfig().Start("SCRAM-SHA-256", loopback)
			if err != nil {
				t.Fatal(err)
			}
			out, done, err := x.Step([]byte(row.message))
			wantFailure(t, err, row.want)
			if done || out != nil {
				t.Errorf("got %q, %v", out, done)
			}
			_, _, err = x.Step([]byte("n,,n=romeo,r=abc"))
			wantFailure(t, err, MalformedRequest) // it does not come back to life
		})
	}
}

func TestFirstMessagesThatMustPass(t *testing.T) {
	for what, message := range map[string]string{
		"plainest":                       "n,,n=romeo,r=a",
		"an authzid":                     "n,a=romeo@localhost,n=romeo,r=abc",
		"an extension":                   "n,,n=romeo,r=abc,x=y=z",
		"a name to prepare":              "n,,n=ROMEO,r=abc",
		"a name with comma":              "n,,n=ro=2Cmeo,r=abc",
		"a name with equals sign":        "n,,n=ro=3Dmeo,r=abc",
		"a name with escaped escape":     "n,,n=ro=3D2Cmeo,r=abc",
		"a name that can't be a JID":     "n,,n=ro meo@elsewhere/x,r=abc",
		"a name longer than a localpart": "n,,n=" + strings.Repeat("a", 1024) + ",r=abc",
		"the longest nonce":              "n,,n=romeo,r=" + strings.Repeat("a", maxNonce),
		"every character of a nonce":     "n,,n=romeo,r=!\"#$%&'()*+-./09:;<=>?@AZ[\\]^_`az{|}~",
	} {
		x, err := testConfig().Start("SCRAM-SHA-256", loopback)
		if err != nil {
			t.Fatal(err)
		}
		if out, done, err := x.Step([]byte(message)); err != nil || done || len(out) == 0 {
			t.Errorf("%s: %q, %v, %v", what, out, done, err)
		}
	}
}

func TestSaslNamesAreUnescapedOnce(t *testing.T) {
	for in, want := range map[string]string{
		"n=a=2Cb": "a,b", "n=a=3Db": "a=b", "n=a=3D2C": "a=2C", "n==3D=2C=3D": "=,=", "n=plain": "plain",
	} {
		if got, ok := saslName(in, "n="); !ok || got != want {
			t.Errorf("%s: got %q, %v", in, got, ok)
		}
	}
}

func TestFinalMessagesThatMustFail(t *testing.T) {
	for _, row := range []struct {
		what   string
		change func(string) string
		want   Condition
	}{
		{"nothing", func(string) string { return "" }, MalformedRequest},
		{"no proof", func(s string) string { return s[:strings.LastIndex(s, ",p=")] }, MalformedRequest},
		{"proof empty", func(s string) string { return s[:strings.LastIndex(s, ",p=")+3] }, MalformedRequest},
		{"proof that is another's", func(s string) string { return reproof(s, func(b []byte) []byte { b[0] ^= 1; return b }) }, NotAuthorized},
		{"proof with its last bit changed", func(s string) string { return reproof(s, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }) }, NotAuthorized},
		{"proof of zeros", func(s string) string { return reproof(s, func(b []byte) []byte { clear(b); return b }) }, NotAuthorized},
		{"proof with a byte too many", func(s string) string { return reproof(s, func(b []byte) []byte { return append(b, 0) }) }, MalformedRequest},
		{"proof with a byte too few", func(s string) string { return reproof(s, func(b []byte) []byte { return b[:len(b)-1] }) }, MalformedRequest},
		{"newline within the proof", func(s string) string { return s[:len(s)-6] + "\n" + s[len(s)-6:] }, MalformedRequest},
		{"newline after the proof", func(s string) string { return s + "\r\n" }, MalformedRequest},
		{"padding bits of the proof not zero", dirtyPadding, MalformedRequest},
		{"proof without padding", func(s string) string { return strings.TrimRight(s, "=") }, MalformedRequest},
		{"proof in base64url", func(s string) string {
			return s[:strings.LastIndex(s, ",p=")+3] + "-_" + s[strings.LastIndex(s, ",p=")+5:]
		}, MalformedRequest},
		{"text after the proof", func(s string) string { return s + "garbage" }, MalformedRequest},
		{"extension after the proof", func(s string) string { return s + ",x=y" }, MalformedRequest},
		{"comma after the proof", func(s string) string { return s + "," }, MalformedRequest},
		{"NUL after the proof", func(s string) string { return s + "\x00" }, MalformedRequest},
		{"two proofs", func(s string) string { return s + s[strings.LastIndex(s, ",p="):] }, MalformedRequest},
		{"reserved extension", func(s string) string { return strings.Replace(s, ",p=", ",m=x,p=", 1) }, MalformedRequest},
		{"malformed extension", func(s string) string { return strings.Replace(s, ",p=", ",xy,p=", 1) }, MalformedRequest},
		{"extension that was not signed", func(s string) string { return strings.Replace(s, ",p=", ",x=y,p=", 1) }, NotAuthorized},
		{"not UTF-8", func(s string) string { return strings.Replace(s, ",p=", ",x=\xff,p=", 1) }, MalformedRequest},
		{"c= missing", func(s string) string { return s[strings.Index(s, "r="):] }, MalformedRequest},
		{"c= empty", func(s string) string { return strings.Replace(s, "c=biws", "c=", 1) }, NotAuthorized},
		{"c= not base64", func(s string) string { return strings.Replace(s, "c=biws", "c=bi!s", 1) }, MalformedRequest},
		{"c= with newline", func(s string) string { return strings.Replace(s, "c=biws", "c=bi\nws", 1) }, MalformedRequest},
		{"c= of another header", func(s string) string { return strings.Replace(s, "c=biws", "c="+b64("y,,"), 1) }, NotAuthorized},
		{"c= with an authzid that was not sent", func(s string) string { return strings.Replace(s, "c=biws", "c="+b64("n,a=romeo@localhost,"), 1) }, NotAuthorized},
		{"c= with more than the header", func(s string) string { return strings.Replace(s, "c=biws", "c="+b64("n,,x"), 1) }, NotAuthorized},
		{"nonce missing", func(s string) string { return strings.Replace(s, "r=", "x=", 1) }, MalformedRequest},
		{"nonce empty", func(s string) string { return s[:strings.Index(s, "r=")+2] + s[strings.LastIndex(s, ",p="):] }, MalformedRequest},
		{"nonce that is only the client's", func(s string) string { return renonce(s, func(n string) string { return n[:len(n)-26] }) }, NotAuthorized},
		{"nonce changed", func(s string) string { return renonce(s, func(n string) string { return n[:len(n)-1] + "!" }) }, NotAuthorized},
		{"nonce longer", func(s string) string { return renonce(s, func(n string) string { return n + "a" }) }, NotAuthorized},
		{"first message again", func(string) string { return "n,,n=romeo,r=abc" }, MalformedRequest},
		{"over-long", func(s string) string {
			return strings.Replace(s, ",p=", ",x="+strings.Repeat("y", MaxMessage)+",p=", 1)
		}, MalformedRequest},
	} {
		for _, user := range []string{"romeo", "nobody"} {
			t.Run(row.what+" by "+user, func(t *testing.T) {
				n := 0
				step := xdgClient(t, "SCRAM-SHA-256", user, testPassword, "", nil)
				x, err := play(testConfig(), "SCRAM-SHA-256", loopback, func(challenge string) (string, error) {
					m, err := step(challenge)
					if n++; n == 2 {
						m = row.change(m)
					}
					return m, err
				})
				wantFailure(t, err, row.want)
				if x.Username() != "" {
					t.Errorf("authenticated as %q", x.Username())
				}
			})
		}
	}
}

func TestFinalMessageMayCarrySignedExtensions(t *testing.T) {
	k := testCredentials().SHA256
	m, ok := parseClientFinal("c=biws,r=abc,x=y,z=1=2,p="+EncodeBase64(make([]byte, 32)), 32)
	if !ok || m.withoutProof != "c=biws,r=abc,x=y,z=1=2" {
		t.Fatalf("got %+v, %v", m, ok)
	}
	if _, ok := scramSHA256.prove(&k, m.withoutProof, m.proof); ok {
		t.Error("a proof of zeros is right")
	}
}

// The published examples: RFC 5802 §5 and RFC 7677 §3.
func TestPublishedExamples(t *testing.T) {
	for _, row := range []struct {
		f                                 *family
		salt, bare, challenge, final, sig string
	}{
		{scramSHA1, "QSXCR+Q6sek8bf92", "n=user,r=fyko+d2lbbFgONRv9qkxdawL",
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			"rmF9pqV8S7suAoZWja4dJRkFsKQ="},
		{scramSHA256, "W22ZaJ0SNY7soEsUEjb6gQ==", "n=user,r=rOprNGfwEbeRWgbNEkqO",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
	} {
		salt, _ := strictBase64(row.salt)
		k, err := row.f.derive([]string{"pencil"}, salt, 4096)
		if err != nil {
			t.Fatal(err)
		}
		m, ok := parseClientFinal(row.final, row.f.size)
		if !ok {
			t.Fatalf("%s: the example does not parse", row.f.name)
		}
		message := row.bare + "," + row.challenge + "," + m.withoutProof
		server, ok := row.f.prove(&k, message, m.proof)
		if !ok || EncodeBase64(row.f.mac(server, message)) != row.sig {
			t.Errorf("%s: the example's proof or signature differs", row.f.name)
		}
	}
}

func TestBindingsThatMustFailAndLeaveTheStreamUsable(t *testing.T) {
	tls12, view12 := tlsPair(t, tls.VersionTLS12)
	tls13, view13 := tlsPair(t, tls.VersionTLS13)
	noLeaf := tls13
	noLeaf.Leaf = nil
	for _, row := range []struct {
		what    string
		channel Channel
		message string
	}{
		{"a type nobody knows", tls13, "p=unknown-type,,n=romeo,r=abc"},
		{"tls-unique on TLS 1.3, which has none", tls13, "p=tls-unique,,n=romeo,r=abc"},
		{"tls-server-end-point without certificate", noLeaf, "p=tls-server-end-point,,n=romeo,r=abc"},
		{"type in upper case", tls12, "p=TLS-EXPORTER,,n=romeo,r=abc"},
		{"n with -PLUS", tls13, "n,,n=romeo,r=abc"},
		{"y with -PLUS", tls13, "y,,n=romeo,r=abc"},
	} {
		t.Run(row.what, func(t *testing.T) {
			c := testConfig()
			x, err := c.Start("SCRAM-SHA-256-PLUS", row.channel)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = x.Step([]byte(row.message))
			wantFailure(t, err, MalformedRequest)
			view := view13
			if row.channel.TLS.Version == tls.VersionTLS12 {
				view = view12
			}
			binding, err := scram.NewTLSExporterBinding(&view)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := play(c, "SCRAM-SHA-256-PLUS", row.channel, xdgClient(t, "SCRAM-SHA-256", "romeo", testPassword, "", &binding)); err != nil {
				t.Errorf("the next try: %v", err)
			}
		})
	}
}

func TestBindingDataIsComparedWhole(t *testing.T) {
	ch, view := tlsPair(t, tls.VersionTLS13)
	good, err := scram.NewTLSExporterBinding(&view)
	if err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{
		"cut":            good.Data[:31],
		"longer":         append(good.Data[:32:32], 0),
		"with a changed": append(good.Data[:31:31], good.Data[31]^1),
		"zero":           make([]byte, 32),
	} {
		b := scram.ChannelBinding{Type: good.Type, Data: data}
		_, err := play(testConfig(), "SCRAM-SHA-1-PLUS", ch, xdgClient(t, "SCRAM-SHA-1", "romeo", testPassword, "", &b))
		if err == nil {
			t.Errorf("binding data %s accepted", what)
			continue
		}
		wantFailure(t, err, NotAuthorized)
	}
	// A true binding under another type's name.
	b := scram.ChannelBinding{Type: scram.ChannelBindingTLSServerEndpoint, Data: good.Data}
	_, err = play(testConfig(), "SCRAM-SHA-1-PLUS", ch, xdgClient(t, "SCRAM-SHA-1", "romeo", testPassword, "", &b))
	wantFailure(t, err, NotAuthorized)
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// reproof changes the decoded proof of a final message.
func reproof(s string, change func([]byte) []byte) string {
	i := strings.LastIndex(s, ",p=") + 3
	b, _ := strictBase64(s[i:])
	return s[:i] + EncodeBase64(change(b))
}

// renonce changes the nonce of a final message.
func renonce(s string, change func(string) string) string {
	i, j := strings.Index(s, "r=")+2, strings.LastIndex(s, ",p=")
	return s[:i] + change(s[i:j]) + s[j:]
}

// dirtyPadding sets a bit of the proof's base64 that no byte comes from.
func dirtyPadding(s string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.IndexByte(s[strings.LastIndex(s, ",p=")+3:], '=') + strings.LastIndex(s, ",p=") + 2
	return s[:i] + string(digits[strings.IndexByte(digits, s[i])|1]) + s[i+1:]
}
