package main

import (
	"context"
	"encoding/xml"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
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

	queries collectors // of archives

	heard atomic.Int64  // when the last element came, in Unix nanoseconds
	done  chan struct{} // closed when the stream is over
	err   error         // why it is over; valid once done is closed
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
			if !c.collected(&n) && !c.answered(&n) && !c.answer(&n) {
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
