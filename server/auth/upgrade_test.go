package auth

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"testing"
)

// TestUpgradeAddsKeysThatWork: the client computes the SaltedPassword, the account logs
// in with SHA-256 from then on, with the old keys as they were.
func TestUpgradeAddsKeysThatWork(t *testing.T) {
	creds := testCredentials()
	creds.SHA256 = Keys{}
	if !creds.Lacks256() {
		t.Fatal("the account has keys")
	}
	u, err := NewUpgrade()
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, testPassword, u.Salt, u.Iterations, SaltedSize)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, salted[:31], append(salted, 0)} {
		if err := u.Apply(&creds, bad); err == nil || !creds.Lacks256() {
			t.Errorf("%d bytes were taken", len(bad))
		}
	}
	if err := u.Apply(&creds, salted[:SaltedSize]); err != nil || creds.Lacks256() {
		t.Fatal(err)
	}
	c := testConfig()
	c.Lookup = func(string) (Credentials, bool, error) { return creds, true, nil }
	for _, name := range scramNames {
		if x, err := play(c, name, loopback, xdgClient(t, name, "romeo", testPassword, "", nil)); err != nil || x.Username() != "romeo" {
			t.Errorf("%s after the upgrade: %v", name, err)
		}
	}
	_, err = play(c, "SCRAM-SHA-256", loopback, xdgClient(t, "SCRAM-SHA-256", "romeo", "another", "", nil))
	wantFailure(t, err, NotAuthorized)
}
