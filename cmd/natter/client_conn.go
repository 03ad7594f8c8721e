package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// streamConn is a connection as the XML layer needs it: it reads byte by byte
// from a buffer of its own, so that a decoder stops exactly where an element
// ends, and it can keep a copy of the bytes read.
type streamConn struct {
	net.Conn
	buffered *bufio.Reader
	// record, when set, collects every byte handed out.
	record func(byte)
	// left is how many bytes may be handed out before renew is due.
	left int
}

// maxElement is the most bytes one element from the server may have. The
// server's own limit is far lower.
const maxElement = 16 << 20

var errTooBig = errors.New("the server sent more than 16 MiB in one piece")

func newStreamConn(conn net.Conn) *streamConn {
	return &streamConn{Conn: conn, buffered: bufio.NewReader(conn), left: maxElement}
}

// renew grants another maxElement bytes.
func (c *streamConn) renew() { c.left = maxElement }

// ReadByte implements io.ByteReader, which is what makes an xml.Decoder read no
// further than it has to.
func (c *streamConn) ReadByte() (byte, error) {
	if c.left--; c.left < 0 {
		return 0, errTooBig
	}
	b, err := c.buffered.ReadByte()
	if err == nil && c.record != nil {
		c.record(b)
	}
	return b, err
}

// Read implements io.Reader, for the TLS handshake of STARTTLS.
func (c *streamConn) Read(p []byte) (int, error) { return c.buffered.Read(p) }

// ConnectionState returns the TLS state, the zero value without TLS.
func (c *streamConn) ConnectionState() tls.ConnectionState {
	if t, ok := c.Conn.(*tls.Conn); ok {
		return t.ConnectionState()
	}
	return tls.ConnectionState{}
}

var _ io.ByteReader = (*streamConn)(nil)
