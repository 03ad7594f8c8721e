package webconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"natter/stanza"

	"github.com/coder/websocket"
)

const nsFraming = "urn:ietf:params:xml:ns:xmpp-framing"

// DialWebSocket connects to a ws or wss URL.
func DialWebSocket(ctx context.Context, url string, o Options) (net.Conn, error) {
	c := newConn(url)
	ws, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: o.client(&c.tls), HTTPHeader: o.header(),
		Subprotocols: []string{"xmpp"}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if resp != nil && resp.Body != nil {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
			return nil, fmt.Errorf("%s: %s %s", url, resp.Status, text)
		}
		return nil, err
	}
	if ws.Subprotocol() != "xmpp" {
		ws.CloseNow()
		return nil, errors.New("the server does not speak the subprotocol xmpp")
	}
	ws.SetReadLimit(int64(limits.Bytes))
	s := &socket{ws: ws, c: c}
	c.carrier = s
	go s.receive()
	return c, nil
}

// socket carries a stream over a WebSocket, an element a message (RFC 7395).
type socket struct {
	ws *websocket.Conn
	c  *conn
}

func (s *socket) send(ctx context.Context, b []byte) error {
	return s.ws.Write(ctx, websocket.MessageText, b)
}

func (s *socket) open(ctx context.Context, h stanza.Header) error {
	attrs := []string{"xmlns", nsFraming}
	for _, a := range []struct {
		name, value string
		has         stanza.HeaderField
	}{
		{"to", h.To, stanza.HasTo},
		{"from", h.From, stanza.HasFrom},
		{"id", h.ID, stanza.HasID},
		{"version", h.Version, stanza.HasVersion},
		{"xml:lang", h.Lang, stanza.HasLang},
	} {
		if h.Has&a.has != 0 {
			attrs = append(attrs, a.name, a.value)
		}
	}
	return s.send(ctx, stanza.AppendEmpty(nil, "open", attrs...))
}

func (s *socket) element(ctx context.Context, b []byte) error { return s.send(ctx, b) }

func (s *socket) end(ctx context.Context) error {
	return s.send(ctx, stanza.AppendEmpty(nil, "close", "xmlns", nsFraming))
}

func (s *socket) close() { s.ws.CloseNow() }

// receive passes on what comes until the WebSocket is closed.
func (s *socket) receive() {
	defer s.c.feed.Close()
	for {
		typ, b, err := s.ws.Read(s.c.ctx)
		if err != nil || typ != websocket.MessageText {
			return
		}
		if s.message(b) != nil {
			return
		}
	}
}

func (s *socket) message(b []byte) error {
	st, err := stanza.Parse(b, limits)
	if err != nil {
		return s.c.received(b)
	}
	ns, name := st.Name()
	switch {
	case string(ns) == nsFraming && string(name) == "open":
		var attrs []string
		for _, a := range []string{"id", "from", "to", "version"} {
			if v, ok := st.AttrString("", a); ok {
				attrs = append(attrs, a, v)
			}
		}
		if st.Lang() != nil {
			attrs = append(attrs, "xml:lang", st.LangString())
		}
		return s.c.opened(attrs...)
	case string(ns) == nsFraming && string(name) == "close":
		return s.c.ended()
	}
	return s.c.received(b)
}
