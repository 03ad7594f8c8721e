package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"natter/server/web/webconn"
)

// A conn is one client connection: a socket, perhaps TLS over it, the bytes
// read but not taken, and the bytes waiting to be written together. One
// goroutine reads and one writes; they may be the same.
type conn struct {
	net.Conn
	in  frames
	out []byte
	sm  bool // stream management is on
	// Stanzas received and sent since it was enabled, XEP-0198 §4.
	h, sent uint32
}

// readBuffer is the first size of a connection's read buffer: a batch fits.
const readBuffer = 4 << 10

// clientTLS is how every client does TLS. Servers under test have certificates
// of their own making on loopback, so they are not verified: that saves the
// tool CPU time it shares with the server. Nothing is resumed: each login is a
// full handshake.
var clientTLS = &tls.Config{
	InsecureSkipVerify:          true,
	MinVersion:                  tls.VersionTLS12,
	ServerName:                  "localhost",
	DynamicRecordSizingDisabled: true,
}

// dial connects client number i to addr. Where the whole of 127.0.0.0/8 is
// loopback, clients come from different addresses, so that thousands of them do
// not run out of ports.
func dial(ctx context.Context, addr string, i int) (*conn, error) {
	var d net.Dialer
	if host, _, err := net.SplitHostPort(addr); err == nil && runtime.GOOS == "linux" {
		if ip := net.ParseIP(host); ip != nil && ip.To4() != nil {
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+i>>8&0x7f), byte(1+i%250))}
		}
	}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, in: newFrames(readBuffer)}, nil
}

// dialOverHTTP connects as dial does, over WebSocket or BOSH: what it returns reads and
// writes as a stream over TCP.
func dialOverHTTP(ctx context.Context, o *Options, addr string, i int) (*conn, error) {
	w := webconn.Options{TLS: clientTLS, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := dial(ctx, addr, i)
		if err != nil {
			return nil, err
		}
		return c.Conn, nil
	}}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	secure := ""
	if o.TLS != "none" {
		secure = "s"
	}
	host := net.JoinHostPort("localhost", port)
	var c net.Conn
	if o.Over == "bosh" {
		c = webconn.DialBOSH("http"+secure+"://"+host+"/http-bind", w)
	} else if c, err = webconn.DialWebSocket(ctx, "ws"+secure+"://"+host+"/xmpp-websocket", w); err != nil {
		return nil, err
	}
	return &conn{Conn: c, in: newFrames(readBuffer)}, nil
}

// handshake puts TLS over the connection.
func (c *conn) handshake(ctx context.Context) error {
	t := tls.Client(c.Conn, clientTLS)
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	c.Conn = t
	return nil
}

// element returns the next top-level element, reading as needed. The bytes are
// valid until the next call.
func (c *conn) element() ([]byte, kind, error) {
	for {
		elem, k, ok := c.in.next()
		if ok {
			c.count(k)
			return elem, k, nil
		}
		if err := c.in.fill(c.Conn); err != nil {
			return nil, kindOther, err
		}
	}
}

// count keeps the number of stanzas received, as XEP-0198 §4 counts them.
func (c *conn) count(k kind) {
	if c.sm && k.stanza() {
		c.h++
	}
}

// send writes a formatted piece of XML at once.
func (c *conn) send(format string, args ...any) error {
	_, err := fmt.Fprintf(c.Conn, format, args...)
	return err
}

// sendStanza is send for one stanza.
func (c *conn) sendStanza(format string, args ...any) error {
	if c.sm {
		c.sent++
	}
	return c.send(format, args...)
}

// ack appends an answer to <r/> to the bytes to be written.
func (c *conn) ack() {
	c.out = appendAck(c.out, c.h)
}

// appendAck appends <a/> with h, XEP-0198 §4.
func appendAck(dst []byte, h uint32) []byte {
	return fmt.Appendf(dst, "<a xmlns='urn:xmpp:sm:3' h='%d'/>", h)
}

const askAck = "<r xmlns='urn:xmpp:sm:3'/>"

// flush writes the bytes waiting to be written.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

// closed reads until the server has closed the connection, after this side has
// closed the stream (RFC 6120 §4.4).
func (c *conn) closed() error {
	for {
		_, _, err := c.element()
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, errTooLong) {
			return fmt.Errorf("waiting for the server to close: %w", err)
		}
		if err != nil {
			return nil // an end of file, a reset, or TLS that was not said goodbye to
		}
	}
}

// bye closes the stream and the connection without waiting for the answer.
func (c *conn) bye() {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_ = c.send("</stream:stream>")
	_ = c.Close()
}
