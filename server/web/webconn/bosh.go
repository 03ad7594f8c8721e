package webconn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"

	"natter/stanza"
)

const (
	nsBOSH  = "http://jabber.org/protocol/httpbind"
	nsXBOSH = "urn:xmpp:xbosh"
)

// DialBOSH makes a connection of requests to an http or https URL (XEP-0206). The
// session begins with the stream header.
func DialBOSH(url string, o Options) net.Conn {
	c := newConn(url)
	b := &boshClient{c: c, url: url, o: o, client: o.client(&c.tls), rid: 1 + rand.Uint64N(1<<40)}
	b.more.L = &b.mu
	c.carrier = b
	return c
}

// boshClient carries a stream over requests: one is with the server all the time,
// another one when there is something to say.
type boshClient struct {
	c      *conn
	url    string
	o      Options
	client *http.Client

	mu      sync.Mutex
	more    sync.Cond
	opening bool // a stream header was sent and not yet answered
	sid     string
	rid     uint64
	flying  int // requests
	queue   []boshSend
	over    bool
	turn    uint64 // rid of the response that is passed on next
	ready   map[uint64][]byte
}

// boshSend is what a request says: attributes, or an element.
type boshSend struct {
	attrs   []string
	element []byte
}

func (b *boshClient) open(ctx context.Context, h stanza.Header) error {
	attrs := []string{"xmlns:xmpp", nsXBOSH, "xmpp:version", h.Version}
	if h.Has&stanza.HasTo != 0 {
		attrs = append(attrs, "to", h.To)
	}
	if h.Has&stanza.HasFrom != 0 {
		attrs = append(attrs, "from", h.From)
	}
	if h.Has&stanza.HasLang != 0 {
		attrs = append(attrs, "xml:lang", h.Lang)
	}
	b.mu.Lock()
	sid := b.sid
	b.opening = true
	b.mu.Unlock()
	if sid != "" {
		return b.say(boshSend{attrs: append(attrs, "xmpp:restart", "true")})
	}
	rid := b.rid
	body, err := b.post(b.c.ctx, rid, append(attrs, "ver", "1.11", "wait", "60", "hold", "1", "ack", "1"), nil)
	if err != nil {
		return err
	}
	st, err := stanza.Parse(body, limits)
	if err != nil {
		return err
	}
	b.sid, _ = st.AttrString("", "sid")
	b.turn, b.ready = rid+1, make(map[uint64][]byte)
	go func() {
		if b.pass(body) != nil || b.sid == "" {
			b.c.feed.Close()
			return
		}
		b.run()
	}()
	return nil
}

func (b *boshClient) element(_ context.Context, e []byte) error {
	return b.say(boshSend{element: e})
}

func (b *boshClient) end(context.Context) error {
	return b.say(boshSend{attrs: []string{"type", "terminate"}})
}

// close cuts the connection: no more requests are made.
func (b *boshClient) close() {
	b.mu.Lock()
	b.over = true
	b.more.Broadcast()
	b.mu.Unlock()
	b.client.CloseIdleConnections()
}

func (b *boshClient) say(s boshSend) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return net.ErrClosed
	}
	b.queue = append(b.queue, s)
	b.more.Broadcast()
	return nil
}

// run makes requests until the session is over.
func (b *boshClient) run() {
	for {
		b.mu.Lock()
		for !b.over && (b.flying >= 2 || b.flying == 1 && len(b.queue) == 0) {
			b.more.Wait()
		}
		if b.over {
			b.mu.Unlock()
			return
		}
		var attrs []string
		var payload []byte
		for len(b.queue) > 0 { // elements together, attributes in a request of their own
			s := b.queue[0]
			if s.attrs != nil && payload != nil {
				break
			}
			b.queue = b.queue[1:]
			if payload = append(payload, s.element...); s.attrs != nil {
				attrs = s.attrs
				break
			}
			if len(payload) > 8<<10 {
				break
			}
			if len(b.queue) > 0 && b.queue[0].element != nil && len(payload)+len(b.queue[0].element) > 200<<10 {
				break
			}
		}
		b.rid++
		rid := b.rid
		b.flying++
		b.mu.Unlock()
		go b.ask(rid, attrs, payload)
	}
}

// ask makes a request, again when it fails, and passes the response on in its turn.
func (b *boshClient) ask(rid uint64, attrs []string, payload []byte) {
	body, err := b.post(b.c.ctx, rid, attrs, payload)
	if err != nil && b.c.ctx.Err() == nil {
		body, err = b.post(b.c.ctx, rid, attrs, payload)
	}
	if err != nil {
		b.close()
		b.c.feed.Close()
		return
	}
	b.mu.Lock()
	b.ready[rid] = body
	for {
		body, ok := b.ready[b.turn]
		if !ok || b.over {
			break
		}
		delete(b.ready, b.turn)
		b.mu.Unlock()
		err := b.pass(body) // only who has the response whose turn it is comes here
		b.mu.Lock()
		b.turn++
		if err != nil {
			b.over = true
			b.c.feed.Close()
		}
	}
	b.flying--
	b.more.Broadcast()
	b.mu.Unlock()
}

func (b *boshClient) post(ctx context.Context, rid uint64, attrs []string, payload []byte) ([]byte, error) {
	all := []string{"xmlns", nsBOSH, "rid", strconv.FormatUint(rid, 10)}
	if b.sid != "" {
		all = append(all, "sid", b.sid)
	}
	body := stanza.AppendOpen(nil, "body", append(all, attrs...)...)
	body = stanza.AppendClose(append(body, payload...), "body")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = b.o.header()
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		return nil, fmt.Errorf("%s: %s %s", b.url, resp.Status, text)
	}
	return io.ReadAll(io.LimitReader(resp.Body, int64(limits.Bytes)))
}

// opens reports, once for each stream header, that the server's has to be answered.
func (b *boshClient) opens() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.opening
	b.opening = false
	return was
}

// pass passes a response on as a stream has it; io.EOF at the session's end.
func (b *boshClient) pass(raw []byte) error {
	body, err := stanza.Parse(raw, limits)
	if err != nil {
		return err
	}
	for child := range body.All() {
		el := body.Detach(nil, child)
		if string(body.Local(child)) == "features" && b.opens() { // after SASL2 the stream goes on
			from, _ := body.AttrString("", "from")
			attrs := []string{"version", "1.0", "id", strconv.FormatUint(b.rid, 36)}
			if from != "" {
				attrs = append(attrs, "from", from)
			}
			if err := b.c.opened(attrs...); err != nil {
				return err
			}
		} else if string(body.Local(child)) == "error" && b.rid < b.turn+1 && b.sid == "" {
			if err := b.c.opened("version", "1.0"); err != nil {
				return err
			}
		}
		if err := b.c.received(el); err != nil {
			return err
		}
	}
	if typ, _ := body.AttrString("", "type"); typ == "terminate" {
		b.c.ended()
		return io.EOF
	}
	return nil
}
