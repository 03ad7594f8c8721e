package auth

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const device = "d4565fa7-4d72-4749-b3d3-740edbf87770"

// tokenConfig has romeo with two tokens, the second one spent, and disabled tybalt.
func tokenConfig() *Config {
	c := testConfig()
	c.Tokens = func(name, from string) ([]Token, bool, error) {
		if from != device {
			return nil, false, nil
		}
		one := Token{ID: "one", Secret: []byte("first"), Mechanism: "HT-SHA-256-NONE", Count: 5}
		switch name {
		case "romeo":
			return []Token{one, {ID: "two", Secret: []byte("second"), Mechanism: "HT-SHA-256-NONE", Spent: true}}, false, nil
		case "tybalt":
			return []Token{one}, true, nil
		case "storm":
			return nil, false, errStorm
		}
		return nil, false, nil
	}
	return c
}

func TestTokenProvesWhoOneIs(t *testing.T) {
	for name, row := range map[string]struct {
		user, secret, device string
		count                int
		want                 Condition // empty: in
	}{
		"the right one":                   {"romeo", "first", device, -1, ""},
		"with a name to prepare":          {"ROMEO", "first", device, -1, ""},
		"with a count that is higher":     {"romeo", "first", device, 6, ""},
		"with one that was":               {"romeo", "first", device, 5, NotAuthorized},
		"with one that is lower":          {"romeo", "first", device, 0, NotAuthorized},
		"a wrong one":                     {"romeo", "third", device, -1, NotAuthorized},
		"one that is spent":               {"romeo", "second", device, -1, CredentialsExpired},
		"another device":                  {"romeo", "first", "another", -1, NotAuthorized},
		"nobody":                          {"nobody", "first", device, -1, NotAuthorized},
		"a name that cannot be":           {"ro@meo", "first", device, -1, NotAuthorized},
		"a disabled account":              {"tybalt", "first", device, -1, AccountDisabled},
		"a disabled account, wrong token": {"tybalt", "second", device, -1, NotAuthorized},
		"trouble in the store":            {"storm", "first", device, -1, TemporaryAuthFailure},
		"nothing":                         {"romeo", "", device, -1, NotAuthorized},
	} {
		t.Run(name, func(t *testing.T) {
			p := Presented{Device: row.device}
			if row.count >= 0 {
				p.Counted, p.Count = true, uint64(row.count)
			}
			x, err := tokenConfig().StartToken("HT-SHA-256-NONE", loopback, p)
			if err != nil {
				t.Fatal(err)
			}
			in := append([]byte(row.user+"\x00"), tokenHash([]byte(row.secret), "Initiator", nil)...)
			out, done, err := x.Step(in)
			if row.want != "" {
				wantFailure(t, err, row.want)
				if out != nil || done || x.TokenUsed() != "" {
					t.Errorf("and yet %q, %v", out, done)
				}
				return
			}
			if err != nil || !done || x.Username() != "romeo" || x.TokenUsed() != "one" {
				t.Fatalf("%q with %q, %v", x.Username(), x.TokenUsed(), err)
			}
			if string(out) != string(tokenHash([]byte("first"), "Responder", nil)) {
				t.Errorf("the server's proof is %x", out)
			}
		})
	}
}

func TestTokenMechanismsFollowTheChannel(t *testing.T) {
	c := tokenConfig()
	tls12, _ := tlsPair(t, tls.VersionTLS12)
	tls13, _ := tlsPair(t, tls.VersionTLS13)
	wantMechanisms(t, c.TokenMechanisms(tls12), "HT-SHA-256-EXPR", "HT-SHA-256-UNIQ", "HT-SHA-256-ENDP", "HT-SHA-256-NONE")
	wantMechanisms(t, c.TokenMechanisms(tls13), "HT-SHA-256-EXPR", "HT-SHA-256-ENDP", "HT-SHA-256-NONE")
	wantMechanisms(t, c.TokenMechanisms(loopback), "HT-SHA-256-NONE")
	wantMechanisms(t, c.TokenMechanisms(Channel{}))
	wantMechanisms(t, testConfig().TokenMechanisms(tls13))
	_, err := c.StartToken("HT-SHA-256-NONE", Channel{}, Presented{Device: device})
	wantFailure(t, err, EncryptionRequired)
	_, err = testConfig().StartToken("HT-SHA-256-NONE", loopback, Presented{Device: device})
	wantFailure(t, err, InvalidMechanism)
	_, err = c.StartToken("SCRAM-SHA-256", loopback, Presented{Device: device})
	wantFailure(t, err, InvalidMechanism)
	_, err = c.Start("HT-SHA-256-NONE", loopback) // without what is said of the token
	wantFailure(t, err, InvalidMechanism)
}

// TestGuessingTokensIsThrottled as guessing passwords is, and an expired token is no
// guess.
func TestGuessingTokensIsThrottled(t *testing.T) {
	c := tokenConfig()
	c.Throttle = NewThrottle()
	ch := loopback
	ch.Addr = netip.MustParseAddr("192.0.2.1")
	try := func(secret string) (time.Duration, error) {
		x, err := c.StartToken("HT-SHA-256-NONE", ch, Presented{Device: device})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = x.Step(append([]byte("romeo\x00"), tokenHash([]byte(secret), "Initiator", nil)...))
		return x.Wait(), err
	}
	for range 10 {
		if wait, err := try("second"); wait != 0 {
			t.Fatalf("an expired token waits %v, %v", wait, err)
		}
	}
	var waited time.Duration
	for range 10 {
		wait, _ := try("guess")
		waited += wait
	}
	_, err := try("guess")
	if wantFailure(t, err, TemporaryAuthFailure); waited == 0 {
		t.Error("ten guesses did not wait")
	}
}

func FuzzExchangeToken(f *testing.F) {
	for _, seed := range []string{"", "romeo", "romeo\x00", "\x00" + strings.Repeat("x", 32), "romeo\x00" + strings.Repeat("x", 32),
		"romeo\x00" + string(tokenHash([]byte("first"), "Initiator", nil)), "\xff\x00" + strings.Repeat("x", 32)} {
		f.Add([]byte(seed), uint64(0))
	}
	right := tokenHash([]byte("first"), "Initiator", nil)
	f.Fuzz(func(t *testing.T, in []byte, count uint64) {
		x, err := tokenConfig().StartToken("HT-SHA-256-NONE", loopback, Presented{Device: device, Counted: true, Count: count})
		if err != nil {
			t.Fatal(err)
		}
		_, more := fuzzStep(t, x, in)
		name, proof, _ := strings.Cut(string(in), "\x00")
		prepared, _ := prepareName(name)
		if is := x.Username() != ""; is != (prepared == "romeo" && proof == string(right) && count > 5) && in != nil {
			t.Fatalf("%q with count %d is in: %v", in, count, is)
		}
		if more && in != nil {
			t.Fatal("there is one step only")
		}
	})
}

func TestGuestsNeedNothing(t *testing.T) {
	c := testConfig()
	var err error
	c.Guest = func(netip.Addr) (string, error) { return "guest-1", err }
	wantMechanisms(t, c.Mechanisms(loopback), "ANONYMOUS")
	wantMechanisms(t, c.Mechanisms(Channel{}))
	for in, want := range map[string]Condition{
		"": "", "sirhc@example.org": "", strings.Repeat("\u00fc", 255): "",
		strings.Repeat("x", 256): MalformedRequest, "a\x00b": MalformedRequest, "\xff": MalformedRequest,
	} {
		x, err := c.Start("ANONYMOUS", loopback)
		if err != nil {
			t.Fatal(err)
		}
		_, done, err := x.Step([]byte(in))
		if want != "" {
			wantFailure(t, err, want)
		} else if err != nil || !done || x.Username() != "guest-1" {
			t.Errorf("%q: %q, %v", in, x.Username(), err)
		}
	}
	x, _ := c.Start("ANONYMOUS", loopback)
	if _, done, err := x.Step(nil); err != nil || !done { // XEP-0175 §4: no challenge
		t.Errorf("without initial response: %v, %v", done, err)
	}
	err = errors.New("full")
	x, _ = c.Start("ANONYMOUS", loopback)
	_, _, got := x.Step(nil)
	wantFailure(t, got, TemporaryAuthFailure)
	_, got = c.Start("SCRAM-SHA-256", loopback)
	wantFailure(t, got, InvalidMechanism)
	_, got = testConfig().Start("ANONYMOUS", loopback)
	wantFailure(t, got, InvalidMechanism)
}

func FuzzExchangeANONYMOUS(f *testing.F) {
	f.Add([]byte("trace"))
	f.Add([]byte("\x00\xff"))
	c := testConfig()
	c.Guest = func(netip.Addr) (string, error) { return "guest-1", nil }
	f.Fuzz(func(t *testing.T, in []byte) {
		x, err := c.Start("ANONYMOUS", loopback)
		if err != nil {
			t.Fatal(err)
		}
		fuzzStep(t, x, in)
	})
}
