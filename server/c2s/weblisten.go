package c2s

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"natter/server/proxy"
)

// WebOptions say how a WebListener accepts.
type WebOptions struct {
	TLS     *tls.Config    // nil for HTTP without TLS
	Max     int            // connections open at a time; those beyond are closed at once
	Proxies proxy.Networks // whose connections begin with a PROXY header
	Log     *slog.Logger   // says what is wrong with such headers; nil for nothing
}

// WebListener prepares a listener for an http.Server whose connections may become
// WebSockets: what it returns can be taken over by ServeWebSocket. With proxies the
// server's ConnContext has to be WebContext.
func WebListener(l net.Listener, o WebOptions) net.Listener {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &webListener{Listener: l, WebOptions: o}
}

type webListener struct {
	net.Listener
	WebOptions
	open atomic.Int64
}

func (l *webListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) > int64(l.Max) {
			l.open.Add(-1)
			c.Close()
			continue
		}
		a := &accepted{Conn: c, gone: func() { l.open.Add(-1) }}
		if from, ok := c.RemoteAddr().(*net.TCPAddr); ok && len(l.Proxies) > 0 && l.Proxies.Contains(from.AddrPort().Addr()) {
			a.announced = &announcement{log: l.Log}
		}
		if l.TLS == nil {
			return a, nil
		}
		return tls.Server(&wire{Conn: a}, l.TLS), nil
	}
}

// accepted is a connection that is counted until it is closed.
type accepted struct {
	net.Conn
	once      sync.Once
	gone      func()
	announced *announcement // of a proxy that speaks the PROXY protocol, else nil
}

func (a *accepted) Close() error {
	a.once.Do(a.gone)
	return a.Conn.Close()
}

// announcement is the PROXY header of a connection, read when it is first needed: by
// the goroutine of the connection, not by the one that accepts.
type announcement struct {
	once   sync.Once
	header proxy.Header
	err    error
	log    *slog.Logger
}

// announceTime is how long a PROXY header may take: as long as that of a request.
const announceTime = 10 * time.Second

// said reads the PROXY header, once. A connection without a right one is closed.
func (a *accepted) said() (*proxy.Header, error) {
	n := a.announced
	n.once.Do(func() {
		a.Conn.SetReadDeadline(time.Now().Add(announceTime))
		if n.header, n.err = proxy.ReadHeader(a.Conn); n.err != nil {
			a.Close()
			if !errors.Is(n.err, net.ErrClosed) && n.err != io.EOF { // it has looked whether the port is open
				n.log.Warn("PROXY header refused", "proxy", a.Conn.RemoteAddr(), "err", n.err)
			}
			return
		}
		a.Conn.SetReadDeadline(time.Time{})
	})
	return &n.header, n.err
}

func (a *accepted) Read(p []byte) (int, error) {
	if a.announced != nil {
		if _, err := a.said(); err != nil {
			return 0, err
		}
	}
	return a.Conn.Read(p)
}

// RemoteAddr is the client's, where a proxy says it. http.Server asks for it first of
// all, on the connection's goroutine.
func (a *accepted) RemoteAddr() net.Addr {
	if a.announced != nil {
		if h, err := a.said(); err == nil && h.Source.IsValid() {
			return net.TCPAddrFromAddrPort(h.Source)
		}
	}
	return a.Conn.RemoteAddr()
}

// SyscallConn implements syscall.Conn. It is for after the first Read.
func (a *accepted) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := a.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.New("the connection has no descriptor")
}

// CloseWrite shuts the sending side down.
func (a *accepted) CloseWrite() error {
	if c, ok := a.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

type webContextKey struct{}

// WebContext is an http.Server's ConnContext: with it handlers know what a proxy has
// said by the PROXY protocol.
func WebContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		if w, ok := t.NetConn().(*wire); ok {
			c = w.Conn
		}
	}
	if a, ok := c.(*accepted); ok && a.announced != nil {
		return context.WithValue(ctx, webContextKey{}, a.announced)
	}
	return ctx
}

// Announced returns what a proxy has said by the PROXY protocol of the connection
// that a request came over; false when it came over none such.
func Announced(ctx context.Context) (proxy.Header, bool) {
	if n, ok := ctx.Value(webContextKey{}).(*announcement); ok {
		return n.header, true // read, as there is a request
	}
	return proxy.Header{}, false
}
