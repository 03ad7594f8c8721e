package administration

import (
	"encoding/json"
	"strings"
	"sync"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

// Kinds of documents: the host's texts, and which message of the day an account
// has been told.
const (
	kindNotes = "notes"
	kindTold  = "motd"
)

// maxText bounds the texts that administrators set, in bytes.
const maxText = 10_000

// notes are the texts that users are told, read when they are first needed.
type notes struct {
	mu     sync.Mutex
	loaded bool
	texts
}

type texts struct {
	MOTD    string `json:",omitempty"`
	MOTDID  string `json:",omitempty"` // changes with each message of the day
	Welcome string `json:",omitempty"`
}

// read returns the texts.
func (m *module) read() (texts, error) {
	m.notes.mu.Lock()
	defer m.notes.mu.Unlock()
	if !m.notes.loaded {
		doc, ok, err := m.host.Get(nil, "", kindNotes, "")
		if err != nil {
			return texts{}, err
		}
		if ok {
			if err := json.Unmarshal(doc.Data, &m.notes.texts); err != nil {
				return texts{}, err
			}
		}
		m.notes.loaded = true
	}
	return m.notes.texts, nil
}

// write changes the texts.
func (m *module) write(k *call, change func(*texts)) error {
	v, err := m.read()
	if err != nil {
		return err
	}
	change(&v)
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Put(store.Doc{Key: m.host.Key("", kindNotes, ""), Data: data})
	if err := m.host.Server.Store.CommitWait(k.ctx, b); err != nil {
		return err
	}
	m.notes.mu.Lock()
	m.notes.texts, m.notes.loaded = v, true
	m.notes.mu.Unlock()
	return nil
}

func text(k *call, name string) (string, error) {
	s := strings.TrimSpace(k.form.Text(name))
	if len(s) > maxText {
		return "", stanza.NotAcceptable("the text is too long")
	}
	return s, nil
}

// announce tells everybody who is online (§4.23).
func (m *module) announce(k *call) error {
	s, err := text(k, "announcement")
	if err != nil {
		return err
	}
	k.then = func(t *server.Turn) { m.tell(t, s) }
	k.note = "Everybody online is told."
	return nil
}

// tell sends a text to every session of the host.
func (m *module) tell(t *server.Turn, s string) {
	m.host.Server.EachSession(func(x *server.Session) {
		if x.Account.Host == m.host {
			x.Out.DeliverRaw(t, m.message(x.Full, "headline", "Announcement", s))
		}
	})
}

// message makes a message from the host.
func (m *module) message(to, typ, subject, body string) []byte {
	b := stanza.AppendOpen(nil, "message", "from", m.host.Name, "to", to, "type", typ, "id", server.NewID())
	b = stanza.AppendElement(b, "subject", subject)
	b = stanza.AppendElement(b, "body", body)
	return stanza.AppendClose(b, "message")
}

// setMOTD sets a message of the day: each user is told once, who is online now
// (§4.24).
func (m *module) setMOTD(k *call) error {
	s, err := text(k, "motd")
	if err != nil {
		return err
	}
	if err := m.write(k, func(v *texts) { v.MOTD, v.MOTDID = s, server.NewID() }); err != nil {
		return err
	}
	k.then = func(t *server.Turn) {
		m.host.Server.EachSession(func(x *server.Session) {
			if x.Account.Host == m.host && x.Account.IsAvailable(x) {
				m.available(t, x)
			}
		})
	}
	k.note = "Every user is told once."
	return nil
}

// editMOTD changes the text for those who have not been told (§4.25).
func (m *module) editMOTD(k *call) error {
	s, err := text(k, "motd")
	if err != nil {
		return err
	}
	return m.write(k, func(v *texts) {
		if v.MOTD = s; v.MOTDID == "" {
			v.MOTDID = server.NewID()
		}
	})
}

// deleteMOTD has nobody told any more (§4.26).
func (m *module) deleteMOTD(k *call) error {
	return m.write(k, func(v *texts) { v.MOTD, v.MOTDID = "", "" })
}

// setWelcome sets what new users are told (§4.27).
func (m *module) setWelcome(k *call) error {
	s, err := text(k, "welcome")
	if err != nil {
		return err
	}
	return m.write(k, func(v *texts) { v.Welcome = s })
}

// deleteWelcome has new users told nothing (§4.28).
func (m *module) deleteWelcome(k *call) error {
	return m.write(k, func(v *texts) { v.Welcome = "" })
}

func (m *module) fillMOTD(f *forms.Form) {
	if v, err := m.read(); err == nil {
		f.Field("motd").Values = strings.Split(v.MOTD, "\n")
	}
}

func (m *module) fillWelcome(f *forms.Form) {
	if v, err := m.read(); err == nil && v.Welcome != "" {
		f.Field("welcome").Values = strings.Split(v.Welcome, "\n")
	}
}

// available tells an account the message of the day, unless it was told.
func (m *module) available(t *server.Turn, s *server.Session) {
	v, err := m.read()
	if err != nil || v.MOTDID == "" {
		return
	}
	a := s.Account
	told, _, err := m.host.Get(t, a.Local, kindTold, "")
	if err != nil || string(told.Data) == v.MOTDID {
		return
	}
	b := new(store.Batch)
	b.Put(store.Doc{Key: m.host.Key(a.Local, kindTold, ""), Data: []byte(v.MOTDID)})
	err = t.Commit(b, func(t *server.Turn, err error) { // only then: whoever has read it is not told again
		if err == nil {
			s.Out.DeliverRaw(t, m.message(s.Full, "headline", "Message of the day", v.MOTD))
		}
	})
	if err != nil {
		m.host.Server.Log.Warn("message of the day not told", "account", a.Bare, "err", err)
	}
}

// created welcomes a new account; it finds the message at its first login.
func (m *module) created(t *server.Turn, e server.Event) {
	if e.Kind != server.AccountCreated {
		return
	}
	if v, err := m.read(); err == nil && v.Welcome != "" {
		m.host.Server.Send(t, m.message(e.Local+"@"+m.host.Name, "normal", "Welcome", v.Welcome))
	}
}
