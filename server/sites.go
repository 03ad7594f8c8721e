package server

// sites says where the server's HTTP listeners are reached from outside.
type sites struct{ http, https string }

// SetSites says where the HTTP listeners are reached, as URLs without a path and
// without a slash at the end, "" for none: http://localhost:5280. The host name in
// them stands for every host of the server.
func (srv *Server) SetSites(http, https string) { srv.sites.Store(&sites{http, https}) }

// SetDirectTLS says on which port clients connect with TLS from the first byte, 0
// for none.
func (srv *Server) SetDirectTLS(port int) { srv.direct.Store(int32(port)) }

// DirectTLS returns that port.
func (srv *Server) DirectTLS() int { return int(srv.direct.Load()) }

// URL returns where clients reach a path of the host's site, the path beginning
// with a slash: over https where that is served. "" when nothing is.
func (h *Host) URL(path string) string {
	srv := h.Server
	if u := srv.Config.PublicURL; u != "" {
		return u + path
	}
	s := srv.sites.Load()
	switch {
	case s == nil:
		return ""
	case s.https != "":
		return s.https + path
	case s.http != "":
		return s.http + path
	}
	return ""
}
