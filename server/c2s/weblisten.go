package c2s

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// WebListener prepares a listener for an http.Server whose connections may become
// WebSockets: what it returns can be taken over by ServeWebSocket. cfg is nil for
// HTTP without TLS. No more than max connections are open at a time; those beyond
// are closed at once.
func WebListener(l net.Listener, cfg *tls.Config, max int) net.Listener {
	return &webListener{Listener: l, cfg: cfg, max: int64(max)}
}

type webListener struct {
	net.Listener
	cfg  *tls.Config
	max  int64
	open atomic.Int64
}

func (l *webListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) > l.max {
			l.open.Add(-1)
			c.Close()
			continue
		}
		a := &accepted{Conn: c, gone: func() { l.open.Add(-1) }}
		if l.cfg == nil {
			return a, nil
		}
		return tls.Server(&wire{Conn: a}, l.cfg), nil
	}
}

// accepted is a connection that is counted until it is closed.
type accepted struct {
	net.Conn
	once sync.Once
	gone func()
}

func (a *accepted) Close() error {
	a.once.Do(a.gone)
	return a.Conn.Close()
}

// SyscallConn implements syscall.Conn.
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
