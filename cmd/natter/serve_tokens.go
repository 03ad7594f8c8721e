package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"natter/server"
)

// tokenFile holds the key from which clients' tokens are made. It is not in the store,
// so that a copy of that lets nobody in.
const tokenFile = "tokens.key"

const tokenKeySize = 32

// tokenKey hands the core the key of the data directory, made the first time. In
// memory there is nothing to keep it for.
func (o *options) tokenKey(core *server.Server) error {
	if o.Memory {
		return nil
	}
	path := filepath.Join(o.Data, tokenFile)
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, tokenKeySize)
		rand.Read(key) // never fails
		err = writeNew(path, key)
	}
	if err != nil {
		return fmt.Errorf("the key of clients' tokens: %w", err)
	}
	if len(key) != tokenKeySize {
		return fmt.Errorf("%s is damaged: remove it (every device then has to log in with the password once)", path)
	}
	core.SetTokenKey(key)
	return nil
}

// writeNew writes a file that only its owner reads, whole or not at all.
func writeNew(path string, data []byte) error {
	part := path + ".new"
	if err := os.WriteFile(part, data, 0o600); err != nil {
		return err
	}
	return os.Rename(part, path)
}
