package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// relayServerMode is the hidden mode in which this program is the relay: the
// relay has a process of its own so that its CPU time is its own.
const relayServerMode = "relay-server"

// A client of the relay says which end of which pair it is in a line of fixed
// width; when both ends are there, both get relayReady and from then on what
// one writes the other reads.
const (
	relayHello    = "relay %06d %d\n"
	relayHelloLen = 15
	relayReady    = "ok\n"
)

// serveRelay is the child process: it listens, prints its address on out as
// one line, and serves until in ends, which it does when the parent is gone.
func serveRelay(ctx context.Context, o *Options, in io.Reader, out io.Writer) error {
	if err := requireLoopback(o.listen); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	var config *tls.Config
	if o.TLS != "none" {
		if config, err = relayTLS(); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, ln.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, in)
		ln.Close()
	}()
	context.AfterFunc(ctx, func() { ln.Close() })
	return relay(ln, config)
}

// relay serves ln until it is closed, and returns when every connection has
// ended too. It copies what one end of a pair writes to the other, one
// goroutine a connection, and does nothing else. With config it speaks TLS from
// the first byte.
func relay(ln net.Listener, config *tls.Config) error {
	p := pairing{waiting: make(map[string]*couple), open: make(map[net.Conn]struct{}), done: make(chan struct{})}
	defer p.end()
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if config != nil {
			c = tls.Server(c, config)
		}
		p.goroutines.Go(func() { p.serve(c) })
	}
}

// A pairing brings the two ends of each pair together.
type pairing struct {
	mu         sync.Mutex
	waiting    map[string]*couple
	open       map[net.Conn]struct{}
	done       chan struct{}
	goroutines sync.WaitGroup
}

// A couple is one pair. ends is complete once ready is closed.
type couple struct {
	ends  [2]net.Conn
	ready chan struct{}
}

// end closes every connection and waits for their goroutines.
func (p *pairing) end() {
	p.mu.Lock()
	close(p.done)
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.goroutines.Wait()
}

// serve is one connection's life.
func (p *pairing) serve(c net.Conn) {
	defer c.Close()
	p.mu.Lock()
	p.open[c] = struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.open, c)
		p.mu.Unlock()
	}()
	other, err := p.meet(c)
	if err != nil {
		return
	}
	defer other.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := other.Write(buf[:n]); err != nil {
			return
		}
	}
}

// meet reads c's hello and returns the other end of its pair. Both ends have
// been told that the pair is complete before either may send.
func (p *pairing) meet(c net.Conn) (net.Conn, error) {
	hello := make([]byte, relayHelloLen)
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(c, hello); err != nil {
		return nil, err
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	name := string(hello[:relayHelloLen-2])
	p.mu.Lock()
	pair, second := p.waiting[name]
	if !second {
		pair = &couple{ends: [2]net.Conn{c, nil}, ready: make(chan struct{})}
		p.waiting[name] = pair
	} else {
		delete(p.waiting, name)
		pair.ends[1] = c
	}
	p.mu.Unlock()
	if !second {
		select {
		case <-pair.ready:
			return pair.ends[1], nil
		case <-p.done:
			return nil, net.ErrClosed
		}
	}
	for _, end := range pair.ends {
		if _, err := io.WriteString(end, relayReady); err != nil {
			return nil, err
		}
	}
	close(pair.ready)
	return pair.ends[0], nil
}

// relayTLS returns a server configuration with a certificate made now: ECDSA
// P-256, as natter's own.
func relayTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		Certificates:                []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		DynamicRecordSizingDisabled: true,
	}, nil
}

// joinRelay makes c the end side (0 or 1) of the pair, and returns when the
// other end is there too.
func joinRelay(c *conn, pair, side int) error {
	if _, err := fmt.Fprintf(c, relayHello, pair, side); err != nil {
		return fmt.Errorf("joining the relay: %w", err)
	}
	ready := make([]byte, len(relayReady))
	if _, err := io.ReadFull(c, ready); err != nil {
		return fmt.Errorf("waiting for the relay: %w", err)
	}
	if string(ready) != relayReady {
		return fmt.Errorf("the relay said %q", ready)
	}
	return nil
}
