package cert

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
)

// handshake lets a client connect over a pipe and returns what the client saw, which
// certificate the server says it showed, and the client's error.
func handshake(server, client *tls.Config) (tls.ConnectionState, *Shown, error) {
	a, b := net.Pipe()
	sc, cc := tls.Server(a, server), tls.Client(b, client)
	ctx, shown := WithShown(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if sc.HandshakeContext(ctx) != nil {
			a.Close()
		}
	}()
	err := cc.Handshake()
	if err != nil {
		b.Close()
	}
	<-done
	a.Close()
	b.Close()
	return cc.ConnectionState(), shown, err
}

// mustHandshake is handshake where it has to work.
func mustHandshake(t *testing.T, s *Source, client *tls.Config) (tls.ConnectionState, *Shown) {
	t.Helper()
	state, shown, err := handshake(s.Config(), client)
	if err != nil {
		t.Fatal(err)
	}
	return state, shown
}

func mustLocal(t *testing.T, dir string, hosts ...string) *Source {
	t.Helper()
	s, err := Local(dir, hosts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
