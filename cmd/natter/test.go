package main

import (
	"context"
	"crypto/tls"
	"net"
	"strings"

	"natter/server/servertest/scs"
	"natter/server/web"
	"natter/server/web/webconn"
)

// overHTTP are the ways over HTTP that scripts can be played. They lack STARTTLS,
// which is HTTP's there; BOSH a connection to bind to, or to cut, and a way to send
// what is no XML.
var overHTTP = []scs.WebTransport{
	{
		Name: "ws", Path: web.WebSocketPath, Lacks: []string{"starttls"},
		Dial: func(ctx context.Context, url, addr string, config *tls.Config) (net.Conn, error) {
			return webconn.DialWebSocket(ctx, "ws"+strings.TrimPrefix(url, "http"), connecting(addr, config))
		},
	},
	{
		Name: "bosh", Path: web.BOSHPath, Lacks: []string{"starttls", "channel-binding", "cut", "framing"},
		Dial: func(_ context.Context, url, addr string, config *tls.Config) (net.Conn, error) {
			return webconn.DialBOSH(url, connecting(addr, config)), nil
		},
	},
}

// connecting has connections made to addr, whatever the URL's host.
func connecting(addr string, config *tls.Config) webconn.Options {
	return webconn.Options{TLS: config, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

// runTest plays .scs scripts; package scs holds the verb, so that the same
// runner serves Go tests.
func runTest(ctx context.Context, args []string, std stdio) int {
	return scs.Main(ctx, args, std.out, std.err, overHTTP...)
}
