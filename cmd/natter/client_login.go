package main

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"mellium.im/xmpp"
	"mellium.im/xmpp/stream"
)

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
	// mellium takes a stream without anything left to negotiate for a session, were
	// it one without TLS or login.
	if need := xmpp.Secure | xmpp.Authn; session.State()&need != need {
		return nil, fail(exitConnect, "", "logging in to %s: the server offers no way to log in", place.address)
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
// It is required, whatever the server says: mellium passes over the failure of
// what is optional, and goes on in the clear.
func (a account) startTLS(c *client) xmpp.StreamFeature {
	feature := xmpp.StartTLS(nil)
	parse, negotiate := feature.Parse, feature.Negotiate
	feature.Parse = func(ctx context.Context, d *xml.Decoder, start *xml.StartElement) (bool, any, error) {
		_, data, err := parse(ctx, d, start)
		return true, data, err
	}
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
	case strings.Contains(err.Error(), "unexpected stream-level chardata"):
		hint = "Is the port right? Chat servers usually have 5222, and 5223 for --tls direct."
	}
	return fail(exitConnect, hint, "logging in to %s: %w", place.address, plainError(err))
}

// open finds the account's settings and logs in. It is what every verb but chat
// starts with; the caller runs serve or serveRaw and closes the client.
func (f *accountFlags) open(ctx context.Context, std stdio) (*client, error) {
	a, err := f.resolve(ctx, std)
	if err != nil {
		return nil, err
	}
	return a.login(ctx, newCredentials(a.jid, a.password), nil)
}
