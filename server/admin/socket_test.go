package admin_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natter/server/admin"
	"natter/server/servertest"
)

func TestTheSocketIsItsOwnersAlone(t *testing.T) {
	path := start(t, servertest.New(t), socket(t))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, %v", info.Mode(), err)
	}
}

func TestTheSocketOfAKilledServerIsReplaced(t *testing.T) {
	path := socket(t)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	if _, err := admin.Dial(t.Context(), path); !errors.Is(err, admin.ErrNotRunning) {
		t.Errorf("nobody listens, and Dial says %v", err)
	}
	dial(t, start(t, servertest.New(t), path))
}

func TestTheSocketOfARunningServerIsNot(t *testing.T) {
	srv := servertest.New(t)
	path := start(t, srv, socket(t))
	if _, err := admin.Start(srv.Core, path); !errors.Is(err, admin.ErrInUse) {
		t.Errorf("a second server got %v", err)
	}
	dial(t, path)
}

func TestAFileThatIsNoSocketStays(t *testing.T) {
	path := socket(t)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Start(servertest.New(t).Core, path); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("Start says %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file holds %q now", b)
	}
}

func TestALongPathWorks(t *testing.T) {
	dir := filepath.Join(filepath.Dir(socket(t)), strings.Repeat("long", 30))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "control.sock")
	srv := servertest.New(t)
	for range 2 { // the second finds what the first has left
		control, err := admin.Start(srv.Core, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dial(t, path).List(t.Context()); err != nil {
			t.Error(err)
		}
		at, err := os.Readlink(path)
		if err != nil {
			t.Fatal(err)
		}
		control.Close(t.Context())
		for _, left := range []string{path, at, filepath.Dir(at)} {
			if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left", left)
			}
		}
	}
}

func TestBadRequestsAreAnswered(t *testing.T) {
	path := start(t, servertest.New(t), socket(t))
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	t.Cleanup(c.CloseIdleConnections)
	for _, row := range []struct{ name, body string }{
		{"no JSON", "jid=juliet"},
		{"an unknown field", `{"jid":"juliet@localhost","pasword":"x"}`},
		{"a body that is too long", `{"jid":"` + strings.Repeat("x", 1<<20) + `"}`},
		{"nothing", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, err := c.Post("http://natter/users", "application/json", strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(b), `"reason":"invalid"`) {
				t.Errorf("the answer is %d: %s", resp.StatusCode, b)
			}
		})
	}
}
