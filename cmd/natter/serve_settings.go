package main

import (
	_ "embed"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"natter/server"
	"natter/server/proxy"
	"natter/stanza"
)

// settings is what serve is told besides server.Config. The comments are the
// manual: natter config and docs/config.md show them, with the names of fields
// replaced by their keys. One that begins with # is the title of a chapter.
type settings struct {
	// # Where, and what with

	// Data is the directory for all that is kept: accounts, messages, files, and
	// the certificate that natter makes itself. Default: natter in $XDG_DATA_HOME,
	// which is ~/.local/share/natter.
	Data string
	// Memory: keep nothing on disk. What there is ends with the server.
	Memory bool
	// C2S is where clients connect that begin without TLS and secure the stream
	// then (STARTTLS), as HOST:PORT. Without a HOST it is every address of the
	// machine. "off" turns it off, as with the other addresses. Default: port
	// 5222, for the domain localhost on 127.0.0.1 only, for others everywhere.
	C2S string `key:"c2s"`
	// C2STLS is where clients connect with TLS from the first byte (XEP-0368).
	// Default: port 5223, like C2S.
	C2STLS string `key:"c2s_tls"`
	// HTTP is where the web chat, its API, uploaded files, health and metrics are served
	// without TLS.
	// Default: port 5280, like C2S.
	HTTP string `key:"http"`
	// HTTPS is the same over TLS. Default: port 5281, like C2S.
	HTTPS string `key:"https"`
	// MetricsFrom lists who may read /metrics: addresses, or networks as
	// 10.0.0.0/8. A proxy on this machine does not make its clients local.
	MetricsFrom []string
	// Control is the socket for natter user, a path or "off". Default:
	// control.sock in the data directory; without one, in a directory for
	// temporary files that is named at the start.
	Control string
	// Cert is the file with the certificate chain in PEM, for all domains, and
	// Key the one with its private key. They are read again when they change.
	// Without them natter makes an authority and a certificate of its own.
	Cert string
	Key  string
	// LogLevel is how much is logged: debug, info, warn or error.
	LogLevel string

	// # Calls

	// Turn is where the relay for calls is, over UDP and TCP (STUN and TURN): clients
	// that cannot reach each other talk by way of it. It is for people of this server
	// only, who find it by themselves (XEP-0215). Default: port 3478, like C2S, and off
	// for tests. What is relayed has ports of its own, TurnPorts, over UDP.
	Turn      string
	TurnPorts string
	// TurnAddress is where this machine is seen from outside: an IPv4 address, an IPv6
	// address, or both. Default: found out, which a router in front of it may prevent.
	TurnAddress []string
	// TurnPeers lists networks that may be relayed to besides the public ones, as
	// 192.168.0.0/16: for people of your own network, and what else is in it.
	TurnPeers []string
	// TurnPerUser bounds how much one account relays at once: a call with video takes
	// one or two. TurnTotal bounds that of all, and TurnRate the bytes a second of each,
	// one way.
	TurnPerUser int
	TurnTotal   int
	TurnRate    int
}

// settingsSource is this file, for its comments.
//
//go:embed serve_settings.go
var settingsSource string

// defaultSettings are those that do not depend on others.
func defaultSettings() settings {
	return settings{MetricsFrom: []string{"127.0.0.0/8", "::1"}, LogLevel: "info", TurnPorts: "49152-65535", TurnPerUser: 10, TurnTotal: 1000, TurnRate: 1 << 20}
}

// complete fills in the defaults that depend on other settings and checks what
// goes together.
func (o *options) complete() error {
	if len(o.Server.Domains) == 0 {
		o.Server.Domains = []string{"localhost"}
	}
	for i, d := range o.Server.Domains {
		j, err := stanza.ParseJID(d)
		if err != nil || j.Local() != "" || !j.IsBare() {
			return fmt.Errorf("%q is not a domain", d)
		}
		o.Server.Domains[i] = j.Domain()
		if slices.Contains(o.Server.Domains[:i], j.Domain()) {
			return fmt.Errorf("the domain %s is there twice", j.Domain())
		}
	}
	if o.Server.Dev {
		o.Server.Register = true
		if o.Server.UserSearch == "" {
			o.Server.UserSearch = "listed"
		}
		o.Memory = o.Memory || o.Data == ""
	}
	for _, s := range []struct {
		key   string
		value *string
	}{{"guests", &o.Server.Guests}, {"guest_rooms", &o.Server.GuestRooms}} {
		switch {
		case *s.value == "" && o.local():
			*s.value = "on"
		case *s.value == "":
			*s.value = "off"
		case *s.value != "on" && *s.value != "off":
			return fmt.Errorf("%s is on or off, not %q", s.key, *s.value)
		}
	}
	for _, s := range []struct {
		key, value string
		of         []string
	}{
		{"push_content", o.Server.PushContent, []string{"none", "sender", "all"}},
		{"invite_accounts", o.Server.InviteAccounts, []string{server.InviteAdmins, server.InviteUsers, server.InviteOff}},
		{"user_search", o.Server.UserSearch, []string{"off", "listed", "all"}},
		{"user_search_by", o.Server.UserSearchBy, []string{"accounts", "admins"}},
	} {
		if s.value != "" && !slices.Contains(s.of, s.value) {
			return fmt.Errorf("%s is one of %s, not %q", s.key, strings.Join(s.of, ", "), s.value)
		}
	}
	if d := o.Server.InviteTime; d < 0 || d > server.MaxInvitationTime {
		return fmt.Errorf("invite_time is a year at the most, not %v", d)
	}
	if len(o.Server.Admins) == 0 {
		o.Server.Admins = []string{"admin@" + o.Server.Domains[0]}
	}
	for i, a := range o.Server.Admins {
		j, err := stanza.ParseJID(a)
		if err != nil || j.Local() == "" || !j.IsBare() {
			return fmt.Errorf("the administrator %q is not an address such as admin@%s", a, o.Server.Domains[0])
		}
		o.Server.Admins[i] = j.String()
	}
	if o.Memory && o.Data != "" {
		return fmt.Errorf("--memory keeps nothing, and --data says where to keep it: choose one")
	}
	if o.Data == "" && !o.Memory {
		if o.Data = defaultDataDir(); o.Data == "" {
			return fmt.Errorf("there is no home directory to keep data in; name one with --data DIR")
		}
	}
	if o.Server.Files == "" && !o.Memory {
		o.Server.Files = filepath.Join(o.Data, "files")
	}
	if o.Control == "" && !o.Memory {
		o.Control = socket(o.Data)
	}
	if (o.Cert == "") != (o.Key == "") {
		return fmt.Errorf("--cert and --key go together")
	}
	if o.Server.MaxStanza != 0 && o.Server.MaxStanza < minStanza {
		return fmt.Errorf("max_stanza is %d; RFC 6120 §13.12 asks for %d bytes at least", o.Server.MaxStanza, minStanza)
	}
	if err := o.levelFrom(o.LogLevel); err != nil {
		return err
	}
	if err := o.prefixes(); err != nil {
		return err
	}
	return o.addresses()
}

// minStanza is the least that a server has to take (RFC 6120 §13.12).
const minStanza = 10_000

func (o *options) levelFrom(word string) error {
	if o.Verbose {
		word = "debug"
	}
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[word]
	if !ok {
		return fmt.Errorf("log_level is %q, none of debug, info, warn and error", word)
	}
	o.level = level
	return nil
}

// prefixes reads MetricsFrom and checks what else names networks or sites.
func (o *options) prefixes() (err error) {
	if o.metricsFrom, err = proxy.ParseNetworks(o.MetricsFrom); err != nil {
		return fmt.Errorf("metrics_from: %w", err)
	}
	if _, err := proxy.ParseNetworks(o.Server.TrustedProxies); err != nil {
		return fmt.Errorf("trusted_proxies: %w", err)
	}
	if _, err := proxy.ParseNetworks(o.Server.ProxyProtocol); err != nil {
		return fmt.Errorf("proxy_protocol: %w", err)
	}
	for _, name := range o.Server.ProxyProtocolOn {
		if !slices.Contains([]string{"c2s", "c2s_tls", "http", "https"}, name) {
			return fmt.Errorf("proxy_protocol_on: %q is none of c2s, c2s_tls, http and https", name)
		}
	}
	for _, s := range o.Server.Origins {
		u, err := url.Parse(s)
		if s != "*" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "") {
			return fmt.Errorf("origins: %q is not a site such as https://example.org, nor \"*\"", s)
		}
	}
	return nil
}

// addresses fills in where to listen. A real domain is served to everybody,
// localhost to this machine.
func (o *options) addresses() error {
	host := ""
	if o.local() {
		host = "127.0.0.1"
	}
	switch {
	case o.Turn == "" && o.Server.Dev:
		o.Turn = off
	case o.Turn == "":
		o.Turn, o.turnDefault = net.JoinHostPort(host, turnPort), true
	}
	if err := o.relaySettings(); err != nil {
		return err
	}
	if o.Server.Bytestreams == "" {
		o.Server.Bytestreams = net.JoinHostPort(host, "7777")
	}
	listeners := 0
	for _, a := range o.listeners() {
		if *a.addr == "" {
			*a.addr = net.JoinHostPort(host, a.port)
		}
		if *a.addr == off {
			continue
		}
		listeners++
		if _, _, err := net.SplitHostPort(*a.addr); err != nil {
			return fmt.Errorf("--%s: %q is not HOST:PORT (nor %q)", a.name, *a.addr, off)
		}
		if o.Server.Dev && !loopback(*a.addr) {
			return fmt.Errorf("--dev lets anybody in, so it listens on loopback only, not with --%s on %s", a.name, *a.addr)
		}
	}
	if listeners == 0 {
		return fmt.Errorf("there is nothing to listen on: all addresses are off")
	}
	return nil
}
