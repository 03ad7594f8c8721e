package server

import (
	"fmt"
	"os"
	"sync"
)

// files is the directory for what is too large for the store.
type files struct {
	mu   sync.Mutex
	path string // "" until it is needed
	temp bool   // it goes with the server
}

// Files returns the directory for files that modules keep, which is made when it is
// needed first: Config.Files, else a temporary one that Close removes.
func (srv *Server) Files() (string, error) {
	f := &srv.files
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path != "" {
		return f.path, nil
	}
	if dir := srv.Config.Files; dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("making the directory for files: %w", err)
		}
		f.path = dir
		return dir, nil
	}
	dir, err := os.MkdirTemp("", "natter-files-")
	if err != nil {
		return "", fmt.Errorf("making a directory for files: %w", err)
	}
	f.path, f.temp = dir, true
	return dir, nil
}

func (f *files) remove() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.temp {
		os.RemoveAll(f.path)
	}
}
