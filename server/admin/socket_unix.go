//go:build unix

package admin

import (
	"net"
	"os"
	"syscall"
)

// bind makes a Unix socket that only its owner may use, from its first moment
// on: the process's mask does that, which for this moment makes every new file
// the owner's alone.
func bind(path string) (*net.UnixListener, error) {
	mask := syscall.Umask(0o077)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	syscall.Umask(mask)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}
