package cert

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeKey writes a private key (PKCS #8) that only its owner may read.
func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("cert: writing %s: %w", path, err)
	}
	return writePEM(path, 0o600, &pem.Block{Type: pemKey, Bytes: der})
}

// writeCert writes a certificate that anybody may read.
func writeCert(path string, der []byte) error {
	return writePEM(path, 0o644, &pem.Block{Type: pemCertificate, Bytes: der})
}

// writePEM replaces a file whole or not at all, also through a crash.
func writePEM(path string, mode os.FileMode, block *pem.Block) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("cert: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(pem.EncodeToMemory(block))
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cert: writing %s: %w", path, err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("cert: %w", err)
	}
	// The rename's own durability is best effort: not every system can sync
	// a directory, and what is lost is made again.
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}

// ownerOnly takes everybody else's rights to a key file away.
func ownerOnly(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cert: %w", err)
	}
	return nil
}
