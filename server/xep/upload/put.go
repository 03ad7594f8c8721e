package upload

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"natter/server/store"
)

const (
	maxPuts  = 2                // tries to fill one slot at one time
	putQuiet = 30 * time.Second // so long nothing may come of an upload
)

// refusal is an HTTP status with what to say.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// put takes a file (XEP-0363 §7). What comes is written to a file of its own, so that
// an upload that breaks off leaves nothing, and may be begun again.
func (m *module) put(w http.ResponseWriter, r *http.Request, s *slot) {
	err := admit(r, s)
	if err == nil {
		err = m.take(w, r, s)
	}
	var no *refusal
	switch {
	case err == nil:
		w.WriteHeader(http.StatusCreated)
	case errors.As(err, &no):
		http.Error(w, no.text, no.status)
	case errors.Is(err, syscall.ENOSPC):
		m.host.Server.Log.Error("storing an upload", "err", err)
		http.Error(w, "the server's disk is full", http.StatusInsufficientStorage)
	default:
		m.host.Server.Log.Error("storing an upload", "err", err)
		http.Error(w, "the server cannot store files just now; try again later", http.StatusInternalServerError)
	}
}

// admit checks what can be checked before anything is read.
func admit(r *http.Request, s *slot) error {
	switch {
	case s.File != "":
		return &refusal{http.StatusConflict, "the file was put already"}
	case time.Now().After(s.Created.Add(slotTime)):
		return &refusal{http.StatusGone, "the slot has expired; ask for another"}
	case r.Header.Get("Content-Range") != "" || r.Header.Get("Content-Encoding") != "":
		return &refusal{http.StatusBadRequest, "the file has to be put whole and as it is"} // RFC 9110 §14.5
	case r.ContentLength < 0:
		return &refusal{http.StatusLengthRequired, "the request needs a Content-Length"}
	case r.ContentLength > s.Size:
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the slot is for %d bytes", s.Size)}
	case r.ContentLength < s.Size:
		return &refusal{http.StatusBadRequest, fmt.Sprintf("the slot is for %d bytes", s.Size)}
	}
	if given := r.Header.Get("Content-Type"); given != "" && s.Type != "" {
		want, _, _ := mime.ParseMediaType(s.Type)
		if typ, _, err := mime.ParseMediaType(given); err != nil || typ != want {
			return &refusal{http.StatusUnsupportedMediaType, "the slot is for " + want}
		}
	}
	return nil
}

// take reads the file to disk, and then says in the store that it is there.
func (m *module) take(w http.ResponseWriter, r *http.Request, s *slot) error {
	if !m.begin(s.ID) {
		return &refusal{http.StatusTooManyRequests, "the file is being put already"}
	}
	defer m.end(s.ID)
	file, err := m.write(&patient{body: r.Body, limit: http.NewResponseController(w), until: time.Now().Add(putTime)}, s)
	if err != nil {
		return err
	}
	done := *s
	done.File = filepath.Base(file)
	doc, err := m.doc(&done)
	if err == nil {
		// Whoever fills the slot first has filled it; nobody has when it is gone.
		b := new(store.Batch)
		b.PutIf(doc, s.version)
		ctx, cancel := context.WithTimeout(context.Background(), m.host.Server.Config.StoreTimeout)
		defer cancel()
		err = m.host.Server.Store.CommitWait(ctx, b)
	}
	switch {
	case errors.Is(err, store.ErrConflict):
		err = &refusal{http.StatusConflict, "the file was put already, or its slot is gone"}
	case errors.Is(err, context.DeadlineExceeded):
		return err // it may yet be committed; the sweep finds out
	}
	if err != nil {
		os.Remove(file)
	}
	return err
}

// write copies a file of the slot's size to disk and returns its path when it is
// safe there.
func (m *module) write(body *patient, s *slot) (path string, err error) {
	dir, err := m.folder(s.Account)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := filepath.Join(dir, s.ID+"-"+strings.ToLower(rand.Text()[:8]))
	f, err := os.OpenFile(name+unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(name + unfinished)
		}
	}()
	n, err := io.Copy(f, body)
	switch {
	case body.err != nil && body.err != io.EOF:
		return "", &refusal{http.StatusBadRequest, "the upload broke off"}
	case err != nil:
		return "", err
	case n != s.Size:
		return "", &refusal{http.StatusBadRequest, fmt.Sprintf("the slot is for %d bytes", s.Size)}
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	if err := os.Rename(name+unfinished, name); err != nil {
		return "", err
	}
	syncDir(dir)
	return name, nil
}

// unfinished is the ending of what is still being written.
const unfinished = ".part"

// syncDir makes a new name durable, where directories can be synced.
func syncDir(path string) {
	if d, err := os.Open(path); err == nil {
		d.Sync()
		d.Close()
	}
}

// patient reads a body, and gives up when nothing comes of it for putQuiet, or it
// is not over in time.
type patient struct {
	body  io.Reader
	limit *http.ResponseController
	until time.Time
	err   error // how reading ended
}

func (p *patient) Read(b []byte) (int, error) {
	at := time.Now().Add(putQuiet)
	if at.After(p.until) {
		at = p.until
	}
	p.limit.SetReadDeadline(at) // not supported by what has no connection
	n, err := p.body.Read(b)
	if err != nil {
		p.err = err
	}
	return n, err
}

// begin notes an upload to a slot; false when there are enough.
func (m *module) begin(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.puts[id] >= maxPuts {
		return false
	}
	m.puts[id]++
	return true
}

func (m *module) end(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.puts[id]--; m.puts[id] == 0 {
		delete(m.puts, id)
	}
}

// uploading reports whether somebody fills a slot.
func (m *module) uploading(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.puts[id] > 0
}
