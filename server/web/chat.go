package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"natter/server"
)

// static is the web chat as it is bundled from client/ (client/README.md).
//
//go:embed static
var static embed.FS

// asset is a file of the web chat, ready to be sent.
type asset struct {
	kind  string // Content-Type
	plain []byte
	gzip  []byte
	tag   string // ETag
}

var assetTypes = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

// chat is the web chat: the page, its files by name, and what names this edition
// of them.
type chat struct {
	page    *template.Template
	assets  map[string]asset
	version string
}

// loadChat packs the files once, when the first site needs them.
var loadChat = sync.OnceValue(func() *chat {
	c := &chat{assets: make(map[string]asset)}
	whole := sha256.New()
	entries, err := static.ReadDir("static")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		data, err := fs.ReadFile(static, "static/"+e.Name())
		if err != nil {
			panic(err)
		}
		whole.Write(data)
		if e.Name() == "index.html" {
			c.page = template.Must(template.New("page").Parse(string(data)))
			continue
		}
		kind, ok := assetTypes[path.Ext(e.Name())]
		if !ok {
			continue
		}
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		w.Write(data)
		w.Close()
		sum := sha256.Sum256(data)
		c.assets[e.Name()] = asset{kind, data, packed.Bytes(), `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	c.version = hex.EncodeToString(whole.Sum(nil)[:6])
	return c
})

// mountChat serves the web chat of a host: the account's page at /, the public page
// of each room at /room/NAME, and what they load below /assets/.
func mountChat(mux *http.ServeMux, h *server.Host) {
	c := loadChat()
	var page bytes.Buffer
	guests := ""
	if h.Server.Config.TakesGuests() {
		guests = server.GuestHost(h.Name)
	}
	register := "no"
	if h.Server.Config.Register {
		register = "yes"
	}
	err := c.page.Execute(&page, map[string]string{
		"Domain": h.Name, "Register": register, "Guests": guests, "Rooms": "conference." + h.Name, "Version": c.version,
	})
	if err != nil {
		panic(err)
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		protect(head, h)
		head.Set("Content-Type", "text/html; charset=utf-8")
		head.Set("Cache-Control", "no-cache")
		w.Write(page.Bytes())
	}
	mux.HandleFunc("GET /{$}", serve)
	mux.HandleFunc("GET /room/{name}", serve)
	mux.HandleFunc("GET /assets/{name}", c.serveAsset)
}

// protect sets what keeps the page from running or loading anything but its own:
// were a message ever shown as more than text, it still could do nothing.
func protect(head http.Header, h *server.Host) {
	connect := "'self'"
	if u, err := url.Parse(h.URL("/")); err == nil && u.Host != "" {
		connect += " " + u.Scheme + "://" + u.Host // uploads go there
	}
	head.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self' data: https:", // pictures of contacts; images of other sites when the user wants them
		"connect-src " + connect,
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; "))
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Permissions-Policy", "geolocation=(self), camera=(), microphone=()")
}

// serveAsset serves a file of the web chat; one that is asked for with a version may
// be kept for good.
func (c *chat) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := c.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	head := w.Header()
	head.Set("Content-Type", a.kind)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Vary", "Accept-Encoding")
	head.Set("ETag", a.tag)
	head.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == c.version {
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		head.Set("Content-Encoding", "gzip")
		body = a.gzip
	}
	w.Write(body)
}
