package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"natter/server/web"

	"golang.org/x/net/netutil"
)

// maxHTTP bounds the HTTP connections of one listener.
const maxHTTP = 1000

// serveHTTP serves the site on the HTTP listeners and returns what stops it.
func serveHTTP(site *web.Site, sockets sockets, cfg *tls.Config, log *slog.Logger) func(context.Context) {
	srv := &http.Server{
		Handler:           site,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	for _, name := range []string{"http", "https"} {
		ln := sockets[name]
		if ln == nil {
			continue
		}
		ln = net.Listener(netutil.LimitListener(ln, maxHTTP))
		if name == "https" {
			ln = tls.NewListener(ln, cfg)
		}
		go srv.Serve(ln)
	}
	return func(ctx context.Context) {
		srv.Shutdown(ctx)
		srv.Close()
	}
}
