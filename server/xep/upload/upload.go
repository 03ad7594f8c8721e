// Package upload implements XEP-0363 HTTP File Upload, version 1.2.0: the service
// upload.DOMAIN, which gives out slots, and the paths below /upload/ where files are
// put and got.
//
// A slot is a document of the account that asked for it, found by an identifier that
// nobody can guess; whoever knows its URL may put the file once and get it ever
// after. The file itself lies in the directory for files, below a folder for the
// account. The document is what counts: a file without one is rubbish, which is swept
// up.
package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/stanza"
)

const (
	ns        = "urn:xmpp:http:upload:0"
	nsPurpose = "urn:xmpp:http:upload:purpose:0"
	path      = "/upload/"
)

// Kinds of documents of an account: slots by their identifier, and which messages
// tell of which file (retract.go).
const (
	kind     = "upload"
	kindSent = "upload-sent"
)

// slotTime is how long after a slot was given an upload may begin (XEP-0363 §8), and
// putTime how long it may take.
const (
	slotTime = 5 * time.Minute
	putTime  = 2 * time.Hour
)

type module struct {
	host  *server.Host
	sweep server.Alarm

	mu   sync.Mutex
	puts map[string]int // uploads under way, by slot
}

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h, puts: make(map[string]int)}
	return &server.Module{
		Name: "upload", XEP: "0363 1.2.0", Summary: "files for people and rooms, by way of the server's disk",
		Service: &server.Service{Prefix: "upload", Name: "HTTP File Upload", Route: m.route},
		HTTP:    []server.HTTPRoute{{Pattern: path + "{id}/{name}", Handler: m}},
		Hooks: []server.Hook{
			{Stage: server.FromAccount, Kinds: server.OnMessage, NS: nsOOB, Run: m.sent},
			{Stage: server.FromAccount, Kinds: server.OnMessage, NS: nsRetract, Run: m.retracted},
			{Stage: server.ToAccount, Kinds: server.OnMessage, NS: nsOOB, Run: m.reflected},
		},
		On: func(_ *server.Turn, e server.Event) {
			if e.Kind == server.AccountRemoved && e.Account.Host == h {
				h.Server.Go(func(context.Context) { m.removeAll(e.Account.Local) })
			}
		},
		Start: m.start,
	}
}

// slot is what is kept of a slot and its file.
type slot struct {
	ID      string `json:"-"`
	Account string `json:"-"` // whose it is, the localpart
	version uint64

	Name    string
	Type    string `json:",omitempty"` // media type, "" when none was given
	Size    int64
	Created time.Time
	Expires time.Time // zero: when its owner goes
	File    string    // its name on disk; "" before it was put
}

// key names the slot's document.
func (m *module) key(account, id string) store.Key { return m.host.Key(account, kind, id) }

// doc returns the slot as a document. It is indexed by identifier and by the hour in
// which it is to be swept up.
func (m *module) doc(s *slot) (store.Doc, error) {
	data, err := json.Marshal(s)
	ends := s.Expires
	if s.File == "" {
		ends = s.Created.Add(slotTime + putTime)
	}
	return store.Doc{Key: m.key(s.Account, s.ID), Index: [2]string{s.ID, hour(ends)}, Data: data}, err
}

func slotOf(d store.Doc) (*slot, error) {
	s := &slot{ID: d.Key.Key, Account: d.Account, version: d.Version}
	return s, json.Unmarshal(d.Data, s)
}

// hour names the hour of a time, "" for none.
func hour(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15")
}

// folder is where an account's files are. Its name is a hash, as a file's name must
// not be as long as a localpart may.
func (m *module) folder(account string) (string, error) {
	dir, err := m.host.Server.Files()
	sum := sha256.Sum256([]byte(account + "@" + m.host.Name))
	return filepath.Join(dir, "upload", hex.EncodeToString(sum[:16])), err
}

// timeout bounds reads from the store.
func (m *module) timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), m.host.Server.Config.StoreTimeout)
}

// route takes what is sent to the service.
func (m *module) route(t *server.Turn, o *server.Origin, to stanza.JID, st *stanza.Stanza) {
	switch {
	case st.Kind == stanza.Message:
		m.host.Server.Bounce(t, o, st, stanza.ServiceUnavailable("nobody reads messages here"))
	case st.Kind != stanza.IQ || st.Type != stanza.Get && st.Type != stanza.Set:
	default:
		q := m.host.Request(t, o, to, st)
		if err := m.answer(q); err != nil && err != server.Pending {
			q.Fail(t, err)
		}
	}
}

// answer handles a request to the service.
func (m *module) answer(q *server.IQ) error {
	space, name := string(q.Stanza.Space(q.Payload)), string(q.Stanza.Local(q.Payload))
	node, _ := q.Stanza.ChildAttr(q.Payload, "node")
	switch what := space + " " + name; {
	case q.Stanza.Type != stanza.Get || q.To.Local() != "" || !q.To.IsBare():
	case what == disco.NSInfo+" query", what == disco.NSItems+" query":
		if node != "" {
			return stanza.ItemNotFound("the service has no such node")
		}
		var inner []byte
		if space == disco.NSInfo {
			inner = m.info()
		}
		q.Reply(q.Turn, disco.Query(space, "", inner))
		return nil
	case what == ns+" request":
		return m.request(q)
	}
	return stanza.ServiceUnavailable("the service gives out slots for uploads, and does nothing else")
}

// info describes the service (XEP-0363 §3, §5).
func (m *module) info() []byte {
	size := strconv.FormatInt(m.maxSize(), 10)
	return disco.AppendInfo(nil,
		[]server.Identity{{Category: "store", Type: "file", Name: "HTTP File Upload"}},
		[]string{disco.NSInfo, disco.NSItems, ns,
			nsPurpose + "#message", nsPurpose + "#profile", nsPurpose + "#ephemeral", nsPurpose + "#permanent"},
		forms.New("result", ns).Add("", "max-file-size", "", size).Bytes())
}

// maxSize is the size of the largest file in bytes.
func (m *module) maxSize() int64 {
	return min(m.host.Server.Config.UploadBytes, m.host.Server.Config.UploadTotal)
}
