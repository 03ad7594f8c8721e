package bench

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

// loginDeadline is the longest a login may take, from connect to the last answer.
const loginDeadline = 60 * time.Second

// A login says how far a client goes before the load begins.
type login struct {
	o        *Options
	keys     *keyCache
	sm       bool // enable stream management when o.SM
	roster   bool // ask for the roster: an interested resource
	presence bool // send initial presence: an available resource
}

// open connects as account i (counted from 1) and logs in, with the resource
// "bench". Every step waits for its answer, as clients do.
func (l *login) open(ctx context.Context, addr string, i int) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, loginDeadline)
	defer cancel()
	c, err := l.dial(ctx, addr, i)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	if err := l.steps(ctx, c, i); err != nil {
		stop()
		c.Close()
		return nil, fmt.Errorf("logging in as %s: %w", l.o.jid(i), err)
	}
	if !stop() {
		c.Close()
		return nil, fmt.Errorf("logging in as %s: %w", l.o.jid(i), context.Cause(ctx))
	}
	return c, nil
}

func (l *login) dial(ctx context.Context, addr string, i int) (*conn, error) {
	if l.o.Over == "tcp" {
		return dial(ctx, addr, i)
	}
	return dialOverHTTP(ctx, l.o, addr, i)
}

// steps is the negotiation of RFC 6120 §4 to §7, then what l asks for.
func (l *login) steps(ctx context.Context, c *conn, i int) error {
	tcp := l.o.Over == "tcp"
	if tcp && l.o.TLS == "direct" {
		if err := c.handshake(ctx); err != nil {
			return err
		}
	}
	features, err := l.stream(c)
	if err != nil {
		return err
	}
	if tcp && l.o.TLS == "starttls" {
		if !bytes.Contains(features, []byte("urn:ietf:params:xml:ns:xmpp-tls")) {
			return unexpected("looking for STARTTLS", features)
		}
		if err := c.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"); err != nil {
			return err
		}
		if _, err := expect(c, "asking for TLS", "<proceed"); err != nil {
			return err
		}
		if err := c.handshake(ctx); err != nil {
			return err
		}
		if features, err = l.stream(c); err != nil {
			return err
		}
	}
	if err := l.authenticate(c, features, i); err != nil {
		return err
	}
	if features, err = l.stream(c); err != nil {
		return err
	}
	if _, err := ask(c, "bind", "set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>"+resource+"</resource></bind>"); err != nil {
		return err
	}
	return l.enter(c, features)
}

// stream opens a stream and returns the features the server announces.
func (l *login) stream(c *conn) ([]byte, error) {
	c.in.r, c.in.w = 0, 0
	err := c.send("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", l.o.Domain)
	if err != nil {
		return nil, err
	}
	for {
		elem, k, err := c.element()
		switch {
		case err != nil:
			return nil, fmt.Errorf("opening a stream: %w", err)
		case k == kindHeader || bytes.HasPrefix(elem, xmlDecl):
		case bytes.HasPrefix(elem, []byte("<stream:features")):
			return bytes.Clone(elem), nil
		default:
			return nil, unexpected("opening a stream", elem)
		}
	}
}

// authenticate does SASL, RFC 6120 §6.
func (l *login) authenticate(c *conn, features []byte, i int) error {
	mech, err := l.mechanism(features)
	if err != nil {
		return err
	}
	encode := base64.StdEncoding.EncodeToString
	const auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>%s</auth>"
	if mech == "PLAIN" {
		if err := c.send(auth, mech, encode([]byte("\x00"+l.o.user(i)+"\x00"+l.o.Password))); err != nil {
			return err
		}
		_, err := expect(c, "authenticating with PLAIN", "<success")
		return err
	}
	s := newScram(mech, l.o.user(i), l.o.Password, l.keys)
	if err := c.send(auth, mech, encode(s.first())); err != nil {
		return err
	}
	challenge, err := payload(c, "authenticating with "+mech, "challenge")
	if err != nil {
		return err
	}
	final, err := s.final(challenge)
	if err != nil {
		return err
	}
	if err := c.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</response>", encode(final)); err != nil {
		return err
	}
	success, err := payload(c, "authenticating with "+mech, "success")
	if err != nil {
		return err
	}
	return s.verify(success)
}

// mechanism returns the one to use out of those offered.
func (l *login) mechanism(features []byte) (string, error) {
	var offered []string
	for part := range bytes.SplitSeq(features, []byte("<mechanism>")) {
		name, _, ok := bytes.Cut(part, []byte("</mechanism>"))
		if ok {
			offered = append(offered, string(name))
		}
	}
	for _, mech := range mechanisms {
		if (l.o.Mech == "" || l.o.Mech == mech) && slices.Contains(offered, mech) {
			return mech, nil
		}
	}
	want := l.o.Mech
	if want == "" {
		want = strings.Join(mechanisms, ", ")
	}
	return "", fmt.Errorf("the server offers %v, not %s", offered, want)
}

// enter does what follows the bind.
func (l *login) enter(c *conn, features []byte) error {
	if l.sm && l.o.SM {
		if !bytes.Contains(features, []byte("urn:xmpp:sm:3")) {
			return unexpected("looking for stream management", features)
		}
		if err := c.send("<enable xmlns='urn:xmpp:sm:3'/>"); err != nil {
			return err
		}
		if _, err := expect(c, "enabling stream management", "<enabled"); err != nil {
			return err
		}
		c.sm = true
	}
	if l.roster {
		if _, err := ask(c, "roster", "get", "<query xmlns='jabber:iq:roster'/>"); err != nil {
			return err
		}
	}
	if l.presence {
		if err := c.sendStanza("<presence/>"); err != nil {
			return err
		}
		// The answer to a ping shows that the presence has been taken in.
		if _, err := ask(c, "online", "get", "<ping xmlns='urn:xmpp:ping'/>"); err != nil {
			return err
		}
	}
	return nil
}

// ask sends an IQ to the user's own account and returns its result. Other
// elements that come in the meantime are dropped; an error answer to a ping
// counts as an answer.
func ask(c *conn, id, typ, payload string) ([]byte, error) {
	if err := c.sendStanza("<iq type='%s' id='%s'>%s</iq>", typ, id, payload); err != nil {
		return nil, err
	}
	return answer(c, id)
}

// answer reads until the IQ with this id comes.
func answer(c *conn, id string) ([]byte, error) {
	for {
		elem, k, err := c.element()
		if err != nil {
			return nil, fmt.Errorf("waiting for the answer to %s: %w", id, err)
		}
		switch {
		case k == kindIQ && attr(elem, "id") == id:
			if isError(elem) && id != "online" {
				return nil, unexpected(id, elem)
			}
			return elem, nil
		case k == kindAckAsk:
			c.ack()
			if err := c.flush(); err != nil {
				return nil, err
			}
		case k == kindOther || k == kindClose:
			return nil, unexpected(id, elem)
		}
	}
}

// expect returns the next element, which must start with prefix.
func expect(c *conn, doing, prefix string) ([]byte, error) {
	for {
		elem, k, err := c.element()
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", doing, err)
		case bytes.HasPrefix(elem, []byte(prefix)):
			return elem, nil
		case k == kindAckAsk || k.stanza():
		default:
			return nil, unexpected(doing, elem)
		}
	}
}

// payload expects the named SASL element and returns its decoded text.
func payload(c *conn, doing, name string) ([]byte, error) {
	elem, err := expect(c, doing, "<"+name)
	if err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(childText(elem, name)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return text, nil
}
