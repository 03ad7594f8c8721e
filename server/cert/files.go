package cert

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// filesEvery is how often handshakes look whether given files have changed.
const filesEvery = 5 * time.Second

// Files shows the certificate chain in one PEM file with the key in another, as
// certbot and its like leave them. A change of either is seen at the first
// handshake more than five seconds after the last look; [Source.Reload] looks
// at once. While a new pair is broken or half written the old one is shown, and
// the log says so once for each attempt to replace it.
func Files(certFile, keyFile string) (*Source, error) {
	f := &files{cert: certFile, key: keyFile}
	s := &Source{every: filesEvery, refresh: f.refresh}
	return s.start()
}

type files struct {
	cert, key string
	seen      stamp // of what was last read, good or broken
}

// stamp tells two contents of the pair apart without reading them.
type stamp struct{ cert, key fileStamp }

type fileStamp struct {
	modified time.Time
	size     int64
}

// refresh reads the pair if it has changed since it was last read.
func (f *files) refresh(cur *state, now time.Time, forced bool) (*state, error) {
	// The stamp is taken before reading: what changes while it is read is
	// read again.
	at, err := f.stamp()
	if err != nil {
		// Missing for a moment, as while being replaced, or for good:
		// said once, like a broken one.
		at = stamp{}
	}
	if at == f.seen && !forced {
		return cur, nil
	}
	f.seen = at
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("cert: reading %s and %s: %w", f.cert, f.key, err)
	}
	if now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		slog.Warn("certificate is not valid now", "file", f.cert,
			"not_before", pair.Leaf.NotBefore, "not_after", pair.Leaf.NotAfter)
	}
	if cur != nil {
		slog.Info("certificate read again", "file", f.cert, "not_after", pair.Leaf.NotAfter)
	}
	return &state{pair: &pair}, nil
}

func (f *files) stamp() (stamp, error) {
	c, err := os.Stat(f.cert)
	if err != nil {
		return stamp{}, fmt.Errorf("cert: %w", err)
	}
	k, err := os.Stat(f.key)
	if err != nil {
		return stamp{}, fmt.Errorf("cert: %w", err)
	}
	return stamp{fileStamp{c.ModTime(), c.Size()}, fileStamp{k.ModTime(), k.Size()}}, nil
}
