package auth

import (
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// BenchmarkSCRAM is the server's work for one login whose client has kept its keys,
// for an account that exists and for one that does not.
func BenchmarkSCRAM(b *testing.B) {
	for _, mechanism := range scramNames {
		for _, user := range []string{"romeo", "nobody"} {
			b.Run(mechanism+"/"+user, func(b *testing.B) {
				c := testConfig()
				hash := scram.SHA1
				if strings.Contains(mechanism, "256") {
					hash = scram.SHA256
				}
				cl, err := hash.NewClient(user, testPassword, "")
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					step := cl.NewConversation().Step
					b.StartTimer()
					x, _ := c.Start(mechanism, loopback)
					b.StopTimer()
					first, _ := step("")
					b.StartTimer()
					out, _, err := x.Step([]byte(first))
					b.StopTimer()
					if err != nil {
						b.Fatal(err)
					}
					final, err := step(string(out))
					if err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
					if _, _, err = x.Step([]byte(final)); (err == nil) != (user == "romeo") {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkPLAIN is dominated by hashing the password.
func BenchmarkPLAIN(b *testing.B) {
	for _, user := range []string{"romeo", "nobody"} {
		b.Run(user, func(b *testing.B) {
			creds, err := NewCredentials(testPassword)
			if err != nil {
				b.Fatal(err)
			}
			c := testConfig()
			c.Iterations = Iterations
			c.Lookup = func(name string) (Credentials, bool, error) { return creds, name == "romeo", nil }
			for b.Loop() {
				x, _ := c.Start("PLAIN", confidential)
				if _, _, err := x.Step([]byte("\x00" + user + "\x00" + testPassword)); (err == nil) != (user == "romeo") {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewCredentials(b *testing.B) {
	for b.Loop() {
		if _, err := NewCredentials(testPassword); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOffer(b *testing.B) {
	ch, _ := tlsPair(b, 0x0304)
	c := testConfig()
	b.ReportAllocs()
	for b.Loop() {
		if len(c.Mechanisms(ch)) != 5 || len(c.BindingTypes(ch)) != 2 {
			b.Fatal("offer")
		}
	}
}
