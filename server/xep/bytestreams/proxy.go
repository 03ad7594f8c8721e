package bytestreams

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"natter/server"
	"natter/stanza"
)

// Bounds of the proxy.
const (
	maxWaiting    = 1000 // connections that are not activated
	maxPerAddress = 20   // … of one network address
	maxPerAccount = 10   // streams of one account at one time
	handshakeTime = 10 * time.Second
	waitTime      = time.Minute     // for the other side and the activation
	idleTime      = 5 * time.Minute // without a byte either way
)

// proxy joins connections in pairs.
type proxy struct {
	srv *server.Server

	mu      sync.Mutex
	waiting map[string][]*waiter // by DST.ADDR: one, or the two of a pair
	count   int
	from    map[string]int // waiting connections by network address
	streams map[string]int // streams under way by account
	open    map[net.Conn]struct{}
	closed  bool
}

// waiter is a connection that has named its stream.
type waiter struct {
	conn  net.Conn
	from  string
	timer *time.Timer
}

func newProxy(srv *server.Server) *proxy {
	return &proxy{srv: srv, waiting: make(map[string][]*waiter), from: make(map[string]int),
		streams: make(map[string]int), open: make(map[net.Conn]struct{})}
}

// serve takes connections until the server stops.
func (p *proxy) serve(ln net.Listener) {
	p.srv.Go(func(ctx context.Context) {
		<-ctx.Done()
		ln.Close()
		p.mu.Lock()
		p.closed = true
		for c := range p.open {
			c.Close()
		}
		p.mu.Unlock()
	})
	p.srv.Go(func(ctx context.Context) {
		for {
			conn, err := ln.Accept()
			switch {
			case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
				return
			case err != nil:
				p.srv.Log.Warn("accepting a connection to the proxy", "err", err)
				select {
				case <-ctx.Done():
				case <-time.After(100 * time.Millisecond):
				}
				continue
			}
			if !p.admit(conn) {
				conn.Close()
				continue
			}
			p.srv.Go(func(context.Context) { p.greet(conn) })
		}
	})
}

func host(c net.Conn) string {
	h, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	return h
}

// admit counts a new connection; false when there are too many.
func (p *proxy) admit(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := host(c)
	if p.closed || p.count >= maxWaiting || p.from[from] >= maxPerAddress {
		return false
	}
	p.count++
	p.from[from]++
	p.open[c] = struct{}{}
	return true
}

// release takes a connection off those that wait; the proxy must be locked.
func (p *proxy) release(from string) {
	p.count--
	if p.from[from]--; p.from[from] == 0 {
		delete(p.from, from)
	}
}

// drop closes a connection that has not come to be part of a stream.
func (p *proxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.open[c]; ok {
		delete(p.open, c)
		p.release(host(c))
	}
}

// greet performs the client's SOCKS5 request and lets the connection wait.
func (p *proxy) greet(c net.Conn) {
	c.SetDeadline(time.Now().Add(handshakeTime))
	addr, err := handshake(c)
	if err != nil || !p.wait(c, addr) {
		p.drop(c)
		return
	}
	if _, err := c.Write(reply(addr)); err != nil {
		p.expire(addr, c)
	}
}

// wait notes a connection under the stream it named; false when that has two.
func (p *proxy) wait(c net.Conn, addr string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting[addr]) >= 2 || p.closed {
		return false
	}
	w := &waiter{conn: c, from: host(c)}
	w.timer = time.AfterFunc(waitTime, func() { p.expire(addr, c) })
	p.waiting[addr] = append(p.waiting[addr], w)
	return true
}

// expire ends a connection that still waits.
func (p *proxy) expire(addr string, c net.Conn) {
	p.mu.Lock()
	list := p.waiting[addr]
	for i, w := range list {
		if w.conn == c {
			w.timer.Stop()
			if list = append(list[:i:i], list[i+1:]...); len(list) == 0 {
				delete(p.waiting, addr)
			} else {
				p.waiting[addr] = list
			}
			p.mu.Unlock()
			p.drop(c)
			return
		}
	}
	p.mu.Unlock()
}

// activate starts relaying between the two connections of a stream, on behalf of
// an account (§6.3.5).
func (p *proxy) activate(addr, account string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	pair := p.waiting[addr]
	switch {
	case len(pair) == 0:
		return stanza.ItemNotFound("nobody has connected for that stream")
	case len(pair) == 1:
		return stanza.NotAllowed("the other side has not connected yet")
	case p.streams[account] >= maxPerAccount:
		return stanza.ResourceConstraint("too many transfers at one time; wait for one to end")
	}
	delete(p.waiting, addr)
	for _, w := range pair {
		w.timer.Stop()
		p.release(w.from)
	}
	p.streams[account]++
	p.srv.Go(func(context.Context) { p.relay(pair[0].conn, pair[1].conn, account) })
	return nil
}

// relay copies both ways until both sides have ended, one has failed, or nothing
// has come for a while.
func (p *proxy) relay(a, b net.Conn, account string) {
	var both sync.WaitGroup
	both.Go(func() { carry(a, b) })
	both.Go(func() { carry(b, a) })
	both.Wait()
	a.Close()
	b.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, a)
	delete(p.open, b)
	if p.streams[account]--; p.streams[account] == 0 {
		delete(p.streams, account)
	}
}

// carry copies one way.
func carry(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		src.SetReadDeadline(time.Now().Add(idleTime))
		n, err := src.Read(buf)
		if n > 0 {
			dst.SetReadDeadline(time.Now().Add(idleTime)) // it may only listen
			dst.SetWriteDeadline(time.Now().Add(idleTime))
			if _, werr := dst.Write(buf[:n]); werr != nil {
				src.Close()
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				if tcp, ok := dst.(*net.TCPConn); ok {
					tcp.CloseWrite()
					return
				}
			}
			dst.Close()
			return
		}
	}
}
