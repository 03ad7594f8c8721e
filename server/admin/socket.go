package admin

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// maxPath is the longest path that a Unix socket can be bound to everywhere.
const maxPath = 100

// ErrInUse says that another server answers at the socket.
var ErrInUse = errors.New("another server answers there")

// listen opens the control socket at path, for its owner alone. What a server
// that was killed has left there is replaced. A path too long for a socket
// becomes a link to one in a directory for temporary files.
func listen(path string) (*net.UnixListener, error) {
	if err := clear(path); err != nil {
		return nil, err
	}
	at := path
	if len(path) > maxPath {
		in := os.TempDir()
		if len(in) > maxPath/2 {
			in = "/tmp"
		}
		dir, err := os.MkdirTemp(in, "natter-")
		if err != nil {
			return nil, err
		}
		at = filepath.Join(dir, "control.sock")
	}
	ln, err := bind(at)
	if err == nil && at != path {
		if err = os.Symlink(at, path); err != nil {
			ln.Close()
		}
	}
	if err != nil {
		if at != path {
			os.Remove(filepath.Dir(at))
		}
		return nil, err
	}
	return ln, nil
}

// unlisten closes what listen has opened and removes it.
func unlisten(ln *net.UnixListener, path string) {
	ln.Close() // removes the socket
	if at := ln.Addr().String(); at != path {
		os.Remove(path)
		os.Remove(filepath.Dir(at))
	}
}

// clear removes a socket that nobody listens at.
func clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	link := info.Mode()&os.ModeSymlink != 0
	if !link && info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s is there and is not a socket", path)
	}
	at := resolve(path)
	if conn, err := net.DialTimeout("unix", at, time.Second); err == nil {
		conn.Close()
		return fmt.Errorf("%s: %w", path, ErrInUse)
	}
	if link {
		os.Remove(at)
		os.Remove(filepath.Dir(at))
	}
	return os.Remove(path)
}

// resolve returns where the socket of a path really is.
func resolve(path string) string {
	if to, err := os.Readlink(path); err == nil {
		return to
	}
	return path
}
