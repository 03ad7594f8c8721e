package web

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"

	"natter/server"
)

// Relations of XEP-0156 §3 and XEP-0487 §3.
const (
	relWebSocket = "urn:xmpp:alt-connections:websocket"
	relBOSH      = "urn:xmpp:alt-connections:xbosh"
	relTLS       = "urn:xmpp:alt-connections:tls"
)

// hostMetaTTL is how long, in seconds, what host-meta says may be kept.
const hostMetaTTL = 3600

// link is a way to connect (XEP-0156 §3; with more, XEP-0487 §3).
type link struct {
	Rel      string   `json:"rel" xml:"rel,attr"`
	Href     string   `json:"href,omitempty" xml:"href,attr"`
	Port     int      `json:"port,omitempty" xml:"-"`
	Priority *int     `json:"priority,omitempty" xml:"-"`
	Weight   *int     `json:"weight,omitempty" xml:"-"`
	SNI      string   `json:"sni,omitempty" xml:"-"`
	IPs      []string `json:"ips,omitempty" xml:"-"`
}

// mountHostMeta serves where browsers and others connect to a host: XEP-0156
// Discovering Alternative XMPP Connection Methods, version 1.4.0, as XRD and JSON,
// and, where the server's addresses are configured, XEP-0487 Host Meta 2, version
// 0.1.0, within the JSON.
func (s *Site) mountHostMeta(mux *http.ServeMux, h *server.Host) {
	open := func(fn func(w http.ResponseWriter, links []link)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			// Pages of everywhere may read it (XEP-0156 §2).
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Allow-Methods", "GET")
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			fn(w, s.links(r, h))
		}
	}
	xrd := open(serveXRD)
	jrd := open(func(w http.ResponseWriter, links []link) { s.serveJRD(w, h, links) })
	for _, method := range []string{"GET ", "OPTIONS "} {
		mux.HandleFunc(method+"/.well-known/host-meta", xrd)
		mux.HandleFunc(method+"/.well-known/host-meta.json", jrd)
	}
}

// links returns the ways over HTTP, at the site's address or else at the one that
// was asked.
func (s *Site) links(r *http.Request, h *server.Host) []link {
	base := h.URL("")
	if base == "" {
		base = "http://" + r.Host
		if via := s.via(r); via.TLS != nil || via.Proxied {
			base = "https://" + r.Host
		}
	}
	return []link{
		{Rel: relWebSocket, Href: "ws" + strings.TrimPrefix(base, "http") + WebSocketPath},
		{Rel: relBOSH, Href: base + BOSHPath},
	}
}

func serveXRD(w http.ResponseWriter, links []link) {
	v := struct {
		XMLName xml.Name `xml:"http://docs.oasis-open.org/ns/xri/xrd-1.0 XRD"`
		Links   []link   `xml:"Link"`
	}{Links: links}
	b, err := xml.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xrd+xml; charset=utf-8")
	w.Write(append([]byte(xml.Header), b...))
}

func (s *Site) serveJRD(w http.ResponseWriter, h *server.Host, links []link) {
	type info struct {
		TTL int `json:"ttl"`
	}
	v := struct {
		XMPP  *info  `json:"xmpp,omitempty"`
		Links []link `json:"links"`
	}{Links: links}
	if ips := s.core.Config.PublicAddresses; len(ips) > 0 { // XEP-0487 §3: its fields need them
		v.XMPP = &info{hostMetaTTL}
		number := func(n int) *int { return &n }
		v.Links[0].Priority, v.Links[0].Weight, v.Links[0].SNI, v.Links[0].IPs = number(15), number(50), siteName(h), ips
		if port := s.core.DirectTLS(); port > 0 {
			v.Links = append(v.Links, link{Rel: relTLS, Port: port, Priority: number(10), Weight: number(50), SNI: h.Name, IPs: ips})
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(v)
}

// siteName is the name that the site's certificate is for.
func siteName(h *server.Host) string {
	_, name, _ := strings.Cut(h.URL(""), "://")
	name, _, _ = strings.Cut(name, ":")
	if name == "" {
		return h.Name
	}
	return name
}
