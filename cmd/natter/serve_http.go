package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"natter/server"
	"natter/server/c2s"
	"natter/server/web"
)

// serveHTTP starts the HTTP listeners and returns what stops them.
func (o *options) serveHTTP(core *server.Server, clients *c2s.Server, cfg *tls.Config, addrs map[string]net.Addr, log *slog.Logger) (func(context.Context), error) {
	srv := &http.Server{
		Handler:           web.New(core, clients),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stop := func(ctx context.Context) { srv.Shutdown(ctx) }
	for _, l := range []struct {
		name, addr string
		tls        bool
	}{{"http", o.HTTP, false}, {"https", o.HTTPS, true}} {
		if l.addr == off {
			continue
		}
		ln, err := net.Listen("tcp", l.addr)
		if err != nil {
			srv.Close()
			return nil, listenError(l.name, l.addr, err)
		}
		addrs[l.name] = ln.Addr()
		if l.tls {
			ln = tls.NewListener(ln, cfg)
		}
		go srv.Serve(ln)
	}
	return stop, o.servePprof()
}
