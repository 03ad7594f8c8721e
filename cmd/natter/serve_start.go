package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"natter/server"
	"natter/server/cert"
)

// firstRun makes the administrator's account when the host has no account yet,
// and returns the password it was given; "" when there was nothing to make.
func firstRun(ctx context.Context, o *options, core *server.Server) (string, error) {
	h := core.Default()
	if len(h.Accounts()) > 0 || o.BenchAccounts > 0 || o.Server.Dev {
		return "", nil
	}
	password := strings.ToLower(server.NewID()[:16])
	if err := h.Create(ctx, "admin", password); err != nil && !errors.Is(err, server.ErrExists) {
		return "", fmt.Errorf("making the administrator's account: %w", err)
	}
	return password, nil
}

// greet prints what a person needs to know next.
func (o *options) greet(w io.Writer, certs *cert.Source, password string, addrs map[string]net.Addr) {
	domain := o.Server.Domains[0]
	fmt.Fprintf(w, "natter serves %s\n\n", strings.Join(o.Server.Domains, ", "))
	for _, l := range []struct{ name, what string }{
		{"c2s", "clients, STARTTLS"}, {"c2s-tls", "clients, direct TLS"},
		{"http", "health and metrics"}, {"https", "the same over TLS"},
	} {
		if a := addrs[l.name]; a != nil {
			fmt.Fprintf(w, "  %-22s %s\n", l.what, a)
		}
	}
	where := o.Data
	if o.Memory {
		where = "in memory: gone when the server stops"
	}
	fmt.Fprintf(w, "  %-22s %s\n", "data", where)
	if p := certs.CAPath(); p != "" {
		fmt.Fprintf(w, "  %-22s %s\n", "certificate authority", p)
	}
	if password != "" {
		fmt.Fprintf(w, "\nAdministrator: admin@%s with the password %s (shown once; natter user passwd changes it)\n", domain, password)
	}
	fmt.Fprintf(w, "\nNext:\n")
	if o.Server.Dev {
		fmt.Fprintf(w, "  any XMPP client may register an account here\n")
	} else {
		data := ""
		if o.Data != defaultDataDir() {
			data = " --data " + o.Data
		}
		fmt.Fprintf(w, "  natter user add juliet@%s%s\n", domain, data)
		fmt.Fprintf(w, "  natter chat --as juliet@%s\n", domain)
	}
	if o.Cert == "" && !o.Memory {
		fmt.Fprintf(w, "  Pidgin: accept the certificate it asks about, once. Gajim: start it as\n    SSL_CERT_FILE=%s gajim\n", certs.CAPath())
	}
	fmt.Fprintf(w, "\nready\n")
}
