package c2s

import (
	"errors"
	"io"
	"net/netip"

	"natter/server/proxy"
)

// announced reads the PROXY header; after it the connection is the client's. The
// deadline is that of the login. Nothing is answered to a wrong one: there is no
// stream yet, and who sent it is the proxy.
func (c *conn) announced() error {
	h, err := proxy.ReadHeader(c.tr.Net())
	switch {
	case errors.Is(err, io.EOF): // it has looked whether the port is open
		return errEnded
	case err != nil:
		if c.c2s.ctx.Err() == nil {
			c.c2s.core.Log.Warn("PROXY header refused", "proxy", c.remote, "err", err)
		}
		return errEnded
	}
	c.unsaid = false
	addr := addrOf(c.remote)
	if h.Source.IsValid() {
		addr, c.remote = h.Source.Addr(), h.Source.String()
	}
	if !c.c2s.comesFrom(c, addr) {
		return errEnded
	}
	if c.covered = h.TLS; c.covered {
		c.stream.cover()
	}
	return nil
}

// comesFrom counts a connection that was admitted as one of another address; false
// when there are too many of that.
func (c *Server) comesFrom(cn *conn, addr netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cfg := &c.core.Config; !cfg.NoLimits && c.waiting[addr] >= cfg.ConnectionsPerAddress {
		return false
	}
	if cn.early {
		c.uncount(cn.addr)
		c.waiting[addr]++
	}
	cn.addr = addr
	return true
}

// uncount takes one connection before login from an address. c.mu must be held.
func (c *Server) uncount(addr netip.Addr) {
	if c.waiting[addr]--; c.waiting[addr] <= 0 {
		delete(c.waiting, addr)
	}
}

// cover notes that the connection is encrypted before it gets here.
func (s *Stream) cover() {
	s.mu.Lock()
	s.secure = true
	s.mu.Unlock()
}
