// Package web serves everything natter speaks over HTTP, on one mux: /healthz
// and /metrics.
package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"natter/server"
	"natter/server/c2s"
)

// Options say what Site serves besides a core and its clients.
type Options struct {
	Version     string         // of natter, for /metrics
	MetricsFrom []netip.Prefix // who may read /metrics; nobody when empty
}

// Site is the handler of the HTTP and HTTPS listeners.
type Site struct {
	core    *server.Server
	clients *c2s.Server
	version string
	started time.Time
	mux     *http.ServeMux
	health  health

	draining    atomic.Bool
	metricsFrom atomic.Pointer[[]netip.Prefix]
}

// New returns the site of a server.
func New(core *server.Server, clients *c2s.Server, o Options) *Site {
	s := &Site{core: core, clients: clients, version: o.Version, started: time.Now(), mux: http.NewServeMux()}
	s.health.core = core
	s.SetMetricsFrom(o.MetricsFrom)
	s.mux.HandleFunc("GET /healthz", s.serveHealth)
	s.mux.Handle("GET /metrics", s.metricsHandler())
	return s
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Drain has /healthz say that the server is about to stop.
func (s *Site) Drain() { s.draining.Store(true) }

// SetMetricsFrom changes who may read /metrics.
func (s *Site) SetMetricsFrom(from []netip.Prefix) { s.metricsFrom.Store(&from) }

// forwarded are headers by which a proxy says that it asks for somebody else,
// whose address it names but cannot be trusted with here.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"}

// mayRead reports whether the request comes from where metrics may be read.
func (s *Site) mayRead(r *http.Request) bool {
	for _, name := range forwarded {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, p := range *s.metricsFrom.Load() {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
