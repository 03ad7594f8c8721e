package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLocalLeafIsOneThatBrowsersTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustLocal(t, "", "example.org", "Chat.Example.NET.", "bücher.example", "192.0.2.7", "[2001:db8::1]", "localhost")
		leaf := s.Leaf()
		for _, name := range []string{"localhost", "rooms.localhost", "127.0.0.1", "::1", "example.org", "upload.example.org",
			"chat.example.net", "x.chat.example.net", "xn--bcher-kva.example", "a.xn--bcher-kva.example", "192.0.2.7", "2001:db8::1"} {
			opts := x509.VerifyOptions{Roots: s.CAPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
			if strings.Contains(name, ":") {
				name = "[" + name + "]"
			}
			opts.DNSName = name
			if _, err := leaf.Verify(opts); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, name := range []string{"example.net", "a.b.example.org", "192.0.2.8", "org"} {
			if leaf.VerifyHostname(name) == nil {
				t.Errorf("good for %s", name)
			}
		}
		now := time.Now()
		if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 398*day || leaf.NotAfter.Sub(now) < 390*day {
			t.Errorf("lives %v", life)
		}
		if !leaf.NotBefore.Equal(now.Add(-day).Truncate(time.Second)) {
			t.Errorf("not before %v, now is %v", leaf.NotBefore, now)
		}
		if leaf.IsCA || !leaf.BasicConstraintsValid || leaf.KeyUsage != x509.KeyUsageDigitalSignature ||
			len(leaf.ExtKeyUsage) != 1 || leaf.Version != 3 || leaf.SignatureAlgorithm != x509.ECDSAWithSHA256 {
			t.Errorf("leaf: CA %v, usage %b, extended %v, %v", leaf.IsCA, leaf.KeyUsage, leaf.ExtKeyUsage, leaf.SignatureAlgorithm)
		}
		if n := leaf.SerialNumber.BitLen(); leaf.SerialNumber.Sign() <= 0 || n > 159 || n < 64 {
			t.Errorf("serial number of %d bits", n)
		}
	})
}

func TestLocalCAIsOneThatTrustStoresTake(t *testing.T) {
	a, b := mustLocal(t, ""), mustLocal(t, "")
	ca := a.state.Load().ca
	if !ca.IsCA || !ca.BasicConstraintsValid || !ca.MaxPathLenZero || ca.KeyUsage&x509.KeyUsageCertSign == 0 ||
		len(ca.SubjectKeyId) == 0 || len(ca.ExtKeyUsage) != 0 {
		t.Errorf("CA: %+v", ca)
	}
	if !bytes.Equal(a.Leaf().AuthorityKeyId, ca.SubjectKeyId) {
		t.Error("the leaf does not name its issuer's key")
	}
	if ca.Subject.String() == b.state.Load().ca.Subject.String() {
		t.Error("two CAs have one name")
	}
	if _, err := a.Leaf().Verify(x509.VerifyOptions{Roots: b.CAPool(), DNSName: "localhost"}); err == nil {
		t.Error("another CA vouches for it")
	}
	if a.CAPath() != "" {
		t.Error("a CA in memory has a file")
	}
}

func TestLocalIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "certs")
	first := mustLocal(t, dir, "example.org")
	for name, mode := range map[string]os.FileMode{"ca.pem": 0o644, "ca.key": 0o600, "cert.pem": 0o644, "key.pem": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 4 {
		t.Errorf("other files are left: %v", entries)
	}
	if first.CAPath() != filepath.Join(dir, "ca.pem") {
		t.Errorf("CA at %s", first.CAPath())
	}
	if pem, err := os.ReadFile(first.CAPath()); err != nil || !bytes.Equal(pem, first.CAPEM()) {
		t.Errorf("the CA's file differs: %v", err)
	}
	again := mustLocal(t, dir, "example.org")
	if !again.Leaf().Equal(first.Leaf()) {
		t.Error("the leaf was made anew for nothing")
	}
	other := mustLocal(t, dir, "example.org", "example.net")
	if other.Leaf().Equal(first.Leaf()) || other.Leaf().VerifyHostname("example.net") != nil {
		t.Error("a new host did not make a new leaf")
	}
	if !other.state.Load().ca.Equal(first.state.Load().ca) {
		t.Error("a new host made a new CA")
	}
	fewer := mustLocal(t, dir)
	if fewer.Leaf().VerifyHostname("example.net") == nil {
		t.Error("the leaf is still good for a host that was taken away")
	}
}

func TestDamagedLeafIsMadeAnew(t *testing.T) {
	for what, damage := range map[string]func(dir string) error{
		"no certificate":    func(dir string) error { return os.Remove(filepath.Join(dir, "cert.pem")) },
		"no key":            func(dir string) error { return os.Remove(filepath.Join(dir, "key.pem")) },
		"empty certificate": func(dir string) error { return os.WriteFile(filepath.Join(dir, "cert.pem"), nil, 0o600) },
		"another's key":     func(dir string) error { return os.Rename(filepath.Join(dir, "ca.key2"), filepath.Join(dir, "key.pem")) },
		"the CA as its leaf": func(dir string) error {
			return os.Rename(filepath.Join(dir, "ca.pem2"), filepath.Join(dir, "cert.pem"))
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			first := mustLocal(t, dir)
			for _, f := range []string{"ca.key", "ca.pem"} {
				b, err := os.ReadFile(filepath.Join(dir, f))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, f+"2"), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			s := mustLocal(t, dir)
			mustHandshake(t, s, &tls.Config{RootCAs: first.CAPool(), ServerName: "localhost"})
		})
	}
}

func TestDamagedCAIsAnErrorAndStays(t *testing.T) {
	for what, damage := range map[string]func(dir string) error{
		"no key":        func(dir string) error { return os.Remove(filepath.Join(dir, "ca.key")) },
		"another's key": func(dir string) error { return os.Rename(filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.key")) },
		"garbage":       func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("x"), 0o600) },
		"a leaf in its place": func(dir string) error {
			os.Rename(filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.key"))
			return os.Rename(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "ca.pem"))
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			mustLocal(t, dir)
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(filepath.Join(dir, "ca.pem"))
			if _, err := Local(dir, nil); err == nil || !strings.Contains(err.Error(), "ca.pem") {
				t.Errorf("got %v", err)
			}
			if after, _ := os.ReadFile(filepath.Join(dir, "ca.pem")); !bytes.Equal(before, after) {
				t.Error("the CA was replaced")
			}
		})
	}
}

func TestCrashBetweenTheCAsFilesIsSurvived(t *testing.T) {
	dir := t.TempDir()
	mustLocal(t, dir)
	// The key is written first, so this is what a crash leaves.
	for _, f := range []string{"ca.pem", "cert.pem", "key.pem"} {
		if err := os.Remove(filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	mustLocal(t, dir)
}

func TestKeysThatOthersCouldReadAreClosed(t *testing.T) {
	dir := t.TempDir()
	mustLocal(t, dir)
	for _, f := range []string{"ca.key", "key.pem"} {
		if err := os.Chmod(filepath.Join(dir, f), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mustLocal(t, dir)
	for _, f := range []string{"ca.key", "key.pem"} {
		if info, err := os.Stat(filepath.Join(dir, f)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info.Mode(), err)
		}
	}
}

func TestLeafIsRenewedWhileRunning(t *testing.T) {
	for what, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mustLocal(t, dir, "example.org")
				first, pool := s.Leaf(), s.CAPool()
				client := &tls.Config{RootCAs: pool, ServerName: "example.org"}
				time.Sleep(time.Until(first.NotAfter) - 31*day)
				if _, shown := mustHandshake(t, s, client); !shown.Leaf().Equal(first) {
					t.Error("renewed with 31 days left")
				}
				time.Sleep(2 * day)
				state, shown := mustHandshake(t, s, client)
				if shown.Leaf().Equal(first) || !state.PeerCertificates[0].Equal(shown.Leaf()) || !s.Leaf().Equal(shown.Leaf()) {
					t.Error("not renewed with 29 days left")
				}
				if time.Until(s.NotAfter()) < 390*day {
					t.Errorf("good until %v only", s.NotAfter())
				}
			})
		})
	}
}

func TestCAIsReplacedBeforeItRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := mustLocal(t, dir)
		first := s.state.Load().ca
		time.Sleep(time.Until(first.NotAfter) - 100*day)
		s = mustLocal(t, dir)
		if !s.state.Load().ca.Equal(first) || s.NotAfter().After(first.NotAfter) {
			t.Errorf("with 100 days left: leaf until %v, CA until %v", s.NotAfter(), first.NotAfter)
		}
		time.Sleep(11 * day)
		s = mustLocal(t, dir)
		if s.state.Load().ca.Equal(first) {
			t.Error("the CA is kept to the last")
		}
		mustHandshake(t, s, &tls.Config{RootCAs: s.CAPool(), ServerName: "localhost"})
		if again := mustLocal(t, dir); !again.Leaf().Equal(s.Leaf()) {
			t.Error("the new CA and leaf were not kept")
		}
	})
}

func TestHostsThatCanNotBeInACertificate(t *testing.T) {
	for _, h := range []string{"", ".", "a..b", "a b", "*.example.org", strings.Repeat("a", 64) + ".org",
		strings.Repeat("a.", 127) + "org", "exam/ple", "a\x00b"} {
		if _, err := Local("", []string{h}); err == nil {
			t.Errorf("%q was taken", h)
		}
	}
	long := strings.Repeat("a.", 50) + "org"
	s := mustLocal(t, "", long)
	if s.Leaf().VerifyHostname(long) != nil || s.Leaf().Subject.CommonName != "" {
		t.Errorf("a long host: %v", s.Leaf().Subject)
	}
}
