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

// sites returns the URLs of the HTTP listeners, "" where there is none: with the
// name of the first domain, and the port unless it is the usual one.
func (o *options) sites(sockets sockets) (plain, secure string) {
	at := func(name, usual string) string {
		ln := sockets[name]
		if ln == nil {
			return ""
		}
		_, port, err := net.SplitHostPort(ln.Addr().String())
		if err != nil {
			return ""
		}
		if port == usual {
			return name + "://" + o.Server.Domains[0]
		}
		return name + "://" + net.JoinHostPort(o.Server.Domains[0], port)
	}
	return at("http", "80"), at("https", "443")
}

// serveHTTP serves the site on the HTTP listeners and returns what stops it.
func serveHTTP(site *web.Site, sockets sockets, certs *tls.Config, core *server.Server) func(context.Context) {
	srv := &http.Server{
		Handler:           site,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       c2s.WebContext,
		ErrorLog:          slog.NewLogLogger(core.Log.Handler(), slog.LevelDebug),
	}
	for _, name := range []string{"http", "https"} {
		ln := sockets[name]
		if ln == nil {
			continue
		}
		var secure *tls.Config
		if name == "https" {
			secure = certs
		}
		go srv.Serve(c2s.WebListener(ln, c2s.WebOptions{TLS: secure, Max: core.Config.HTTPConnections, Proxies: core.Announcing(name), Log: core.Log}))
	}
	return func(ctx context.Context) {
		srv.Shutdown(ctx)
		srv.Close()
	}
}
