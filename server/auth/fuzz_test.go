package auth

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// conditions are all that may go on the wire.
var conditions = map[Condition]bool{
	Aborted: true, AccountDisabled: true, CredentialsExpired: true, EncryptionRequired: true,
	IncorrectEncoding: true, InvalidAuthzid: true, InvalidMechanism: true, MalformedRequest: true,
	MechanismTooWeak: true, NotAuthorized: true, TemporaryAuthFailure: true,
}

// fuzzStep feeds one message and checks what must hold for any.
func fuzzStep(t *testing.T, x *Exchange, in []byte) (out []byte, goesOn bool) {
	out, done, err := x.Step(in)
	if err != nil {
		var f *Failure
		if !errors.As(err, &f) || !conditions[f.Condition] {
			t.Fatalf("error %v", err)
		}
		wantNoSecret(t, f.Error())
		if done || out != nil || x.Username() != "" {
			t.Fatalf("failed, and yet %v, %q, %q", done, out, x.Username())
		}
		return nil, false
	}
	if done && x.Username() == "" || !done && x.Username() != "" {
		t.Fatalf("done is %v for %q", done, x.Username())
	}
	return out, !done
}

// fuzzSCRAM runs a mechanism against any two messages. In the second one "{r}"
// stands for the nonce, so that the fuzzer can get as far as the proof.
func fuzzSCRAM(f *testing.F, mechanism string, ch Channel, seeds ...string) {
	proof := EncodeBase64(make([]byte, 32))
	if strings.Contains(mechanism, "SHA-1") {
		proof = EncodeBase64(make([]byte, 20))
	}
	for _, first := range append(seeds, "", "n,,", "n,,n=romeo,r=abc", "y,,n=romeo,r=abc", "n,a=romeo@localhost,n=ROMEO,r=abc,x=y",
		"n,,n=ro=2Cm=3Deo,r=abc", "n,,m=x,n=romeo,r=abc", "n,,n=\xff,r=\x00", "p=unknown,,n=romeo,r=abc") {
		for _, final := range []string{"", "c=biws,r={r},p=" + proof, "c=biws,r={r},x=y,p=" + proof + "\n", "c=biws,r={r}", "c==,r=,p=="} {
			f.Add([]byte(first), []byte(final))
		}
	}
	c := testConfig()
	hash := scram.SHA256
	if strings.Contains(mechanism, "SHA-1") {
		hash = scram.SHA1
	}
	var asked string
	library, err := hash.NewServer(func(name string) (scram.StoredCredentials, error) {
		asked = name
		return scram.StoredCredentials{}, nil
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, first, final []byte) {
		x, err := c.Start(mechanism, ch)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := parseClientFirst(string(first)); ok {
			if m.gs2+m.bare != string(first) || m.username == "" || m.nonce == "" {
				t.Fatalf("%q is taken for %+v", first, m)
			}
			// Whatever we let pass, the library must read alike.
			if m.flag != 'p' {
				if _, err := library.NewConversation().Step(string(first)); err != nil || asked != m.username {
					t.Fatalf("%q: the library reads %q, %v", first, asked, err)
				}
			}
		}
		out, goesOn := fuzzStep(t, x, first)
		if !goesOn {
			if out != nil {
				t.Fatalf("%q alone logs in", first)
			}
			return
		}
		if len(out) == 0 {
			return // first was nil
		}
		nonce, _, _ := strings.Cut(strings.TrimPrefix(string(out), "r="), ",")
		final = []byte(strings.ReplaceAll(string(final), "{r}", nonce))
		if out, goesOn = fuzzStep(t, x, final); goesOn || out != nil {
			t.Fatalf("%q then %q logs in", first, final)
		}
	})
}

func FuzzExchangeSCRAMSHA1(f *testing.F)   { fuzzSCRAM(f, "SCRAM-SHA-1", loopback) }
func FuzzExchangeSCRAMSHA256(f *testing.F) { fuzzSCRAM(f, "SCRAM-SHA-256", loopback) }

var plusSeeds = []string{"p=tls-exporter,,n=romeo,r=abc", "p=tls-unique,,n=romeo,r=abc",
	"p=tls-server-end-point,a=romeo@localhost,n=romeo,r=abc", "p=,,n=romeo,r=abc"}

func FuzzExchangeSCRAMSHA1PLUS(f *testing.F) {
	ch, _ := tlsPair(f, tls.VersionTLS12)
	fuzzSCRAM(f, "SCRAM-SHA-1-PLUS", ch, plusSeeds...)
}

func FuzzExchangeSCRAMSHA256PLUS(f *testing.F) {
	ch, _ := tlsPair(f, tls.VersionTLS13)
	fuzzSCRAM(f, "SCRAM-SHA-256-PLUS", ch, plusSeeds...)
}

func FuzzExchangePLAIN(f *testing.F) {
	for _, s := range []string{"", "\x00romeo\x00" + testPassword, "romeo@localhost\x00romeo\x00" + testPassword,
		"juliet@localhost\x00romeo\x00" + testPassword, "\x00romeo\x00x\x00", "\x00\x00", "\x00nobody\x00x",
		"\x00ｒｏｍｅｏ\x00\xff", "\x00storm\x00x", "\x00tybalt\x00" + testPassword} {
		f.Add([]byte(s))
	}
	c := testConfig()
	f.Fuzz(func(t *testing.T, in []byte) {
		x, err := c.Start("PLAIN", confidential)
		if err != nil {
			t.Fatal(err)
		}
		out, goesOn := fuzzStep(t, x, in)
		if out != nil && (in != nil || !goesOn) {
			t.Fatalf("answered %q", out)
		}
		if x.Username() != "" && !strings.HasSuffix(string(in), "\x00"+testPassword) {
			t.Fatalf("%q logs in as %q", in, x.Username())
		}
	})
}

func FuzzDecodeBase64(f *testing.F) {
	for _, s := range []string{"", "=", "AA==", "AB==", "AA\n==", "biws", "AAAA=", "-_-_"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := DecodeBase64(text)
		if err == nil && text != "=" && EncodeBase64(b) != text {
			t.Fatalf("%q is taken for %x", text, b)
		}
	})
}

func FuzzPrepare(f *testing.F) {
	for _, s := range []string{"romeo", "ROMEO", "rÖmeo", "ｒｏｍｅｏ", "\u00ad", "a\u0308", "\u2168", "ß", "ς", "ﷺ", "İ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := prepareName(s); ok {
			if again, ok := prepareName(name); !ok || again != name || name == "" || len(name) > 1023 {
				t.Fatalf("%q is prepared to %q, that to %q", s, name, again)
			}
		}
		forms, err := preparePassword(s)
		if err == nil && (len(forms) == 0 || len(forms) > 3) || err != nil && forms != nil {
			t.Fatalf("%q: %q, %v", s, forms, err)
		}
		for _, form := range forms {
			if form == "" {
				t.Fatalf("%q has an empty form", s)
			}
		}
	})
}
