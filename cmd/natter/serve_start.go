package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"natter/server"
	"natter/stanza"
)

// firstRun makes the first administrator's account when the host has no account
// yet, and returns the password it was given; "" when there was nothing to make.
func firstRun(ctx context.Context, o *options, core *server.Server) (string, error) {
	h := core.Default()
	if len(h.Accounts()) > 0 || o.BenchAccounts > 0 || o.Server.Dev {
		return "", nil
	}
	admin, err := stanza.ParseJID(o.Server.Admins[0])
	if err != nil || admin.Domain() != h.Name {
		return "", nil // elsewhere: not ours to make
	}
	password := randomPassword()
	if err := h.Create(ctx, admin.Local(), password); err != nil && !errors.Is(err, server.ErrExists) {
		return "", fmt.Errorf("making the administrator's account: %w", err)
	}
	return password, nil
}

// greeting is what there is to tell at the start, beside the options.
type greeting struct {
	authority string // file with the certificate to trust, "" without
	password  string // of the administrator that was just made, else ""
	sockets   sockets
	relay     string // where the relay for calls is, "" without
}

// greet prints what a person needs to know next.
func (o *options) greet(w io.Writer, g greeting) {
	fmt.Fprintf(w, "natter serves %s\n\n", strings.Join(o.Server.Domains, ", "))
	row := func(what, where string) { fmt.Fprintf(w, "  %-22s %s\n", what, where) }
	for _, l := range o.listeners() {
		if ln := g.sockets[l.name]; ln != nil {
			row(l.what, ln.Addr().String())
		}
	}
	if g.relay != "" {
		row("calls, STUN and TURN", g.relay)
	}
	if o.Memory {
		row("data", "in memory: gone when the server stops")
	} else {
		row("data", o.Data)
	}
	if g.authority != "" {
		row("certificate authority", g.authority)
	}
	if o.Control != off && (o.Memory || o.Control != socket(o.Data)) {
		row("control socket", o.Control)
	}
	if g.password != "" {
		fmt.Fprintf(w, "\nAdministrator: %s with the password %s (shown once; natter user passwd changes it)\n", o.Server.Admins[0], g.password)
	}
	fmt.Fprintf(w, "\nNext:\n")
	for _, line := range o.next(g) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	fmt.Fprintf(w, "\nready\n")
}

// next returns the commands, ready to be copied, and the hints that a person
// needs after the start.
func (o *options) next(g greeting) []string {
	me, who := command(os.Args[0]), "juliet@"+o.Server.Domains[0]
	if slices.Contains(o.Server.Admins, who) { // that account is there
		who = "romeo@" + o.Server.Domains[0]
	}
	var lines []string
	if o.Control != off {
		lines = append(lines, me+" user add "+who+o.place())
	}
	if flags, ok := o.login(g); ok {
		lines = append(lines, me+" chat --as "+who+flags)
	}
	if at := o.page(g); at != "" {
		lines = append(lines, "Or chat in a browser, at "+at)
		if o.Control != off {
			lines = append(lines, "Invite people, by links: "+me+" invite"+o.place())
		}
	}
	if o.Server.Dev {
		lines = append(lines, "Any XMPP client may register an account here.")
	}
	if g.authority != "" && (g.sockets["c2s"] != nil || g.sockets["c2s-tls"] != nil) {
		lines = append(lines,
			"Pidgin: accept the certificate when it asks, once.",
			`Gajim: in its certificate window tick "Add this certificate to the list of trusted certificates", then Connect.`)
	}
	if !o.local() && o.Cert == "" {
		lines = append(lines, "Nobody else trusts this certificate: get one for "+o.Server.Domains[0]+" and say --cert FILE --key FILE.")
	}
	return lines
}

// page returns where the web chat is, "" when it is nowhere: browsers let a page log
// in over https, or over http at localhost.
func (o *options) page(g greeting) string {
	if o.Server.PublicURL != "" {
		return o.Server.PublicURL + "/"
	}
	port := func(ln net.Listener) string {
		_, p, _ := net.SplitHostPort(ln.Addr().String())
		return p
	}
	http, https := g.sockets["http"], g.sockets["https"]
	switch {
	case o.local() && http != nil:
		return "http://localhost:" + port(http) + "/"
	case https != nil:
		return "https://" + net.JoinHostPort(o.Server.Domains[0], port(https)) + "/"
	}
	return ""
}

// place returns the flags by which natter user finds this server.
func (o *options) place() string {
	switch {
	case o.Memory || o.Control != socket(o.Data):
		return " --control " + quoted(o.Control)
	case o.Data != defaultDataDir():
		return " --data " + quoted(o.Data)
	}
	return ""
}

// login returns the flags by which natter's client finds this server and trusts
// it; ok is false when clients cannot connect at all.
func (o *options) login(g greeting) (flags string, ok bool) {
	switch start, direct := g.sockets["c2s"], g.sockets["c2s-tls"]; {
	case start != nil:
		if at := dialable(start.Addr()); !o.local() || at != "127.0.0.1:5222" {
			flags = " --server " + at
		}
	case direct != nil:
		flags = " --server " + dialable(direct.Addr()) + " --tls direct"
	default:
		return "", false
	}
	if g.authority != "" && g.authority != filepath.Join(defaultDataDir(), "cert", "ca.pem") {
		flags += " --ca " + quoted(g.authority)
	}
	return flags, true
}

// dialable returns where a program on this machine reaches what listens at addr.
func dialable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// command returns how this program was called, so that it can be called again.
// What go run builds is gone when it ends.
func command(name string) string {
	if strings.Contains(filepath.ToSlash(name), "/go-build") {
		return "go run ./cmd/natter"
	}
	return quoted(name)
}

// quoted returns a word as a shell takes it.
func quoted(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@:,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
