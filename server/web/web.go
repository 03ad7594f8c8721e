// Package web serves everything natter speaks over HTTP, on one mux.
package web

import (
	"io"
	"net/http"

	"natter/server"
	"natter/server/c2s"
)

// New returns the handler of the HTTP and HTTPS listeners.
func New(core *server.Server, clients *c2s.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "ok\n")
	})
	return mux
}
