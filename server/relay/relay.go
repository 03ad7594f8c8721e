// Package relay is the STUN and TURN server that calls between clients need when
// they cannot reach each other: RFC 8489 and RFC 8656, over UDP and TCP. The protocol
// is github.com/pion/turn's; what is here is who may use it, for what, and how much.
//
// A relay that lets its users send anywhere is a way into the network behind it. So
// nothing is relayed to private, local and otherwise special addresses, nor to this
// machine but for other relayed addresses of its own; peers are reached over UDP only;
// and each user's allocations, their permissions and their rate are bounded.
package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/pion/turn/v5"
)

// Config says how a relay works. The zero value of a bound means its default.
type Config struct {
	Secret []byte // what credentials are made with; anything, kept over restarts
	Realm  string // the domain

	// Addresses are where relayed addresses are seen from outside: at most one of
	// each family. Without one of a family nothing is relayed in it.
	Addresses []netip.Addr
	// Bind is the address that relayed addresses are opened at, the unspecified one
	// when not valid. MinPort and MaxPort are their ports.
	Bind             netip.Addr
	MinPort, MaxPort uint16

	// Local lets peers be on this machine and in private networks: for a server that
	// serves this machine only. Peers are networks that may be relayed to besides
	// what is public.
	Local bool
	Peers []netip.Prefix

	Valid   time.Duration // of credentials: default 12 hours
	PerUser int           // allocations of one user: default 10
	Total   int           // allocations of all: default 1000
	Rate    int           // bytes a second and allocation, each way: default 1 MiB

	Log *slog.Logger
}

func (c *Config) defaults() error {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&c.PerUser, 10)
	set(&c.Total, 1000)
	set(&c.Rate, 1<<20)
	if c.Valid == 0 {
		c.Valid = 12 * time.Hour
	}
	if c.MinPort == 0 {
		c.MinPort, c.MaxPort = 49152, 65535 // RFC 8656 §7.2
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case len(c.Secret) < 16:
		return errors.New("the relay needs a secret of 16 bytes")
	case c.MaxPort < c.MinPort:
		return fmt.Errorf("the relay's ports end at %d before they begin at %d", c.MaxPort, c.MinPort)
	case len(c.Addresses) == 0:
		return errors.New("the relay needs an address")
	}
	for i, a := range c.Addresses {
		c.Addresses[i] = a.Unmap().WithZone("")
	}
	return nil
}

// Server is a running relay.
type Server struct {
	cfg   Config
	turn  *turn.Server
	ports ports
	perms permissions
}

// New serves the relay on a UDP socket and a TCP listener, either of which may be nil,
// until Close, which closes them.
func New(cfg Config, udp net.PacketConn, tcp net.Listener) (*Server, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg}
	s.ports.init(&s.cfg)
	s.perms.granted = make(map[string]map[netip.Addr]struct{})
	t := turn.ServerConfig{
		Realm: cfg.Realm, AuthHandler: s.authenticate, QuotaHandler: s.quota,
		LoggerFactory: logs{s.cfg.Log},
		EventHandler: turn.EventHandler{
			OnPermissionCreated: s.perms.created,
			OnPermissionDeleted: s.perms.deleted,
			OnAllocationDeleted: s.perms.gone,
		},
	}
	if udp != nil {
		t.PacketConnConfigs = []turn.PacketConnConfig{{PacketConn: newGuarded(udp), RelayAddressGenerator: &s.ports, PermissionHandler: s.mayReach}}
	}
	if tcp != nil {
		t.ListenerConfigs = []turn.ListenerConfig{{Listener: newStreams(tcp), RelayAddressGenerator: &s.ports, PermissionHandler: s.mayReach}}
	}
	var err error
	if s.turn, err = turn.NewServer(t); err != nil {
		return nil, fmt.Errorf("starting the relay: %w", err)
	}
	return s, nil
}

// Close ends the relay and everything that goes through it.
func (s *Server) Close() error { return s.turn.Close() }

// Allocations returns how many allocations there are.
func (s *Server) Allocations() int { return s.ports.count() }
