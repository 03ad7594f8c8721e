//go:build unix

package store

import (
	"fmt"
	"os"
	"syscall"
)

// lockFile takes the lock file beside the database, so that no two processes
// open one data directory. The lock ends with the process, however it dies.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: lock file: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if err == syscall.EWOULDBLOCK {
		return nil, fmt.Errorf("%w (%s is locked; is a server running there?)", ErrLocked, path)
	}
	return nil, fmt.Errorf("store: lock %s: %w", path, err)
}
