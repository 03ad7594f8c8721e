// Package c2s implements the server's side of client-to-server streams: RFC 6120
// from accept to close, with STARTTLS, direct TLS (XEP-0368, version 1.1.0), SASL and
// SASL2 (XEP-0388, version 1.0.4) with upgrades of SCRAM (XEP-0480, version 0.2.0),
// resource binding and Bind 2 (XEP-0386, version 1.1.0), announced limits (XEP-0478, version 0.2.0), and stream
// management (XEP-0198, version 1.6.3).
package c2s

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"natter/server"
	"natter/server/proxy"
	"natter/stanza"
)

// Server accepts client streams for a core.
type Server struct {
	core   *server.Server
	tls    *tls.Config
	limits stanza.Limits // after login

	// Proxies that begin connections with a PROXY header, on the listeners that begin
	// without TLS and on those with it.
	announcing, announcingDirect proxy.Networks

	resets     resets
	goroutines sync.WaitGroup
	ctx        context.Context
	cancel     context.CancelFunc

	mu        sync.Mutex
	listeners []net.Listener
	conns     map[*conn]struct{}
	waiting   map[netip.Addr]int // connections before login, by address
	early     int                // … altogether
	resumable map[string]*Stream // by resumption id
	bosh      map[string]*bosh   // by session id
	draining  bool
}

// New returns a server for client streams. cfg is the TLS configuration, with
// ALPN xmpp-client; nil serves no TLS, which is for tests only.
func New(core *server.Server, cfg *tls.Config) *Server {
	c := &Server{
		core: core, tls: cfg,
		limits:    stanza.AfterLogin,
		conns:     make(map[*conn]struct{}),
		waiting:   make(map[netip.Addr]int),
		resumable: make(map[string]*Stream),
		bosh:      make(map[string]*bosh),
	}
	c.limits.Bytes = core.Config.MaxStanza
	c.announcing = core.Announcing("c2s")
	c.announcingDirect = core.Announcing("c2s_tls")
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

func (c *Server) canTLS() bool { return c.tls != nil }

// Listen accepts connections from l until it is closed; direct means TLS from the
// first byte. It returns at once.
func (c *Server) Listen(l net.Listener, direct bool) {
	c.mu.Lock()
	c.listeners = append(c.listeners, l)
	c.mu.Unlock()
	c.goroutines.Go(func() {
		for {
			nc, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // out of descriptors, most likely
				c.core.Log.Warn("accept failed", "err", err)
				c.pause(100 * time.Millisecond)
				continue
			}
			c.Serve(nc, direct)
		}
	})
}

// Serve serves one connection: TCP, or a server's end of Pipe. It returns at
// once.
func (c *Server) Serve(nc net.Conn, direct bool) {
	var tr Transport
	if p, ok := nc.(*pipe); ok {
		tr = memory{p}
	} else {
		t, err := newTCP(nc, &c.resets)
		if err != nil {
			c.core.Log.Error("connection not served", "err", err)
			nc.Close()
			return
		}
		tr = t
	}
	cn := c.newConn(tr, nc.RemoteAddr().String())
	cn.addr = addrOf(cn.remote)
	proxies := c.announcing
	if direct {
		proxies = c.announcingDirect
	}
	if len(proxies) > 0 && proxies.Contains(cn.addr) {
		// Until the header is there the client is nobody's: what comes by a proxy is not
		// counted as the proxy's.
		cn.unsaid, cn.addr = true, netip.Addr{}
	}
	if !c.admit(cn) {
		nc.Close()
		return
	}
	c.goroutines.Go(func() { cn.run(direct) })
}

// addrOf returns the address in that of a socket; the zero one for a pipe.
func addrOf(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// newConn returns a connection before its first byte.
func (c *Server) newConn(tr Transport, remote string) *conn {
	cn := &conn{
		c2s: c, tr: tr, remote: remote,
		sc: stanza.NewScanner(stanza.BeforeLogin), login: &login{}, bucket: newBucket(),
	}
	cn.stream = newStream(c, tr)
	return cn
}

// admit counts a new connection; false when there are too many.
func (c *Server) admit(cn *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	cfg := &c.core.Config
	if c.draining || c.early >= cfg.Connections {
		return false
	}
	if !cfg.NoLimits && cn.addr.IsValid() && c.waiting[cn.addr] >= cfg.ConnectionsPerAddress {
		return false
	}
	c.early++
	c.waiting[cn.addr]++
	c.conns[cn] = struct{}{}
	cn.early = true
	return true
}

// loggedIn takes a connection out of the count of those before login.
func (c *Server) loggedIn(cn *conn) {
	c.mu.Lock()
	c.grown(cn)
	c.mu.Unlock()
}

func (c *Server) grown(cn *conn) {
	if !cn.early {
		return
	}
	cn.early = false
	c.early--
	c.uncount(cn.addr)
}

func (c *Server) closed(cn *conn) {
	c.mu.Lock()
	c.grown(cn)
	delete(c.conns, cn)
	c.mu.Unlock()
}

// Connections counts the open connections, and those of them before login.
func (c *Server) Connections() (all, early int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns), c.early
}

// pause waits, unless the server stops.
func (c *Server) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

// Shutdown stops listening, closes every stream with system-shutdown once what
// it was promised is durable, and waits for the connections to end or for ctx.
// Sessions that can be resumed stay in the store for the next start.
func (c *Server) Shutdown(ctx context.Context) {
	c.mu.Lock()
	c.draining = true
	for _, l := range c.listeners {
		l.Close()
	}
	conns := make([]*conn, 0, len(c.conns))
	for cn := range c.conns {
		conns = append(conns, cn)
	}
	c.mu.Unlock()

	// Acknowledgements that are owed leave with the commit they wait for.
	durable := make(chan struct{})
	c.core.Store.Barrier(func(error) { close(durable) })
	select {
	case <-durable:
	case <-ctx.Done():
	}
	for _, cn := range conns {
		c.core.Do(func(t *server.Turn) { cn.stream.shutdown(t, cn) })
	}
	c.cancel()
	defer c.resets.stop()
	done := make(chan struct{})
	go func() { c.goroutines.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		for _, cn := range conns {
			cn.tr.Close()
		}
		<-done
	}
}
