package auth

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"strings"
	"testing"
)

// TestAnnouncedIsHashedInOrder: the example of XEP-0474 §6.3.
func TestAnnouncedIsHashedInOrder(t *testing.T) {
	sum := sha1.Sum([]byte("SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-exporter\x1etls-server-end-point"))
	if got := EncodeBase64(sum[:]); got != "G6k/rBLDqgOhRRaCuuatSDFkJ08=" {
		t.Errorf("the example's hash is %s", got)
	}
	ch, _ := tlsPair(t, tls.VersionTLS13)
	want := sha256.Sum256([]byte("PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1eSCRAM-SHA-256\x1eSCRAM-SHA-256-PLUS" +
		"\x1ftls-exporter\x1etls-server-end-point"))
	if got := testConfig().announced(&ch, scramSHA256); string(got) != string(want[:]) {
		t.Errorf("over TLS: %x, want %x", got, want)
	}
	want = sha256.Sum256([]byte("SCRAM-SHA-1\x1eSCRAM-SHA-256"))
	if got := testConfig().announced(&loopback, scramSHA256); string(got) != string(want[:]) {
		t.Errorf("in the clear: %x, want %x", got, want)
	}
}

// TestChallengeSaysWhatWasAnnounced, with the hash of the mechanism in use, and whether
// the account exists or not.
func TestChallengeSaysWhatWasAnnounced(t *testing.T) {
	c := testConfig()
	for _, f := range []*family{scramSHA1, scramSHA256} {
		for _, name := range []string{"romeo", "nobody"} {
			x, err := c.Start(f.name, loopback)
			if err != nil {
				t.Fatal(err)
			}
			challenge, _, err := x.Step([]byte("n,,n=" + name + ",r=abc"))
			if want := ",h=" + EncodeBase64(c.announced(&loopback, f)); err != nil || !strings.HasSuffix(string(challenge), want) {
				t.Errorf("%s for %s: %s, %v; want %s", f.name, name, challenge, err, want)
			}
		}
	}
}
