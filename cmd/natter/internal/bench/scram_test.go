package bench

import (
	"strings"
	"testing"
)

func TestScramVectors(t *testing.T) {
	for _, row := range []struct {
		name, mech, nonce        string
		first, challenge, answer string
		final                    string
	}{
		{
			name: "RFC 5802 §5", mech: "SCRAM-SHA-1", nonce: "fyko+d2lbbFgONRv9qkxdawL",
			first:     "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
			challenge: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			answer:    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			final:     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
		},
		{
			name: "RFC 7677 §3", mech: "SCRAM-SHA-256", nonce: "rOprNGfwEbeRWgbNEkqO",
			first:     "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
			challenge: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			answer:    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			final:     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			keys := &keyCache{}
			for _, cache := range []string{"cold", "warm"} {
				s := newScram(row.mech, "user", "pencil", keys)
				s.nonce = row.nonce
				if got := string(s.first()); got != row.first {
					t.Errorf("%s: first message %s, want %s", cache, got, row.first)
				}
				answer, err := s.final([]byte(row.challenge))
				if err != nil {
					t.Fatal(err)
				}
				if string(answer) != row.answer {
					t.Errorf("%s: answer %s, want %s", cache, answer, row.answer)
				}
				if err := s.verify([]byte(row.final)); err != nil {
					t.Errorf("%s: %v", cache, err)
				}
				if err := s.verify([]byte("v=AAAA")); err == nil {
					t.Errorf("%s: a wrong signature passes", cache)
				}
			}
		})
	}
}

func TestScramRefusesBadChallenges(t *testing.T) {
	for name, challenge := range map[string]string{
		"nonce is not ours":           "r=other,s=QSXCR+Q6sek8bf92,i=4096",
		"nonce has nothing added":     "r=mine,s=QSXCR+Q6sek8bf92,i=4096",
		"no salt":                     "r=mine1,s=,i=4096",
		"salt is not base64":          "r=mine1,s=!,i=4096",
		"no iterations":               "r=mine1,s=QSXCR+Q6sek8bf92",
		"iterations are negative":     "r=mine1,s=QSXCR+Q6sek8bf92,i=-1",
		"iterations would take hours": "r=mine1,s=QSXCR+Q6sek8bf92,i=4000000000",
		"nothing":                     "",
	} {
		s := newScram("SCRAM-SHA-1", "user", "pencil", &keyCache{})
		s.nonce = "mine"
		s.first()
		if answer, err := s.final([]byte(challenge)); err == nil {
			t.Errorf("%s: answered %s", name, answer)
		}
	}
}

func TestScramEscapesNames(t *testing.T) {
	s := newScram("SCRAM-SHA-1", "a=b,c", "pencil", &keyCache{})
	s.nonce = "x"
	if got, want := string(s.first()), "n,,n=a=3Db=2Cc,r=x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzScramChallenge checks that no challenge makes the client panic or compute
// for long. Iteration counts above a few are left out: they are allowed to cost.
func FuzzScramChallenge(f *testing.F) {
	f.Add("r=mine1,s=QSXCR+Q6sek8bf92,i=1")
	f.Add("r=mine,s=,i=")
	f.Add(",,=,i=-9223372036854775808")
	f.Fuzz(func(t *testing.T, challenge string) {
		if i := strings.LastIndex(challenge, "i="); i >= 0 && len(challenge) > i+4 {
			return
		}
		s := newScram("SCRAM-SHA-256", "user", "pencil", &keyCache{})
		s.nonce = "mine"
		s.first()
		if answer, err := s.final([]byte(challenge)); err == nil && !strings.HasPrefix(string(answer), "c=biws,r=mine") {
			t.Errorf("%q answered with %q", challenge, answer)
		}
		if s.verify([]byte(challenge)) == nil {
			t.Errorf("%q passes as a signature", challenge)
		}
	})
}
