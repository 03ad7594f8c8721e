// Package web serves everything natter speaks over HTTP: XMPP over WebSocket
// (RFC 7395) and BOSH (XEP-0124 version 1.11.2, XEP-0206 version 1.4, without the script
// syntax that became XEP-0252: CORS does what it was for), where these are (XEP-0156 version 1.4.0, XEP-0487 version 0.1.0), /healthz, /metrics, and what the
// modules of each host serve.
package web

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"natter/server"
	"natter/server/c2s"
	"natter/server/proxy"
)

// Options say what Site serves besides a core and its clients.
type Options struct {
	Version     string         // of natter, for /metrics
	MetricsFrom proxy.Networks // who may read /metrics; nobody when empty
}

// Site is the handler of the HTTP and HTTPS listeners.
type Site struct {
	core    *server.Server
	clients *c2s.Server
	version string
	started time.Time
	muxes   map[string]*http.ServeMux // by host
	health  health
	trusted proxy.Networks // whose headers count

	disagreement, unnamed sync.Once // said in the log, once each

	api         *apiState
	draining    atomic.Bool
	drained     chan struct{} // closed by Drain
	metricsFrom atomic.Pointer[proxy.Networks]
}

// New returns the site of a server.
func New(core *server.Server, clients *c2s.Server, o Options) *Site {
	s := &Site{core: core, clients: clients, version: o.Version, started: time.Now(), muxes: make(map[string]*http.ServeMux), api: newAPIState(), drained: make(chan struct{})}
	s.health.core = core
	s.SetMetricsFrom(o.MetricsFrom)
	var err error
	if s.trusted, err = proxy.ParseNetworks(core.Config.TrustedProxies); err != nil {
		core.Log.Error("trusted_proxies left out", "err", err) // cmd has checked them
	}
	for _, name := range core.Config.Domains {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /healthz", s.serveHealth)
		mux.Handle("GET /metrics", s.metricsHandler())
		mux.HandleFunc("GET "+WebSocketPath, s.serveWebSocket)
		for _, method := range []string{"POST ", "OPTIONS ", "GET "} {
			mux.HandleFunc(method+BOSHPath, s.serveBOSH)
			mux.HandleFunc(method+BOSHPath+"/{$}", s.serveBOSH)
		}
		h := core.Host(name)
		mountChat(mux, h)
		s.mountInvite(mux)
		s.mountHostMeta(mux, h)
		s.mountAPI(mux, h)
		for _, m := range h.Modules {
			for _, route := range m.HTTP {
				mux.Handle(route.Pattern, route.Handler)
			}
		}
		s.muxes[h.Name] = mux
		if core.Config.TakesGuests() {
			s.muxes[server.GuestHost(h.Name)] = mux
		}
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.muxes[s.host(r).Name].ServeHTTP(w, r)
}

// host returns the host that a request is for: the one its Host header names, or
// the default one.
func (s *Site) host(r *http.Request) *server.Host {
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	if h := s.core.Host(strings.ToLower(name)); h != nil {
		return h
	}
	return s.core.Default()
}

// Drain has /healthz say that the server is about to stop, and ends what is held.
func (s *Site) Drain() {
	if !s.draining.Swap(true) {
		close(s.drained)
	}
}

// SetMetricsFrom changes who may read /metrics.
func (s *Site) SetMetricsFrom(from proxy.Networks) { s.metricsFrom.Store(&from) }

// mayRead reports whether the request comes from where metrics may be read.
func (s *Site) mayRead(r *http.Request) bool {
	a := peer(r)
	_, announced := c2s.Announced(r.Context())
	return a.IsValid() && !announced && !proxied(r) && s.metricsFrom.Load().Contains(a)
}
