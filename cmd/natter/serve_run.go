package main

import (
	"fmt"
	"os"
	"path/filepath"

	"natter/server/cert"
)

// runDirectory holds, for a server in memory, what others on this machine need
// to talk to it: the certificate of its authority and the control socket. It
// goes with the server. Its zero value is none.
type runDirectory struct{ path string }

// runDirectory makes the directory, for a server that has no other.
func (o *options) runDirectory() (runDirectory, error) {
	if !o.Memory {
		return runDirectory{}, nil
	}
	path, err := os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "natter-")
	if err != nil { // of another user, most likely
		path, err = os.MkdirTemp("", "natter-")
	}
	if err != nil {
		return runDirectory{}, fmt.Errorf("making a directory for the control socket: %w", err)
	}
	if o.Control == "" {
		o.Control = socket(path)
	}
	return runDirectory{path}, nil
}

// authority returns the file with the certificate that clients are to trust, and
// writes it where the server is in memory; "" when the certificate is not of our
// making.
func (r runDirectory) authority(certs *cert.Source) (string, error) {
	if r.path == "" || certs.CAPEM() == nil {
		return certs.CAPath(), nil
	}
	file := filepath.Join(r.path, "ca.pem")
	if err := os.WriteFile(file, certs.CAPEM(), 0o644); err != nil {
		return "", fmt.Errorf("writing the authority's certificate: %w", err)
	}
	return file, nil
}

func (r runDirectory) remove() {
	if r.path != "" {
		os.RemoveAll(r.path)
	}
}
