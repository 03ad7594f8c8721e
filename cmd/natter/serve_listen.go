package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// sockets are the addresses listened on, by the name of their flag; those that
// are off are missing.
type sockets map[string]net.Listener

// listen opens the sockets. Nobody is let in yet.
func (o *options) listen() (sockets, error) {
	open := make(sockets)
	for _, l := range o.listeners() {
		if *l.addr == off {
			continue
		}
		ln, err := net.Listen("tcp", *l.addr)
		if err != nil {
			open.close()
			return nil, listenError(l.name, *l.addr, err)
		}
		open[l.name] = ln
	}
	return open, nil
}

func (s sockets) close() {
	for _, ln := range s {
		ln.Close()
	}
}

// listenError says why an address cannot be listened on and what to do.
func listenError(name, addr string, err error) error {
	why := err
	var op *net.OpError
	if errors.As(err, &op) {
		why = op.Err // without "listen tcp" and the address once more
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = errors.New("another program has this port, perhaps another natter or another chat server")
	case errors.Is(err, syscall.EACCES):
		why = errors.New("ports below 1024 are for root, or for a program with the capability CAP_NET_BIND_SERVICE")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why = errors.New("this machine does not have that address")
	}
	return fmt.Errorf("listening on %s: %w; choose another with --%s HOST:PORT, or turn it off with --%s off", addr, why, name, name)
}

// port returns the port of a listener, 0 where there is none.
func (s sockets) port(name string) int {
	if ln := s[name]; ln != nil {
		if tcp, ok := ln.Addr().(*net.TCPAddr); ok {
			return tcp.Port
		}
	}
	return 0
}
