package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"natter/server"
	"natter/server/proxy"
	calls "natter/server/relay"
)

// turnPort is the default port of the relay (RFC 8656 §4).
const turnPort = "3478"

// startRelay serves the relay for calls and tells the core of it; it returns what ends
// it, and where it is, "" for nowhere. A port that is taken is an error only when
// somebody has asked for it.
func (o *options) startRelay(ctx context.Context, core *server.Server, log *slog.Logger) (stop func(), at string, err error) {
	nothing := func() {}
	if o.Turn == off {
		return nothing, "", nil
	}
	udp, tcp, err := listenBoth(o.Turn)
	if err != nil {
		if o.turnDefault {
			log.Warn("no relay for calls: its port is taken", "addr", o.Turn, "err", err)
			return nothing, "", nil
		}
		return nothing, "", listenError("turn", o.Turn, err)
	}
	bind := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	addresses := o.turnAddresses
	if len(addresses) == 0 {
		addresses = publicAddresses(ctx, o.Server.Domains[0], bind.Addr())
	}
	mac := hmac.New(sha256.New, core.Default().Auth.Secret)
	mac.Write([]byte("relay"))
	cfg := calls.Config{
		Secret: mac.Sum(nil), Realm: o.Server.Domains[0], Addresses: addresses,
		MinPort: o.turnPorts[0], MaxPort: o.turnPorts[1],
		Local: o.local(), Peers: o.turnPeers, PerUser: o.TurnPerUser, Total: o.TurnTotal, Rate: o.TurnRate, Log: log,
	}
	if !bind.Addr().IsUnspecified() {
		cfg.Bind = bind.Addr()
	}
	r, err := calls.New(cfg, udp, tcp)
	if err != nil {
		udp.Close()
		tcp.Close()
		return nothing, "", fmt.Errorf("%w; say turn_address, or turn it off with --turn off", err)
	}
	told := &server.Relay{Port: bind.Port(), UDP: true, TCP: true, Credentials: r.Credentials}
	for _, a := range addresses {
		told.Hosts = append(told.Hosts, a.String())
		if !o.local() && a.IsPrivate() {
			log.Warn("the relay for calls is at a private address; with turn_address it is found from outside", "addr", a.String())
		}
	}
	core.SetRelay(told)
	return func() {
		core.SetRelay(nil)
		r.Close()
	}, udp.LocalAddr().String(), nil
}

// listenBoth opens a port for UDP and for TCP; with port 0 one that is free for both.
func listenBoth(addr string) (net.PacketConn, net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	for try := 1; ; try++ {
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, nil, err
		}
		_, got, _ := net.SplitHostPort(tcp.Addr().String())
		udp, err := net.ListenPacket("udp", net.JoinHostPort(host, got))
		if err == nil {
			return udp, tcp, nil
		}
		tcp.Close()
		if port != "0" || !errors.Is(err, syscall.EADDRINUSE) || try == 20 {
			return nil, nil, err
		}
	}
}

// publicAddresses finds out where this machine is seen from outside: at the address
// that the relay is bound to, else where its packets to the internet come from, else
// where the domain is.
func publicAddresses(ctx context.Context, domain string, bind netip.Addr) []netip.Addr {
	if !bind.IsUnspecified() {
		return []netip.Addr{bind.Unmap()}
	}
	var found []netip.Addr
	four, six := sentFrom("udp4", "192.0.2.1:9"), sentFrom("udp6", "[2001:db8::1]:9") // nothing is sent
	if !public(four) {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		list, _ := net.DefaultResolver.LookupNetIP(ctx, "ip4", domain) // or it is not known
		for _, a := range list {
			if a = a.Unmap(); public(a) {
				four = a
				break
			}
		}
	}
	if four.IsValid() {
		found = append(found, four)
	}
	if public(six) {
		found = append(found, six)
	}
	if len(found) == 0 {
		found = append(found, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return found
}

// sentFrom returns the address that packets to another one come from.
func sentFrom(network, to string) netip.Addr {
	c, err := net.Dial(network, to)
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

func public(a netip.Addr) bool {
	return a.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate()
}

// relaySettings reads and checks what is said of the relay.
func (o *options) relaySettings() error {
	o.turnAddresses, o.turnPeers = nil, nil
	for _, s := range o.TurnAddress {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("turn_address: %q is not an address such as 198.51.100.7", s)
		}
		o.turnAddresses = append(o.turnAddresses, a)
	}
	var err error
	if o.turnPeers, err = proxy.ParseNetworks(o.TurnPeers); err != nil {
		return fmt.Errorf("turn_peers: %w", err)
	}
	first, last, ok := strings.Cut(o.TurnPorts, "-")
	for i, s := range []string{first, last} {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
		if err != nil || n < 1024 || !ok {
			return fmt.Errorf("turn_ports is %q, and not a range of ports above 1023 such as 49152-65535", o.TurnPorts)
		}
		o.turnPorts[i] = uint16(n)
	}
	if o.turnPorts[1] < o.turnPorts[0] {
		return fmt.Errorf("turn_ports ends below its beginning: %s", o.TurnPorts)
	}
	if o.Turn != off {
		if _, _, err := net.SplitHostPort(o.Turn); err != nil {
			return fmt.Errorf("--turn: %q is not HOST:PORT (nor %q)", o.Turn, off)
		}
		if o.Server.Dev && !loopback(o.Turn) {
			return fmt.Errorf("--dev lets anybody in, so it listens on loopback only, not with --turn on %s", o.Turn)
		}
	}
	return nil
}
