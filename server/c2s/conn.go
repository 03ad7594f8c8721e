package c2s

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"time"

	"natter/server"
	"natter/server/auth"
	"natter/stanza"
)

// conn is one connection, from accept to close. Its goroutine reads; what it
// reads goes through the state's step until a session is bound, and to the
// router after.
type conn struct {
	c2s    *Server
	tr     Transport
	sec    *secured // tr, when it is TLS from the stream's own negotiation
	via    *Via     // of a client that comes over HTTP, nil else
	frames *frames  // input of a WebSocket, nil else
	bosh   *bosh    // tr, when it is BOSH
	ahead  []byte   // input that was read before the connection was the stream's
	addr   netip.Addr
	early  bool // counted as not logged in; under Server.mu
	remote string
	bucket bucket

	sc      *stanza.Scanner
	partial []byte // input that is not yet a whole element
	bye     bool   // the peer has closed its side of the stream
	begun   bool   // the server's stream header is out
	unsaid  bool   // a proxy, at remote, has yet to say who the client is
	covered bool   // by TLS between the client and a proxy
	free    bool   // the client's header named no content namespace (RFC 6120 §4.8.2)
	lang    []byte // the stream's xml:lang, escaped

	stream *Stream
	host   *server.Host
	login  *login // nil once a session is bound
}

// login is the state of a stream before a session is bound.
type login struct {
	exchange *auth.Exchange
	request  *request // with SASL2: the exchange's, or the one that was successful
	task     *task    // of SASL2, under way
	tries    int      // at authentication
	binds    int      // … and at binding a resource
	user     string   // authenticated localpart
	features bool     // the header was answered; elements may come
	stranger server.Stranger
}

// errSwitch ends a feed: the transport was replaced and what else was in the
// buffer is not to be read.
var errSwitch = errors.New("transport replaced")

// errEnded ends a read loop whose stream has been closed on this side.
var errEnded = errors.New("stream ended")

func (c *conn) run(direct bool) {
	deadline := time.Now().Add(c.c2s.core.Config.LoginTimeout)
	c.tr.SetDeadline(deadline)
	err := c.negotiate(direct, deadline)
	if err != nil {
		c.close(err)
		return
	}
	c.tr.SetDeadline(time.Time{})
	if c.stream.over(c.tr) { // ended by another goroutine just now
		c.tr.SetDeadline(time.Now().Add(linger))
	}
	c.sc.Forget()
	c.c2s.loggedIn(c)
	// A goroutine of its own lets go of the stack that the handshake grew.
	c.c2s.goroutines.Go(c.serve)
}

// negotiate reads until a session is bound.
func (c *conn) negotiate(direct bool, deadline time.Time) (err error) {
	defer c.recover(&err)
	if c.unsaid {
		if err := c.announced(); err != nil {
			return err
		}
	}
	if direct {
		if err := c.startTLS(nil, deadline); err != nil {
			return err
		}
	}
	for c.login != nil {
		if err := c.readOnce(deadline); err != nil {
			return err
		}
	}
	return nil
}

// serve reads from a bound session until it is over.
func (c *conn) serve() {
	var err error
	defer func() { c.close(err) }()
	defer c.recover(&err)
	if err = c.readAhead(); err == nil {
		err = c.tr.Serve(c.input)
	}
}

// input handles what has come over the transport of a bound session.
func (c *conn) input(b *Buffer) error {
	if err := c.turn(b, time.Time{}); err != nil {
		return err
	}
	return c.readAhead()
}

// readAhead handles what was read before.
func (c *conn) readAhead() error {
	for len(c.ahead) > 0 {
		if err := c.readOnce(time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// readOnce waits for input and handles it as one turn.
func (c *conn) readOnce(deadline time.Time) error {
	b, err := c.read()
	if err != nil {
		return err
	}
	return c.turn(b, deadline)
}

// turn handles input.
func (c *conn) turn(b *Buffer, deadline time.Time) (err error) {
	c.stream.alive()
	if wait := c.spend(b.N); wait > 0 {
		c.c2s.pause(wait)
	}
	t := c.c2s.core.Turn()
	defer t.End() // after b is given back, in any case
	if c.tr.Pending() {
		c.stream.touch(t)
	}
	if c.login != nil && !c.begun && c.sec == nil && c.frames == nil && len(c.partial) == 0 && b.N > 0 && b.B[0] == 0x16 && c.c2s.canTLS() {
		// A TLS ClientHello where a stream header was expected.
		ahead := append([]byte(nil), b.Bytes()...)
		b.Free()
		return c.startTLS(ahead, deadline)
	}
	if c.frames != nil {
		err = c.feedFrames(t, b.Bytes(), deadline)
	} else {
		err = c.feed(t, b.Bytes(), deadline)
	}
	b.Free()
	if err == errSwitch {
		return nil
	}
	return err
}

// spend counts n bytes of input and returns how long to wait before reading on.
func (c *conn) spend(n int) time.Duration {
	cfg := &c.c2s.core.Config
	if cfg.NoLimits {
		return 0
	}
	return c.bucket.take(n, cfg.BytesPerSecond, cfg.BurstBytes)
}

// read waits for input.
func (c *conn) read() (*Buffer, error) {
	if len(c.ahead) == 0 {
		return c.tr.Read()
	}
	b := newBuffer()
	b.N = copy(b.B[:], c.ahead)
	c.ahead = c.ahead[b.N:]
	return b, nil
}

// feed takes input and handles every whole element in it.
func (c *conn) feed(t *server.Turn, in []byte, deadline time.Time) error {
	data := in
	if len(c.partial) > 0 {
		c.partial = append(c.partial, in...)
		data = c.partial
	}
	for len(data) > 0 {
		ev, n, err := c.sc.Next(data)
		if err != nil {
			c.partial = nil
			return err
		}
		if ev == stanza.More {
			data = data[n:]
			break
		}
		if err := c.event(t, ev, deadline); err != nil {
			c.partial = nil
			return err
		}
		data = data[n:]
	}
	switch {
	case len(data) == 0:
		c.partial = nil
		c.sc.Next(nil) // lets go of what it holds for the last element
	case len(c.partial) > 0:
		c.partial = append(c.partial[:0], data...)
	default:
		c.partial = append([]byte(nil), data...)
	}
	return nil
}

// event handles one event of the scanner.
func (c *conn) event(t *server.Turn, ev stanza.Event, deadline time.Time) error {
	switch ev {
	case stanza.StreamOpen:
		return c.header(t)
	case stanza.StreamClose:
		c.bye = true
		// In answer to the server's own closing tag it ends no session: that waits to
		// be resumed after a restart, or goes on over another connection.
		if (c.stream.session != nil || c.begun) && !c.stream.over(c.tr) {
			c.stream.lastWord(t)
			c.stream.End(t, nil)
		}
		return errEnded
	}
	if c.login != nil {
		return c.negotiateElement(t, c.sc.Stanza, deadline)
	}
	return c.element(t, c.sc.Stanza)
}

// element handles one element from a bound session.
func (c *conn) element(t *server.Turn, st *stanza.Stanza) error {
	s := c.stream
	if s.over(c.tr) {
		return errEnded
	}
	if st.Kind == stanza.Other || c.free && !st.Is(stanza.NSClient, st.Kind.String()) {
		return c.nonza(t, st)
	}
	if !c.fromSelf(st) {
		return &stanza.StreamError{Condition: "invalid-from", Text: "a stanza's 'from' has to be the address of its session"}
	}
	if s.acks != nil {
		return c.counted(t, st)
	}
	c.c2s.core.Route(t, &s.session.Origin, st)
	return nil
}

// counted handles a stanza of a stream with acknowledgements. A resumption on
// another connection waits for it, so that what is handled is counted before the
// client is told how much that is.
func (c *conn) counted(t *server.Turn, st *stanza.Stanza) error {
	s := c.stream
	s.acks.taking.Lock()
	defer s.acks.taking.Unlock()
	if s.over(c.tr) {
		return errEnded
	}
	t.Acks = s
	defer func() { t.Acks = nil }()
	c.c2s.core.Route(t, &s.session.Origin, st)
	s.handledOne()
	return nil
}

// fromSelf checks the 'from' that a client may, but need not, put on its
// stanzas: its full or bare JID (RFC 6120 §8.1.2.1).
func (c *conn) fromSelf(st *stanza.Stanza) bool {
	raw := st.From()
	s := c.stream.session
	if raw == nil || string(raw) == s.Full || string(raw) == s.Account.Bare {
		return true
	}
	j, err := stanza.ParseJID(stanza.Unescape(raw))
	return err == nil && (j == s.JID || j == s.Account.JID)
}

// nonza handles an element that is not a stanza, from a bound session.
func (c *conn) nonza(t *server.Turn, st *stanza.Stanza) error {
	ns, name := st.Name()
	if string(ns) == nsSM {
		return c.managed(t, st, string(name))
	}
	if c.host.Nonza(t, c.stream.session, st) {
		return nil
	}
	return unsupported(st)
}

// unsupported returns the error for an element that has no place in a stream
// (RFC 6120 §4.9.3.24; a stanza in a foreign namespace: §4.8.3).
func unsupported(st *stanza.Stanza) *stanza.StreamError {
	_, name := st.Name()
	switch string(name) {
	case "message", "presence", "iq":
		return &stanza.StreamError{Condition: "invalid-namespace", Text: "stanzas are in the namespace jabber:client"}
	}
	return &stanza.StreamError{Condition: "unsupported-stanza-type"}
}

// close ends the connection after an error of the read loop: the peer is told
// why, if it can be, and given time to hear it.
func (c *conn) close(err error) {
	defer c.c2s.closed(c)
	if c.login != nil && c.login.user != "" {
		c.host.GuestLeaves(c.login.user) // before it came to anything
	}
	core := c.c2s.core
	var se *stanza.StreamError
	switch {
	case errors.As(err, &se) && !c.stream.over(c.tr):
		core.Do(func(t *server.Turn) {
			c.openForError(t)
			c.stream.End(t, se)
		})
	case errors.Is(err, errEnded):
	case c.login != nil && isTimeout(err) && !c.stream.over(c.tr):
		core.Do(func(t *server.Turn) {
			c.openForError(t)
			c.stream.End(t, &stanza.StreamError{Condition: "connection-timeout", Text: "log in faster"})
		})
	}
	switch {
	case c.bye && c.frames == nil:
		c.stream.drained(c.tr)
	case c.stream.over(c.tr):
		c.discard()
	}
	core.Do(func(t *server.Turn) { c.stream.gone(t, c.tr) })
}

// discard reads and forgets until the peer closes or the linger time is over, so
// that what was written last is not lost to a reset. Who closed the stream has
// set that time as the deadline.
func (c *conn) discard() {
	for range 1000 {
		b, err := c.read()
		if err != nil {
			return
		}
		done := c.frames != nil && c.frames.closing(b.Bytes())
		b.Free()
		if done {
			return
		}
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// recover turns a panic, which is a bug of ours, into the end of one stream.
func (c *conn) recover(err *error) {
	if r := recover(); r != nil {
		c.c2s.core.Log.Error("panic", "err", fmt.Sprint(r), "remote", c.remote, "stack", string(debug.Stack()))
		*err = &stanza.StreamError{Condition: "internal-server-error"}
	}
}
