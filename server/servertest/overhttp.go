package servertest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"natter/server/c2s"
	"natter/server/web"
	"natter/server/web/webconn"
)

// httpPipes serves a site over pipes, with TLS on port 443 and without on others.
// It starts with the first connection, as most tests need none.
type httpPipes struct {
	srv   *Server
	start sync.Once
	http  *http.Server
	plain pipeListener
	tls   pipeListener
}

func newHTTPPipes(s *Server) *httpPipes {
	return &httpPipes{
		srv:   s,
		http:  &http.Server{Handler: s.Site, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)},
		plain: newPipeListener(), tls: newPipeListener(),
	}
}

func (p *httpPipes) serve() {
	go p.http.Serve(c2s.WebListener(p.plain, c2s.WebOptions{Max: 1 << 20}))
	go p.http.Serve(c2s.WebListener(p.tls, c2s.WebOptions{TLS: p.srv.Certs.Config("h2", "http/1.1"), Max: 1 << 20}))
}

func (p *httpPipes) close() {
	if p != nil { // a server that tests have put together without a site
		p.http.Close()
	}
}

// pipeListener is a net.Listener of pipes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() pipeListener {
	return pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error {
	close(l.done)
	return nil
}

func (l pipeListener) Addr() net.Addr {
	_, srv := c2s.Pipe()
	return srv.LocalAddr()
}

// DialHTTP opens a connection to the server's site, in memory, where TLS is
// spoken on port 443; it is an http.Transport's DialContext.
func (s *Server) DialHTTP(ctx context.Context, _, addr string) (net.Conn, error) {
	s.pipes.start.Do(s.pipes.serve)
	l := s.pipes.plain
	if strings.HasSuffix(addr, ":443") {
		l = s.pipes.tls
	}
	client, srv := c2s.Pipe()
	select {
	case l.conns <- srv:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// DialWeb opens an XML stream over WebSocket or BOSH, in memory: transport
// is ws, wss, bosh or boshs, where s means TLS.
func (s *Server) DialWeb(ctx context.Context, transport string) (net.Conn, error) {
	o := webconn.Options{Dial: s.DialHTTP, TLS: s.TLS()}
	switch transport {
	case "ws", "wss":
		return webconn.DialWebSocket(ctx, transport+"://"+s.Domain()+web.WebSocketPath, o)
	case "bosh":
		return webconn.DialBOSH("http://"+s.Domain()+web.BOSHPath, o), nil
	case "boshs":
		return webconn.DialBOSH("https://"+s.Domain()+web.BOSHPath, o), nil
	}
	return nil, fmt.Errorf("no transport %q", transport)
}
