package c2s

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"natter/server"
	"natter/server/auth"
	"natter/stanza"
)

// Via says how a client that comes over HTTP has reached the server.
type Via struct {
	// Addr is the client's address, as far as it can be trusted.
	Addr netip.Addr
	// TLS is the state of the connection when TLS ends at this server.
	TLS *tls.ConnectionState
	// Proxied says that TLS ends at a proxy that is trusted.
	Proxied bool
	// Local says that the client is on this machine, and that no proxy is
	// between: it may log in without TLS (SCRAM).
	Local bool
}

// channel describes the way to SASL. TLS that ends here can be bound to: a
// WebSocket has its connection for itself.
func (v *Via) channel() auth.Channel {
	return auth.Channel{Addr: v.Addr, TLS: v.TLS, Proxied: v.Proxied, Secure: v.Local || v.Proxied || v.TLS != nil}
}

// socket is the Transport of a WebSocket: that of the connection below, which
// carries the frames that the stream's queue holds.
type socket struct {
	Transport
	code atomic.Uint32 // to close with; 0: closeNormal
}

// CloseWrite begins the closing handshake (RFC 6455 §7.1.2); the connection below
// stays until the client has answered.
func (w *socket) CloseWrite() error {
	code := w.code.Load()
	if code == 0 {
		code = closeNormal
	}
	_, _, err := w.TryWrite(appendFrame(nil, opClose, binary.BigEndian.AppendUint16(nil, uint16(code))))
	return err
}

// errNoSocket is returned for a connection that cannot be taken over.
var errNoSocket = errors.New("the HTTP connection can't be taken over")

// ServeWebSocket serves a connection that has just become a WebSocket with the
// subprotocol xmpp (RFC 7395): one from WebListener, as http.Hijacker returns it.
// ahead is what was read from it already. It returns at once; the connection is
// the server's.
func (c *Server) ServeWebSocket(nc net.Conn, ahead []byte, via Via) {
	tr, err := takeOver(nc, &c.resets)
	if err != nil {
		c.core.Log.Error("WebSocket not served", "err", err)
		nc.Close()
		return
	}
	cn := c.newConn(&socket{Transport: tr}, nc.RemoteAddr().String())
	cn.via, cn.addr = &via, via.Addr
	if via.Addr.IsValid() {
		cn.remote = via.Addr.String()
	}
	cn.frames = &frames{limit: stanza.BeforeLogin.Bytes}
	cn.ahead = bytes.Clone(ahead)
	cn.sc.Alone()
	cn.stream.framing = inMessages
	cn.stream.secure = via.TLS != nil || via.Proxied
	if !c.admit(cn) {
		cn.tr.(*socket).code.Store(closeTryLater)
		cn.tr.CloseWrite()
		nc.Close()
		return
	}
	c.goroutines.Go(func() { cn.run(false) })
}

// closeTryLater is registered with IANA: the server is overloaded.
const closeTryLater = 1013

// takeOver returns the Transport over a connection that has spoken HTTP.
func takeOver(nc net.Conn, r *resets) (Transport, error) {
	if tc, ok := nc.(*tls.Conn); ok {
		w, ok := tc.NetConn().(*wire)
		if !ok {
			return nil, errNoSocket
		}
		below, err := plain(w.Conn, r)
		if err != nil {
			return nil, err
		}
		w.push = true
		return &secured{below: below, conn: tc, wire: w}, nil
	}
	return plain(nc, r)
}

// plain returns the Transport over a socket or a pipe.
func plain(nc net.Conn, r *resets) (Transport, error) {
	inner := nc
	if a, ok := nc.(*accepted); ok {
		inner = a.Conn
	}
	if p, ok := inner.(*pipe); ok {
		return memory{p}, nil
	}
	return newTCP(nc, r)
}

// feedFrames takes input from a WebSocket and handles every whole message in it.
func (c *conn) feedFrames(t *server.Turn, in []byte, deadline time.Time) error {
	for len(in) > 0 {
		c.frames.limit = c.maxMessage()
		op, payload, n, err := c.frames.next(in)
		in = in[n:]
		if err != nil {
			c.ahead = bytes.Clone(in)
			return c.frameFailed(t, err)
		}
		switch op {
		case opText:
			err = c.message(t, payload, deadline)
		case opPing:
			c.stream.control(t, c.tr, opPong, payload) // §5.5.3
		case opClose:
			// The stream, when it was not closed before, has ended with it; a session
			// that can be resumed has not (RFC 7395 §3.6).
			c.hangUp(t, payload[:min(len(payload), 2)])
			return io.EOF
		}
		if err != nil {
			c.ahead = bytes.Clone(in) // the close may be in it
			return err
		}
	}
	return nil
}

// maxMessage bounds a message as an element of a stream is bound.
func (c *conn) maxMessage() int {
	if c.login != nil {
		return stanza.BeforeLogin.Bytes
	}
	return c.c2s.limits.Bytes
}

// frameFailed turns a violation of RFC 6455 into the end of the connection. Too
// big a message is what too big a stanza is elsewhere.
func (c *conn) frameFailed(t *server.Turn, err error) error {
	var fe *frameError
	if !errors.As(err, &fe) {
		return err
	}
	if fe.code == closeTooBig {
		c.tr.(*socket).code.Store(closeTooBig)
		return stanza.TooBig(c.maxMessage())
	}
	c.hangUp(t, binary.BigEndian.AppendUint16(nil, uint16(fe.code)))
	return err
}

// hangUp answers or begins the closing handshake of a WebSocket whose stream was
// not closed. It is tried once: the peer may not be reading.
func (c *conn) hangUp(t *server.Turn, status []byte) {
	c.stream.control(t, c.tr, opClose, status)
	t.Flush()
}

// message handles one message: a whole element that stands alone (RFC 7395 §3.3).
func (c *conn) message(t *server.Turn, b []byte, deadline time.Time) error {
	if len(b) == 0 || b[0] != '<' { // §3.3.3: no white space, and so no keep-alives of it (§3.8)
		return c.malformed(b, &stanza.StreamError{Condition: "bad-format", Text: "a message begins with '<'"})
	}
	whole := b
	decl, err := stanza.Declaration(b)
	if err != nil {
		return c.malformed(whole, err)
	}
	b = b[decl:]
	ev, n, err := c.sc.Next(b)
	switch {
	case err != nil:
		return c.malformed(b, err)
	case ev != stanza.Element:
		return c.malformed(b, &stanza.StreamError{Condition: "not-well-formed", Text: "a message is one whole element"})
	case len(bytes.TrimLeft(b[n:], " \t\r\n")) > 0:
		return c.malformed(b, &stanza.StreamError{Condition: "bad-format", Text: "a message is one element and no more"})
	}
	err = c.alone(t, c.sc.Stanza, deadline)
	if c.sc.Stanza != nil {
		c.sc.Next(nil) // lets go of what it holds for the element
	}
	return err
}

// malformed notes which status code an error closes the WebSocket with (RFC 6455
// §8.1).
func (c *conn) malformed(b []byte, err error) error {
	if w, ok := c.tr.(*socket); ok && !utf8.Valid(b) {
		w.code.Store(closeText)
	}
	return err
}

// alone handles an element of a message.
func (c *conn) alone(t *server.Turn, st *stanza.Stanza, deadline time.Time) error {
	ns, name := st.Name()
	opened := c.login == nil || c.login.features
	switch {
	case string(ns) == nsFraming && string(name) == "close":
		return c.event(t, stanza.StreamClose, deadline)
	case string(name) == "open" && (string(ns) == nsFraming || !opened):
		if string(ns) != nsFraming { // RFC 7395 §3.3.2
			return &stanza.StreamError{Condition: "invalid-namespace", Text: "<open/> is in the namespace " + nsFraming}
		}
		c.sc.Header = headerOf(st)
		return c.event(t, stanza.StreamOpen, deadline)
	case !opened: // §3.4
		return &stanza.StreamError{Condition: "bad-format", Text: "the first message is <open/>"}
	}
	return c.event(t, stanza.Element, deadline)
}

// headerOf returns what <open/> says: the attributes of a stream header (RFC 7395
// §3.4). It names no content namespace, as each stanza says its own.
func headerOf(st *stanza.Stanza) *stanza.Header {
	h := new(stanza.Header)
	for _, a := range []struct {
		name string
		to   *string
		has  stanza.HeaderField
	}{
		{"to", &h.To, stanza.HasTo},
		{"from", &h.From, stanza.HasFrom},
		{"id", &h.ID, stanza.HasID},
		{"version", &h.Version, stanza.HasVersion},
	} {
		if v, ok := st.AttrString("", a.name); ok {
			*a.to = v
			h.Has |= a.has
		}
	}
	if st.Lang() != nil {
		h.Lang = st.LangString()
		h.Has |= stanza.HasLang
	}
	return h
}

// control queues a control frame for tr, unless the session has moved on.
func (s *Stream) control(t *server.Turn, tr Transport, op byte, payload []byte) {
	s.mu.Lock()
	if s.ended || s.sealed || s.tr != tr || s.framing != inMessages {
		s.mu.Unlock()
		return
	}
	s.grow()
	n := len(s.out)
	s.out = appendFrame(s.out, op, payload)
	s.queued += uint64(len(s.out) - n)
	s.appended(t)
}
