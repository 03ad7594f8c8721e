// Package webconn gives clients a connection over WebSocket (RFC 7395) that looks
// like one over TCP: what is written and read is an XML stream of RFC 6120. So
// whatever speaks XMPP over a net.Conn speaks it over the web too.
//
// A stream is restarted by writing the next header. What is no XML is passed on
// as it is, for the server to judge. Methods are as safe as those of a net.Conn.
package webconn

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"natter/stanza"
)

// Options say how to connect. The zero value is ready.
type Options struct {
	// Dial opens the connection below; by default TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is for https and wss.
	TLS *tls.Config
	// Origin is sent as a browser does; "" for none.
	Origin string
}

// client returns the HTTP client of one connection. state is told of TLS.
func (o *Options) client(state *atomic.Pointer[tls.ConnectionState]) *http.Client {
	dial := o.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return &http.Client{Transport: &http.Transport{
		DialContext: dial, DisableCompression: true,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			cfg := new(tls.Config)
			if o.TLS != nil {
				cfg = o.TLS.Clone()
			}
			if host, _, err := net.SplitHostPort(addr); err == nil && cfg.ServerName == "" {
				cfg.ServerName = host
			}
			cfg.NextProtos = []string{"http/1.1"}
			conn := tls.Client(raw, cfg)
			if err := conn.HandshakeContext(ctx); err != nil {
				raw.Close()
				return nil, err
			}
			cs := conn.ConnectionState()
			state.Store(&cs)
			return conn, nil
		},
	}}
}

func (o *Options) header() http.Header {
	h := make(http.Header)
	if o.Origin != "" {
		h.Set("Origin", o.Origin)
	}
	return h
}

// limits are generous: who serves us is trusted not to fill our memory, up to
// that.
var limits = stanza.Limits{Bytes: 64 << 20, Depth: 1 << 12, Attrs: 1 << 12, Namespaces: 1 << 12, Memory: 64 << 20}

// carrier is what a connection is made of.
type carrier interface {
	// open, element and end send what the client has written: a stream header, an
	// element that stands alone, the end of the stream.
	open(ctx context.Context, h stanza.Header) error
	element(ctx context.Context, b []byte) error
	end(ctx context.Context) error
	close()
}

// conn is a net.Conn over a carrier.
type conn struct {
	carrier
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	in     net.Conn // what was received, as a stream
	feed   net.Conn // … the carrier's end
	remote net.Addr
	tls    atomic.Pointer[tls.ConnectionState]

	mu       sync.Mutex // writes
	sc       *stanza.Scanner
	partial  []byte
	deadline time.Time
	once     sync.Once
}

func newConn(remote string) *conn {
	c := &conn{sc: stanza.NewScanner(limits), remote: address(remote)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.in, c.feed = net.Pipe()
	return c
}

// Write implements net.Conn: it sends each element that p completes.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := c.ctx, context.CancelFunc(func() {})
	if !c.deadline.IsZero() {
		ctx, cancel = context.WithDeadline(c.ctx, c.deadline)
	}
	defer cancel()
	data := append(c.partial, p...)
	for len(data) > 0 {
		if !c.sc.Partial() && restarts(data) {
			c.sc.Restart()
		}
		ev, n, err := c.sc.Next(data)
		if err != nil {
			c.partial = nil
			c.sc.Restart()
			return len(p), c.element(ctx, data)
		}
		if ev == stanza.More {
			data = data[n:]
			break
		}
		switch ev {
		case stanza.StreamOpen:
			err = c.open(ctx, *c.sc.Header)
		case stanza.StreamClose:
			err = c.end(ctx)
		default:
			err = c.element(ctx, c.sc.Stanza.AppendAlone(nil))
		}
		if err != nil {
			return 0, err
		}
		data = data[n:]
	}
	c.partial = bytes.Clone(data)
	return len(p), nil
}

// restarts reports whether a stream header begins here.
func restarts(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return bytes.HasPrefix(b, []byte("<?xml")) || bytes.HasPrefix(b, []byte("<stream:stream"))
}

// received passes on an element of the server's, as a stream has it.
func (c *conn) received(b []byte) error {
	const decl = " xmlns:stream='" + stanza.NSStream + "'"
	if st, err := stanza.Parse(b, limits); err == nil {
		switch ns, _ := st.Name(); string(ns) {
		case stanza.NSClient:
			b = st.AppendTo(nil, &stanza.Stamp{From: st.From(), NS: stanza.NSClient})
		case stanza.NSStream:
			b = bytes.Replace(b, []byte(decl), nil, 1)
		}
	}
	_, err := c.feed.Write(b)
	return err
}

// opened passes on that the server's stream begins.
func (c *conn) opened(attrs ...string) error {
	b := stanza.AppendOpen([]byte("<?xml version='1.0'?>"), "stream:stream",
		append([]string{"xmlns", stanza.NSClient, "xmlns:stream", stanza.NSStream}, attrs...)...)
	_, err := c.feed.Write(b)
	return err
}

// ended passes on that the server's stream ends.
func (c *conn) ended() error {
	_, err := c.feed.Write([]byte("</stream:stream>"))
	return err
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) { return c.in.Read(p) }

// Close implements net.Conn: it closes the connection without a word.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.cancel()
		c.in.Close()
		c.carrier.close()
	})
	return nil
}

// ConnectionState returns the state of the TLS connection below, the last one when
// there are several; zero without TLS.
func (c *conn) ConnectionState() tls.ConnectionState {
	if cs := c.tls.Load(); cs != nil {
		return *cs
	}
	return tls.ConnectionState{}
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.SetWriteDeadline(t)
	return c.SetReadDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.in.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn. It holds for the next write.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	return nil
}

type address string

func (address) Network() string  { return "http" }
func (a address) String() string { return string(a) }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return address("client") }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.remote }
