package upload

import (
	"crypto/rand"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// request gives out a slot (XEP-0363 §4).
func (m *module) request(q *server.IQ) error {
	a := m.owner(q)
	if a == nil {
		return stanza.Forbidden("only people of " + m.host.Name + " may upload here")
	}
	base := m.host.URL(path)
	if base == "" {
		return stanza.ServiceUnavailable("this server serves no HTTP")
	}
	now := time.Now().UTC()
	s, err := m.parse(q.Stanza, q.Payload, now)
	if err != nil {
		return err
	}
	s.Account = a.Local
	r, err := m.reserve(q.Turn, a, s, now)
	if err != nil {
		return err
	}
	doc, err := m.doc(s)
	if err != nil {
		r.release()
		return err
	}
	b := new(store.Batch)
	b.PutNew(doc)
	k := q.Keep()
	err = q.Turn.Commit(b, func(t *server.Turn, err error) {
		r.release()
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, slotElement(base+s.ID+"/"+url.PathEscape(s.Name)))
	})
	if err != nil {
		r.release()
		return err
	}
	return server.Pending
}

// owner returns the account of the host that asks, nil for anybody else.
func (m *module) owner(q *server.IQ) *server.Account {
	if s := q.Session(); s != nil && s.Account.Host == m.host {
		return s.Account
	}
	return nil
}

// slotElement says where to put a file and where it is got from: the same URL.
func slotElement(at string) []byte {
	b := stanza.AppendOpen(nil, "slot", "xmlns", ns)
	b = stanza.AppendEmpty(b, "put", "url", at)
	b = stanza.AppendEmpty(b, "get", "url", at)
	return stanza.AppendClose(b, "slot")
}

// parse reads a <request/> (XEP-0363 §4, §5) that comes at a time.
func (m *module) parse(st *stanza.Stanza, req stanza.Child, now time.Time) (*slot, error) {
	name, _ := st.ChildAttr(req, "filename")
	text, _ := st.ChildAttr(req, "size")
	size, err := strconv.ParseUint(text, 10, 63)
	s := &slot{ID: strings.ToLower(rand.Text()), Name: fileName(name), Size: int64(size), Created: now}
	switch {
	case s.Name == "":
		return nil, stanza.BadRequest("the request needs the name of the file")
	case err != nil && strings.Trim(text, "0123456789") == "" && text != "": // out of range
		return nil, m.tooLarge()
	case err != nil || size == 0:
		return nil, stanza.BadRequest("the request needs the size of the file in bytes, above 0")
	case s.Size > m.maxSize():
		return nil, m.tooLarge()
	}
	if typ, ok := st.ChildAttr(req, "content-type"); ok && typ != "" {
		if s.Type = mediaType(typ); s.Type == "" {
			return nil, stanza.NotAcceptable("the content-type is not one")
		}
	}
	s.Expires = now.Add(m.host.Server.Config.UploadKeep)
	return s, purpose(s, st, req, now)
}

// purpose changes how long a file is kept by what it is for (XEP-0363 §5).
func purpose(s *slot, st *stanza.Stanza, req stanza.Child, now time.Time) error {
	found := ""
	for c := range st.Children(req) {
		name := string(st.Local(c))
		switch {
		case string(st.Space(c)) != nsPurpose:
			continue
		case found != "":
			return stanza.BadRequest("a file has one purpose")
		}
		found = name
		switch name {
		case "profile", "permanent":
			s.Expires = time.Time{}
		case "ephemeral":
			text, _ := st.ChildAttr(c, "expire-before")
			before, err := time.Parse(time.RFC3339, text) // XEP-0082 §3.2
			if err != nil {
				return stanza.BadRequest("expire-before is no time such as 2026-09-10T23:08:25Z")
			}
			if before = before.UTC(); !before.After(now) {
				return stanza.NotAcceptable("expire-before is over already")
			}
			if before.Before(s.Expires) {
				s.Expires = before
			}
		}
	}
	return nil
}

// tooLarge says how large a file may be (XEP-0363 §6).
func (m *module) tooLarge() *stanza.Error {
	n := m.maxSize()
	e := stanza.NotAcceptable(fmt.Sprintf("the file is too large; the maximum is %d bytes", n))
	e.App = stanza.AppendOpen(nil, "file-too-large", "xmlns", ns)
	e.App = stanza.AppendElement(e.App, "max-file-size", strconv.FormatInt(n, 10))
	e.App = stanza.AppendClose(e.App, "file-too-large")
	return e
}

// mediaType returns a media type in normal form, "" when it is none.
func mediaType(s string) string {
	if len(s) > 255 {
		return ""
	}
	typ, params, err := mime.ParseMediaType(s)
	if err != nil || !strings.Contains(typ, "/") {
		return ""
	}
	return mime.FormatMediaType(typ, params)
}
