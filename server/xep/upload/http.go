package upload

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"natter/server"
)

// ServeHTTP serves the path of one slot. Any host's module serves the slots of all,
// as URLs may name another host than theirs.
func (m *module) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	// Web clients of other sites may use it (XEP-0363 §8): the URL is all the secret
	// there is, no cookie counts.
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	switch r.Method {
	case http.MethodOptions:
		h.Set("Allow", allowed)
		h.Set("Access-Control-Allow-Methods", allowed)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Range, If-Range, If-None-Match, If-Modified-Since")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodGet, http.MethodHead, http.MethodPut:
	default:
		h.Set("Allow", allowed)
		http.Error(w, "a file can be put once, and got", http.StatusMethodNotAllowed)
		return
	}
	at, s, err := m.find(r.Context(), r.PathValue("id"), r.PathValue("name"))
	switch {
	case err != nil:
		m.host.Server.Log.Error("looking for an uploaded file", "err", err)
		http.Error(w, "something went wrong on the server; try again later", http.StatusInternalServerError)
	case s == nil:
		notFound(w)
	case r.Method == http.MethodPut:
		at.put(w, r, s)
	default:
		at.get(w, r, s)
	}
}

const allowed = "OPTIONS, HEAD, GET, PUT"

func notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "there is no such file; it may have expired", http.StatusNotFound)
}

// find looks a slot up, with the module of its host; nil when there is none.
func (m *module) find(ctx context.Context, id, name string) (*module, *slot, error) {
	if len(id) != idLength {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.host.Server.Config.StoreTimeout)
	defer cancel()
	for _, at := range m.everywhere() {
		s, err := at.slot(ctx, id)
		if err != nil || s != nil && s.Name == name {
			return at, s, err
		}
	}
	return nil, nil, nil
}

const idLength = 26 // of crypto/rand.Text, which has 130 bits

// slot reads a slot of the host, nil without.
func (m *module) slot(ctx context.Context, id string) (*slot, error) {
	docs, err := m.host.Server.Store.FindIndex(ctx, m.host.Name, kind, 0, id, 1)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	return slotOf(docs[0])
}

// everywhere returns the modules of all hosts, this one's first.
func (m *module) everywhere() []*module {
	list := []*module{m}
	srv := m.host.Server
	for _, name := range srv.Config.Domains {
		for _, mod := range srv.Host(name).Modules {
			if at := of(mod); at != nil && at != m {
				list = append(list, at)
			}
		}
	}
	return list
}

// of returns what is behind a module of this package, nil for others.
func of(mod *server.Module) *module {
	for _, route := range mod.HTTP {
		if m, ok := route.Handler.(*module); ok {
			return m
		}
	}
	return nil
}

// get serves a file, whole or in part (RFC 9110 §13, §14).
func (m *module) get(w http.ResponseWriter, r *http.Request, s *slot) {
	now := time.Now()
	if s.File == "" || !s.Expires.IsZero() && !s.Expires.After(now) {
		notFound(w)
		return
	}
	dir, err := m.folder(s.Account)
	var f *os.File
	if err == nil {
		f, err = os.Open(filepath.Join(dir, s.File))
	}
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			m.host.Server.Log.Error("opening an uploaded file", "err", err)
		}
		notFound(w)
		return
	}
	defer f.Close()
	h := w.Header()
	typ, inline := shown(s.Type)
	how := "attachment"
	if inline {
		how = "inline"
	}
	h.Set("Content-Type", typ)
	h.Set("Content-Disposition", disposition(how, s.Name))
	h.Set("Content-Security-Policy", policy(typ))
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // pictures in other web clients
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag")
	h.Set("ETag", `"`+s.ID+`"`) // a slot's content never changes
	h.Set("Cache-Control", "private, immutable, max-age="+strconv.Itoa(s.fresh(now)))
	// Who reads slowly is given time by the size, not for ever.
	limit := http.NewResponseController(w)
	limit.SetWriteDeadline(now.Add(time.Minute + time.Duration(s.Size/slowest)*time.Second))
	defer limit.SetWriteDeadline(time.Time{})
	modified := s.Created
	http.ServeContent(w, r, "", modified, f)
}

// slowest is how slow a download may be, in bytes a second.
const slowest = 8 << 10

// policy is the Content-Security-Policy of a file: it may load, run and send nothing,
// and nobody may frame it. A PDF is not put into the sandbox, in which browsers refuse
// to show one.
func policy(typ string) string {
	const nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if typ == "application/pdf" {
		return nothing + "; object-src 'self'"
	}
	return nothing + "; sandbox"
}

// fresh is for how many seconds a copy may be used.
func (s *slot) fresh(now time.Time) int {
	const day = 24 * time.Hour
	left := day
	if !s.Expires.IsZero() {
		left = min(left, s.Expires.Sub(now))
	}
	return int(left / time.Second)
}
