package web

import (
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"
)

// WebSocketPath is where clients connect (RFC 7395), by XEP-0156's custom.
const WebSocketPath = "/xmpp-websocket"

// acceptKey is appended to the client's key (RFC 6455 §4.2.2).
const acceptKey = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// serveWebSocket answers the opening handshake and hands the connection to c2s,
// which does the rest: the handshake's library would write to the socket when it
// wants to, and nobody here may wait for somebody else's socket.
func (s *Site) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, text string) { http.Error(w, text, status) }
	hj, ok := w.(http.Hijacker)
	key := r.Header.Get("Sec-WebSocket-Key")
	switch {
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		refuse(http.StatusUpgradeRequired, "this is for XMPP over WebSocket (RFC 7395)")
		return
	case r.ProtoMajor != 1 || !ok:
		refuse(http.StatusHTTPVersionNotSupported, "a WebSocket begins with HTTP/1.1")
		return
	case r.Header.Get("Sec-WebSocket-Version") != "13": // RFC 6455 §4.4
		w.Header().Set("Sec-WebSocket-Version", "13")
		refuse(http.StatusUpgradeRequired, "this server speaks version 13 of the WebSocket protocol")
		return
	case !validKey(key):
		refuse(http.StatusBadRequest, "Sec-WebSocket-Key has to be 16 bytes in base64")
		return
	case !s.mayAsk(r): // RFC 6455 §10.2
		refuse(http.StatusForbidden, "pages of other sites may not connect here; the administrator can list theirs in origins")
		return
	case !hasToken(r.Header, "Sec-WebSocket-Protocol", "xmpp"): // RFC 7395 §3.1
		refuse(http.StatusBadRequest, "the subprotocol has to be xmpp (Sec-WebSocket-Protocol)")
		return
	case s.draining.Load():
		w.Header().Set("Retry-After", "10")
		refuse(http.StatusServiceUnavailable, "the server is about to stop")
		return
	}
	conn, rw, err := hj.Hijack()
	if err != nil {
		s.core.Log.Error("WebSocket not taken over", "err", err)
		refuse(http.StatusInternalServerError, "the connection can't be taken over")
		return
	}
	sum := sha1.Sum([]byte(key + acceptKey))
	conn.SetDeadline(time.Now().Add(handshakeTime))
	// Neither permessage-deflate nor another extension is taken up.
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n")
	if err != nil {
		conn.Close()
		return
	}
	ahead, _ := rw.Reader.Peek(rw.Reader.Buffered())
	s.clients.ServeWebSocket(conn, ahead, s.via(r))
}

// handshakeTime is how long the answer to a handshake may take to be written.
const handshakeTime = 10 * time.Second

// validKey checks what RFC 6455 §4.2.1 asks of the key.
func validKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) == 16
}

// hasToken reports whether a header that is a list of tokens has this one.
func hasToken(h http.Header, name, token string) bool {
	for _, v := range h.Values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
