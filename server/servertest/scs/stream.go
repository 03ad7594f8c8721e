package scs

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// link is one connection of a character: raw XML out, elements in. Its
// methods are called from one goroutine; a second one, the reader, runs from
// open until the stream ends, is restarted or the connection is closed.
type link struct {
	raw     net.Conn // as dialled
	conn    net.Conn // raw, or TLS over it
	in      *bufio.Reader
	box     *mailbox
	reading chan struct{} // closed when the reader is done; nil before the first
	timeout time.Duration
	domain  string
	lang    string
	trace   func(dir byte, text string) // '>' out, '<' in; never nil

	features *Element // the last <stream:features/>
	closing  bool     // we have sent </stream:stream>
}

var errStreamEnd = errors.New("the server ended the stream")

func newLink(conn net.Conn, timeout time.Duration, domain, lang string, trace func(byte, string)) *link {
	return &link{
		raw: conn, conn: conn, in: bufio.NewReader(conn), box: newMailbox(),
		timeout: timeout, domain: domain, lang: lang, trace: trace,
	}
}

// send writes text within the time limit.
func (l *link) send(text string) error { return l.write(text, l.timeout) }

func (l *link) write(text string, limit time.Duration) error {
	l.trace('>', text)
	// A connection without deadlines may block here; that is its maker's
	// concern, the others time out.
	_ = l.conn.SetWriteDeadline(time.Now().Add(limit))
	_, err := io.WriteString(l.conn, text)
	return err
}

// open sends a stream header (RFC 6120 §4.7) and waits for the server's
// features.
func (l *link) open(ctx context.Context) error {
	l.box.reopen()
	l.reading = make(chan struct{})
	go l.read(l.reading)
	err := l.send(fmt.Sprintf("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' version='1.0' to='%s' xml:lang='%s'>",
		nsClient, nsStream, escape(l.domain), escape(l.lang)))
	if err != nil {
		return fmt.Errorf("send stream header: %w", err)
	}
	e, err := l.next(ctx)
	if err != nil {
		return fmt.Errorf("wait for stream features: %w", err)
	}
	if !e.is(nsStream, "features") {
		return &refused{what: "stream features", got: e}
	}
	l.features = e
	return nil
}

// refused is an element that came in place of the one the negotiation needs.
type refused struct {
	what string // what was asked for
	got  *Element
}

func (r *refused) Error() string {
	return "no " + r.what + ", but " + strings.Join(render(r.got), "")
}

// next waits for the next element of the negotiation.
func (l *link) next(ctx context.Context) (*Element, error) {
	e, err := l.box.next(ctx, l.timeout)
	return e.elem, err
}

// expect waits for an element of that name.
func (l *link) expect(ctx context.Context, what, space, local string) (*Element, error) {
	e, err := l.next(ctx)
	if err != nil {
		return nil, fmt.Errorf("wait for %s: %w", what, err)
	}
	if !e.is(space, local) {
		return nil, &refused{what: what, got: e}
	}
	return e, nil
}

// startTLS upgrades a plain stream (RFC 6120 §5) and opens a new one.
func (l *link) startTLS(ctx context.Context, config *tls.Config) error {
	if l.features.Child(nsTLS, "starttls") == nil {
		return errors.New("the server offers no STARTTLS")
	}
	if err := l.send("<starttls xmlns='" + nsTLS + "'/>"); err != nil {
		return err
	}
	if _, err := l.expect(ctx, "STARTTLS", nsTLS, "proceed"); err != nil {
		return err
	}
	<-l.reading
	if n := l.in.Buffered(); n > 0 {
		return fmt.Errorf("%d bytes of plain text after <proceed/>", n)
	}
	return l.handshake(ctx, config)
}

// handshake puts TLS over the connection. No reader may be running.
func (l *link) handshake(ctx context.Context, config *tls.Config) error {
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = l.domain
	}
	conn := tls.Client(l.raw, config)
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	l.conn, l.in = conn, bufio.NewReader(conn)
	return nil
}

// secure reports whether the connection is under TLS.
func (l *link) secure() bool { return l.tlsState().HandshakeComplete }

// tlsState returns the state of TLS: of a connection that was secured here, or of
// one that was dialled so, as over HTTP. It is zero without.
func (l *link) tlsState() tls.ConnectionState {
	if c, ok := l.conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return c.ConnectionState()
	}
	return tls.ConnectionState{}
}

// closeStream ends the stream in order (RFC 6120 §4.4): says so, waits up to d
// for the server's answer, closes the socket.
func (l *link) closeStream(ctx context.Context, d time.Duration) error {
	if err := l.sendClose(d); err != nil {
		l.cut()
		return err
	}
	err := l.awaitEnd(ctx, d)
	l.cut()
	return err
}

func (l *link) sendClose(limit time.Duration) error {
	if l.closing {
		return nil
	}
	l.closing = true
	return l.write("</stream:stream>", limit)
}

// awaitEnd drops what still comes until the stream ends. It returns an error
// when that takes longer than d.
func (l *link) awaitEnd(ctx context.Context, d time.Duration) error {
	deadline := time.Now().Add(d)
	for {
		_, err := l.box.next(ctx, time.Until(deadline))
		switch {
		case err == nil:
		case errors.Is(err, errTimeout), ctx.Err() != nil:
			return err
		default:
			return nil
		}
	}
}

// cut closes the socket without a word, not even TLS's, and waits for the
// reader.
func (l *link) cut() {
	_ = l.raw.Close()
	if l.reading != nil {
		<-l.reading
	}
}
