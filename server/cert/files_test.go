package cert

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pair is a certificate in files, as an ACME client would leave it.
type pair struct{ cert, key string }

// write puts a fresh certificate for a host over the pair's files.
func (p pair) write(t *testing.T, host string) *Source {
	t.Helper()
	dir := t.TempDir()
	made := mustLocal(t, dir, host)
	p.copy(t, filepath.Join(dir, "cert.pem"), p.cert)
	p.copy(t, filepath.Join(dir, "key.pem"), p.key)
	return made
}

// copy moves a file over another and gives it the bubble's time, as the kernel
// does not know of it.
func (p pair) copy(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	p.touch(t, to)
}

func (p pair) touch(t *testing.T, file string) {
	t.Helper()
	if err := os.Chtimes(file, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

func newPair(t *testing.T) pair {
	dir := t.TempDir()
	return pair{filepath.Join(dir, "fullchain.pem"), filepath.Join(dir, "privkey.pem")}
}

// captureLog collects the log of a test.
func captureLog(t *testing.T) *bytes.Buffer {
	var b bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, nil)))
	t.Cleanup(func() { slog.SetDefault(old) })
	return &b
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		first := p.write(t, "one.example")
		s, err := Files(p.cert, p.key)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Leaf().Equal(first.Leaf()) || s.CAPath() != "" || s.CAPool() != nil || s.CAPEM() != nil {
			t.Error("shows something else")
		}
		mustHandshake(t, s, &tls.Config{RootCAs: first.CAPool(), ServerName: "one.example"})
		time.Sleep(time.Second)
		second := p.write(t, "two.example")
		// Within five seconds nobody looks.
		mustHandshake(t, s, &tls.Config{RootCAs: first.CAPool(), ServerName: "one.example"})
		time.Sleep(5 * time.Second)
		_, shown := mustHandshake(t, s, &tls.Config{RootCAs: second.CAPool(), ServerName: "two.example"})
		if !shown.Leaf().Equal(second.Leaf()) {
			t.Error("shown is not what was shown")
		}
		// On demand, at once.
		third := p.write(t, "three.example")
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		mustHandshake(t, s, &tls.Config{RootCAs: third.CAPool(), ServerName: "three.example"})
	})
}

func TestBrokenFilesKeepTheOldPair(t *testing.T) {
	log := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		good := p.write(t, "one.example")
		s, err := Files(p.cert, p.key)
		if err != nil {
			t.Fatal(err)
		}
		client := &tls.Config{RootCAs: good.CAPool(), ServerName: "one.example"}
		for what, damage := range map[string]func() error{
			"half written":    func() error { return os.Truncate(p.cert, 100) },
			"garbage":         func() error { return os.WriteFile(p.key, []byte("-----BEGIN"), 0o600) },
			"empty":           func() error { return os.WriteFile(p.cert, nil, 0o600) },
			"key missing":     func() error { return os.Remove(p.key) },
			"a dir":           func() error { os.Remove(p.cert); return os.Mkdir(p.cert, 0o700) },
			"cert is missing": func() error { return os.Remove(p.cert) },
		} {
			os.RemoveAll(p.cert)
			good = p.write(t, "one.example")
			if err := s.Reload(); err != nil {
				t.Fatal(err)
			}
			client.RootCAs = good.CAPool()
			log.Reset()
			time.Sleep(10 * time.Second)
			if err := damage(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for range 3 {
				mustHandshake(t, s, client)
				time.Sleep(10 * time.Second)
			}
			if n := strings.Count(log.String(), "certificate not renewed"); n != 1 {
				t.Errorf("%s: logged %d times: %s", what, n, log)
			}
			if strings.Contains(log.String(), "PRIVATE") {
				t.Errorf("%s: the log shows a key: %s", what, log)
			}
			if err := s.Reload(); err == nil {
				t.Errorf("%s: reload finds nothing wrong", what)
			}
		}
		os.RemoveAll(p.cert)
		good = p.write(t, "one.example")
		time.Sleep(10 * time.Second)
		mustHandshake(t, s, &tls.Config{RootCAs: good.CAPool(), ServerName: "one.example"})
	})
}

func TestKeyAndCertificateReplacedOneAfterTheOther(t *testing.T) {
	captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		p, next := newPair(t), newPair(t)
		old := p.write(t, "one.example")
		s, err := Files(p.cert, p.key)
		if err != nil {
			t.Fatal(err)
		}
		fresh := next.write(t, "one.example")
		time.Sleep(10 * time.Second)
		p.copy(t, next.key, p.key)
		mustHandshake(t, s, &tls.Config{RootCAs: old.CAPool(), ServerName: "one.example"})
		time.Sleep(10 * time.Second)
		p.copy(t, next.cert, p.cert)
		mustHandshake(t, s, &tls.Config{RootCAs: fresh.CAPool(), ServerName: "one.example"})
	})
}

func TestFilesThatDoNotWorkAtStartAreAnError(t *testing.T) {
	p, other := newPair(t), newPair(t)
	if _, err := Files(p.cert, p.key); err == nil {
		t.Error("missing files were taken")
	}
	p.write(t, "one.example")
	other.write(t, "one.example")
	if _, err := Files(p.cert, other.key); err == nil {
		t.Error("a key that belongs to another certificate was taken")
	}
}

func TestRunOutCertificateIsShownAndLogged(t *testing.T) {
	log := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.write(t, "one.example")
		time.Sleep(400 * day)
		if _, err := Files(p.cert, p.key); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "not valid now") {
			t.Errorf("log: %s", log)
		}
	})
}
