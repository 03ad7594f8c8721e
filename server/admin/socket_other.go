//go:build !unix

package admin

import "net"

// bind makes a Unix socket; who may use it follows from its directory.
func bind(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}
