package main

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stream"
)

// client is a logged-in stream. mellium negotiates it and reads and writes its
// XML; client adds what a session needs on top: answers matched to requests,
// stanzas counted (XEP-0198), requests from others answered, a watch over the
// connection. Its methods are safe for concurrent use.
type client struct {
	account account
	session *xmpp.Session
	conn    *streamConn
	place   endpoint // where the server was found
	me      jid.JID  // full
	login   loginFacts
	sm      *management

	// disco is what the client says about itself when asked.
	disco selfInfo

	write   sync.Mutex // held while a stanza is counted and written
	take    sync.Mutex // held while a stanza is handled and counted
	over    bool       // no stanza is handled any more; guarded by take
	mu      sync.Mutex // guards pending
	pending map[string]chan *node

	heard atomic.Int64  // when the last element came, in Unix nanoseconds
	done  chan struct{} // closed when the stream is over
	err   error         // why it is over; valid once done is closed
}

// loginFacts is what is worth telling about a login.
type loginFacts struct {
	mechanism string // the SASL mechanism
	tls       string // "TLS 1.3", "" without TLS
	resumed   bool   // the session of before goes on
}

const nsTLS = "urn:ietf:params:xml:ns:xmpp-tls"

// loginTimeout bounds the time from dialling to a bound resource.
const loginTimeout = 30 * time.Second

// login connects, authenticates and binds, or resumes the session in m when it
// can be. m may be nil for a session that nothing is to be known of. The caller
// owns the client: it calls serve and, at the end, close.
func (a account) login(ctx context.Context, creds *credentials, m *management) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	conn, place, err := a.connect(ctx)
	if err != nil {
		return nil, cutShort(ctx, err, "connecting to "+a.jid.Domainpart())
	}
	// The end of ctx closes the connection. mellium is not shown ctx: it would set
	// deadlines when ctx ends, and, as that may come to pass after the work they
	// were for is done, spoil what is done then.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c, err := a.negotiate(context.WithoutCancel(ctx), conn, place, creds, m)
	stop()
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, cutShort(ctx, err, "logging in to "+place.address)
	}
	return c, nil
}

// cutShort words an error that is due to the end of ctx.
func cutShort(ctx context.Context, err error, doing string) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fail(exitConnect, "", "%s: no answer within %s", doing, loginTimeout)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

func (a account) negotiate(ctx context.Context, conn *streamConn, place endpoint, creds *credentials, m *management) (*client, error) {
	if m == nil {
		m = newManagement()
	}
	c := &client{
		account: a,
		conn:    conn,
		place:   place,
		sm:      m,
		disco:   selfInfo{kind: "console"},
		pending: map[string]chan *node{},
		done:    make(chan struct{}),
	}
	resource := a.resource
	if resource == "" {
		resource = newResource()
	}
	features := []xmpp.StreamFeature{
		channelBindings(),
		creds.feature(place.mode != tlsNone && !a.insecure),
		bindOrResume(resource, m),
	}
	state := xmpp.SessionState(0)
	if place.mode == tlsStart {
		features = append(features, a.startTLS(c))
	} else {
		// The user said that no TLS is good enough, or it is there already.
		state = xmpp.Secure
	}
	resumable := m.canResume()
	session, err := xmpp.NewSession(ctx, a.jid.Domain(), a.jid, conn, state, xmpp.NewNegotiator(
		func(*xmpp.Session, *xmpp.StreamConfig) xmpp.StreamConfig {
			return xmpp.StreamConfig{Features: features}
		}))
	if _, offered := session.Feature(nsTLS); err != nil && offered && place.mode == tlsNone {
		return nil, fail(exitConnect, "Leave out --tls none.", "logging in to %s: the server wants the connection encrypted", place.address)
	}
	if err != nil {
		return nil, a.explainLogin(err, place)
	}
	c.session = session
	c.me = session.LocalAddr()
	c.login.mechanism = creds.mechanism
	c.login.resumed = resumable && m.canResume()
	if v := c.conn.ConnectionState().Version; v != 0 {
		c.login.tls = tls.VersionName(v)
	}
	c.conn.renew()
	c.heard.Store(time.Now().UnixNano())
	return c, nil
}

// startTLS is mellium's StartTLS with a handshake that is done at once, so that
// its errors say what they are, and with a connection that reads byte by byte.
func (a account) startTLS(c *client) xmpp.StreamFeature {
	feature := xmpp.StartTLS(nil)
	negotiate := feature.Negotiate
	feature.Negotiate = func(ctx context.Context, session *xmpp.Session, data any) (xmpp.SessionState, io.ReadWriter, error) {
		mask, _, err := negotiate(ctx, session, data)
		if err != nil {
			return 0, nil, fail(exitConnect, "If this server has no TLS, and only then: --tls none.", "securing the connection to %s: %w", a.jid.Domainpart(), err)
		}
		conn, err := a.secure(ctx, c.conn, false)
		if err != nil {
			return 0, nil, err
		}
		c.conn = conn
		return mask, conn, nil
	}
	return feature
}

// explainLogin words an error of the negotiation.
func (a account) explainLogin(err error, place endpoint) error {
	var known *failure
	if errors.As(err, &known) {
		return err
	}
	hint := ""
	var streamErr stream.Error
	// A server says in whose name it answers before it says that it does not
	// serve the domain, and mellium has no other error for the first.
	otherName := strings.Contains(err.Error(), "does not match previously set location")
	if otherName {
		err = stream.HostUnknown
	}
	switch {
	case otherName, errors.As(err, &streamErr) && streamErr.Err == "host-unknown":
		hint = fmt.Sprintf("The server at %s does not serve %s. Check the address after --as, or say --server.", place.address, a.jid.Domainpart())
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		hint = "Is this an XMPP port? If it wants TLS from the first byte: --tls direct."
	}
	return fail(exitConnect, hint, "logging in to %s: %w", place.address, plainError(err))
}

// plainError words an error of the stream or the connection for people.
func plainError(err error) error {
	var streamErr stream.Error
	var syntax *xml.SyntaxError
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the server closed the connection")
	case errors.As(err, &streamErr):
		end := &streamEnd{condition: streamErr.Err, words: streamWords[streamErr.Err]}
		for _, t := range streamErr.Text {
			end.words = firstSet(end.words, oneLine(t.Value))
		}
		return end
	case errors.As(err, &syntax) && syntax.Msg == "unexpected EOF":
		return errors.New("the server dropped the connection")
	case errors.As(err, &syntax):
		return fmt.Errorf("the server sent something that is not XMPP: %w", err)
	case errors.Is(err, net.ErrClosed):
		return errCut
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("the server dropped the connection")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("the server does not answer")
	}
	return err
}

// streamEnd is a stream error of the server's (RFC 6120 §4.9).
type streamEnd struct{ condition, words string }

// Error implements error.
func (e *streamEnd) Error() string {
	return firstSet(e.words, "the server ended the stream") + " (" + e.condition + ")"
}

// errCut is how a stream ends that the client itself has cut off.
var errCut = errors.New("the connection was closed")

// streamWords says what the stream errors of RFC 6120 §4.9.3 people meet mean.
var streamWords = map[string]string{
	"conflict":            "another client took this session over",
	"connection-timeout":  "the server thought nobody was there",
	"host-gone":           "the server no longer serves this domain",
	"host-unknown":        "the server does not serve this domain",
	"not-authorized":      "the server did not accept the login",
	"policy-violation":    "the server says a rule was broken",
	"reset":               "the server wants a new connection",
	"resource-constraint": "the server has no room",
	"system-shutdown":     "the server is shutting down",
}

// errGone is what waiting for an answer ends with when the stream does.
type errGone struct{ err error }

func (e *errGone) Error() string { return "the connection was lost: " + e.err.Error() }
func (e *errGone) Unwrap() error { return e.err }

// open finds the account's settings and logs in. It is what every verb but chat
// starts with; the caller runs serve or serveRaw and closes the client.
func (f *accountFlags) open(ctx context.Context, std stdio) (*client, error) {
	a, err := f.resolve(ctx, std)
	if err != nil {
		return nil, err
	}
	return a.login(ctx, newCredentials(a.jid, a.password), nil)
}

// serve reads the stream until it ends. Every stanza that is not the answer to
// a request of this client goes to handle, on serve's goroutine: handle may
// send, but must not wait for an answer. A stanza counts as received when
// handle has returned true; after a false none counts any more, so that the
// server delivers what follows to somebody else.
func (c *client) serve(handle func(*node) bool) {
	err := c.read(handle)
	c.err = err
	close(c.done)
	c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	c.session.Close() // the server has ended its stream: end ours
	c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, waiting := range c.pending {
		close(waiting)
	}
	c.pending = nil
}

func (c *client) read(handle func(*node) bool) error {
	r := c.session.TokenReader()
	defer r.Close()
	for {
		tok, err := r.Token()
		if err != nil {
			return plainError(err)
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			c.conn.renew()
			continue // white space, as a sign of life
		}
		n, err := readNode(r, start)
		if err != nil {
			return plainError(err)
		}
		c.conn.renew()
		c.heard.Store(time.Now().UnixNano())
		switch n.XMLName.Space {
		case nsSM:
			if answer := c.sm.take(&n); answer != nil {
				c.sendAside(*answer)
			}
		case nsClient:
			if !c.answered(&n) && !c.answer(&n) {
				c.taken(&n, handle)
				continue
			}
			c.take.Lock()
			if !c.over {
				c.sm.handled()
			}
			c.take.Unlock()
		}
	}
}

// taken lets handle have a stanza and counts it, unless it is too late for that.
func (c *client) taken(n *node, handle func(*node) bool) {
	c.take.Lock()
	defer c.take.Unlock()
	if c.over {
		return
	}
	if handle(n) {
		c.sm.handled()
	} else {
		c.over = true
	}
}

// answered hands the answer to a request to whoever waits for it. It has to
// come from where the request went, which the unguessable id sees to.
func (c *client) answered(n *node) bool {
	if n.XMLName.Local != "iq" {
		return false
	}
	if t := n.attr("type"); t != "result" && t != "error" {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting, ok := c.pending[n.attr("id")]
	if ok {
		delete(c.pending, n.attr("id"))
		waiting <- n
	}
	return ok
}

// send writes one stanza.
func (c *client) send(n node) error {
	c.write.Lock()
	defer c.write.Unlock()
	c.sm.sent(n)
	return c.put(n)
}

// sendAside writes an element that is not a stanza and not counted.
func (c *client) sendAside(n node) error {
	c.write.Lock()
	defer c.write.Unlock()
	return c.put(n)
}

// writeTimeout bounds how long the server may leave what we send unread.
const writeTimeout = 30 * time.Second

func (c *client) put(n node) error {
	c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	// No context of ours, for the reason given in login.
	if err := c.session.Send(context.Background(), n.TokenReader()); err != nil {
		return &errGone{plainError(err)}
	}
	return nil
}

// sendRaw writes bytes as they are. They have to be whole elements. Stanzas
// among them are not known to stream management, which must be off.
func (c *client) sendRaw(b []byte) error {
	w := c.session.TokenWriter() // keeps everybody else out
	defer w.Close()
	c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := c.conn.Write(b); err != nil {
		return &errGone{plainError(err)}
	}
	return nil
}

// iq sends a request, to which it gives an id, and waits for the answer. An
// answer of type error is returned as a *stanzaError, the end of the stream as
// an *errGone.
func (c *client) iq(ctx context.Context, request node) (*node, error) {
	id := newID()
	request.Attrs = append(slices.Clone(request.Attrs), xml.Attr{Name: xml.Name{Local: "id"}, Value: id})
	waiting := make(chan *node, 1)
	c.mu.Lock()
	if c.pending == nil {
		c.mu.Unlock()
		return nil, &errGone{c.err}
	}
	c.pending[id] = waiting
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
	}()
	if err := c.send(request); err != nil {
		return nil, err
	}
	select {
	case answer := <-waiting:
		switch {
		case answer == nil: // closed with the stream
			return nil, &errGone{c.err}
		case answer.attr("type") == "error":
			return nil, errorOf(answer)
		}
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enableManagement turns XEP-0198 on when the server offers it. resume asks for
// a session that can be taken up on another connection.
func (c *client) enableManagement(resume bool) error {
	if _, offered := c.session.Feature(nsSM); !offered {
		return nil
	}
	c.write.Lock()
	defer c.write.Unlock()
	enable := el(nsSM, "enable")
	if resume {
		enable = el(nsSM, "enable", "resume", "true")
	}
	c.sm.start(c.me)
	return c.put(enable)
}

// resend writes once more what the resumed session had sent unconfirmed.
func (c *client) resend() error {
	c.write.Lock()
	defer c.write.Unlock()
	for _, n := range c.sm.leftOver() {
		if err := c.put(n); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until the server has taken everything that was sent before: its
// word by XEP-0198, or, where it does not count, the answer to a ping, which it
// gives in order.
func (c *client) settle(ctx context.Context) error {
	upTo := c.sm.sentSoFar()
	for asked := false; c.sm.counting(); asked = true {
		done, changed := c.sm.confirmed(upTo)
		if done {
			return nil
		}
		if !asked {
			if err := c.sendAside(el(nsSM, "r")); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-c.done:
			return &errGone{c.err}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.pingServer(ctx)
}

// ignore is the handler of verbs that only ask.
func ignore(*node) bool { return true }

// pingServer waits for the server's answer to a ping, of whatever kind: one that
// knows no ping answers with an error.
func (c *client) pingServer(ctx context.Context) error {
	_, err := c.iq(ctx, el(nsClient, "iq", "type", "get", "to", c.account.jid.Domainpart()).with(el(nsPing, "ping")))
	var refused *stanzaError
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

// Times after which a silent connection is asked for a sign of life, and given
// up.
const (
	quietAfter = 60 * time.Second
	deadAfter  = 90 * time.Second
)

// watch asks a silent server whether it is there and cuts the connection when
// it is not. It returns when the stream is over.
func (c *client) watch() {
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	asked := false
	for {
		select {
		case <-c.done:
			return
		case <-tick.C:
		}
		silent := time.Since(time.Unix(0, c.heard.Load()))
		switch {
		case silent < quietAfter:
			asked = false
		case !asked:
			asked = true
			c.askForLife()
		case silent >= deadAfter:
			c.conn.Close()
			return
		}
	}
}

func (c *client) askForLife() {
	if c.sm.counting() {
		c.sendAside(el(nsSM, "r"))
		return
	}
	ping := el(nsClient, "iq", "type", "get", "id", newID(), "to", c.account.jid.Domainpart()).with(el(nsPing, "ping"))
	c.send(ping)
}

// close ends the stream in order: it confirms what was handled, says goodbye,
// waits a moment for the server to do the same, and closes the connection.
// serve must be running.
func (c *client) close() {
	select {
	case <-c.done:
		return
	default:
	}
	c.take.Lock() // what is being handled still counts
	c.over = true
	c.take.Unlock()
	if c.sm.counting() {
		c.sendAside(c.sm.lastWord())
	}
	c.conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	c.session.Close()
	select {
	case <-c.done:
	case <-time.After(2 * time.Second):
		c.conn.Close()
		<-c.done
	}
}
