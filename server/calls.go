package server

import "time"

// Relay is what clients need for calls through a NAT: a STUN and TURN server.
type Relay struct {
	Hosts    []string // where it is: names or addresses
	Port     uint16
	UDP, TCP bool
	// Credentials returns what an account, named by its bare JID, may relay with, and
	// until when.
	Credentials func(account string, now time.Time) (name, password string, expires time.Time)
}

// SetRelay says where the relay for calls is, nil for nowhere.
func (srv *Server) SetRelay(r *Relay) { srv.relay.Store(r) }

// Relay returns the relay for calls, nil without.
func (srv *Server) Relay() *Relay { return srv.relay.Load() }
