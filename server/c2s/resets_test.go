package c2s

import (
	"net"
	"testing"
)

// connect returns a client's end of a TCP connection and the transport over the
// other end.
func connect(t *testing.T, r *resets) (*net.TCPConn, *tcp) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); nc.Close(); r.stop() })
	tr, err := newTCP(nc, r)
	if err != nil {
		t.Fatal(err)
	}
	if !tr.tells {
		t.Skip("reads do not tell what is left on this system")
	}
	return client.(*net.TCPConn), tr
}

// TestResetBehindInput: a connection is reset while its input is being handled,
// right behind more of it, so that a single event announces both.
func TestResetBehindInput(t *testing.T) {
	client, tr := connect(t, new(resets))
	client.Write([]byte("first"))
	n := 0
	err := tr.Serve(func(b *Buffer) error {
		b.Free()
		if n++; n == 1 {
			client.Write([]byte("second"))
			client.SetLinger(0)
			client.Close()
		}
		return nil
	})
	if err == nil {
		t.Error("Serve returned no error for a connection that was reset")
	}
}

// TestEndBehindInput: the end in order is told of with the input before it.
func TestEndBehindInput(t *testing.T) {
	client, tr := connect(t, &resets{ended: true}) // which looks at nothing
	client.Write([]byte("first"))
	n := 0
	err := tr.Serve(func(b *Buffer) error {
		b.Free()
		if n++; n == 1 {
			client.Write([]byte("second"))
			client.Close()
		}
		return nil
	})
	if err == nil || err.Error() != "EOF" || n != 2 {
		t.Errorf("%d inputs, then %v; want 2, then EOF", n, err)
	}
}
