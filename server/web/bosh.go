package web

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// BOSHPath is where clients send their requests (XEP-0124, XEP-0206).
const BOSHPath = "/http-bind"

// serveBOSH serves a request of BOSH, or says to a browser who may make one.
func (s *Site) serveBOSH(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if !s.cors(w, r, "Content-Type") {
		http.Error(w, "pages of other sites may not connect here; the administrator can list theirs in origins", http.StatusForbidden)
		return
	}
	switch r.Method {
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPost:
	default:
		h.Set("Allow", "POST, OPTIONS")
		http.Error(w, "this is for XMPP over BOSH (XEP-0206): clients POST here", http.StatusMethodNotAllowed)
		return
	}
	if s.draining.Load() {
		h.Set("Retry-After", "10")
	}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.clients.BOSHBytes())))
	rc.SetReadDeadline(time.Time{})
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		http.Error(w, "the request is too big", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the request did not arrive in whole", http.StatusBadRequest)
		return
	}
	out, content, err := s.clients.ServeBOSH(r.Context(), body, s.via(r))
	if err != nil { // XEP-0124 §17.1
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if out == nil { // the client has gone
		return
	}
	h.Set("Content-Type", content)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox") // even as a page it can do nothing
	h.Set("X-Content-Type-Options", "nosniff")
	rc.SetWriteDeadline(time.Now().Add(bodyTime))
	w.Write(out)
	rc.SetWriteDeadline(time.Time{})
}

// bodyTime is how long a body may take to be sent, either way.
const bodyTime = 30 * time.Second

// cors answers the page that makes a request, if it may be answered to
// (the Fetch standard's CORS protocol); false when it may not. headers are what
// the page may send.
func (s *Site) cors(w http.ResponseWriter, r *http.Request, headers string) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if !s.mayAsk(r) {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", headers)
		h.Set("Access-Control-Max-Age", "86400")
	}
	return true
}
