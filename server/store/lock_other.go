//go:build !unix

package store

import (
	"fmt"
	"os"
)

// lockFile opens the lock file. Where the system has no flock the removal below
// fails while another process has the file open (Windows), which is the lock.
func lockFile(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("%w (%s is in use; is a server running there?)", ErrLocked, path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: lock file: %w", err)
	}
	return f, nil
}
