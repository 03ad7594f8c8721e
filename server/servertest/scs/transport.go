package scs

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
)

// A WebTransport is a way over HTTP that natter test can take.
type WebTransport struct {
	// Name is what --transport calls it.
	Name string
	// Path is where servers have it, unless --path says otherwise.
	Path string
	// Lacks are tags of scripts about what it does not have; they are left out.
	Lacks []string
	// Dial opens what looks like a stream over TCP to a URL of http or https, whose
	// host is the domain; addr is where to connect.
	Dial func(ctx context.Context, url, addr string, config *tls.Config) (net.Conn, error)
}

// overHTTP points opt at the way over HTTP that was asked for.
func (f *flags) overHTTP(w *WebTransport, opt *Options) error {
	scheme, port := "https", "5281"
	if f.tls == "none" {
		scheme, port = "http", "5280"
	}
	addr := f.host
	switch {
	case addr == defaultHost:
		addr = net.JoinHostPort("127.0.0.1", port)
	case !hasPort(addr):
		addr = net.JoinHostPort(strings.Trim(addr, "[]"), port)
	}
	_, port, _ = net.SplitHostPort(addr)
	path := f.path
	if path == "" {
		path = w.Path
	}
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("--path %s does not begin with a slash", path)
	}
	url := scheme + "://" + net.JoinHostPort(f.domain, port) + path
	config := opt.TLS
	opt.Dial = func(ctx context.Context, _ string) (net.Conn, error) { return w.Dial(ctx, url, addr, config) }
	opt.TLS, opt.DirectTLS = nil, false // HTTP sees to it
	return nil
}

func hasPort(addr string) bool {
	_, _, err := net.SplitHostPort(addr)
	return err == nil
}

// webTransport returns the way over HTTP that --transport names, nil for TCP.
func (f *flags) webTransport() *WebTransport {
	i := slices.IndexFunc(f.web, func(w WebTransport) bool { return w.Name == f.transport })
	if i < 0 {
		return nil
	}
	return &f.web[i]
}

// transports lists what --transport takes.
func (f *flags) transports() string {
	names := []string{"tcp"}
	for _, w := range f.web {
		names = append(names, w.Name)
	}
	return strings.Join(names, ", ")
}
