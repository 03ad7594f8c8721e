package server

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"natter/server/store"
	"natter/stanza"
)

// kindClient is the kind of the documents that hold an account's clients, by id.
const kindClient = "client"

// maxClients bounds the clients that are remembered of an account; those not seen
// for longest are forgotten.
const maxClients = 100

// Client is one installation of client software that has logged in to an account and
// said which one it is (XEP-0388 §2.3). Its owner can see and revoke it (XEP-0494).
type Client struct {
	ID               string // opaque, made from its user agent's id, which is not kept
	Software, Device string
	First, Last      time.Time // seen
	// Password says that it has shown the account's present password; Fast that it
	// has a token that is good (XEP-0484).
	Password, Fast bool
}

// clientDoc is what is stored of a client.
type clientDoc struct {
	Software string `json:",omitempty"`
	Device   string `json:",omitempty"`
	First    time.Time
	Last     time.Time
	// Password is the generation of the password that the client has shown, plus
	// one; 0 for none.
	Password int `json:",omitempty"`
	// Current is the token in use, New the one given out to replace it (XEP-0484
	// §5.1).
	Current, New *clientToken `json:",omitempty"`
}

// A Login is what a client says of itself while it logs in with SASL2, and what it
// asks for.
type Login struct {
	Local            string // who was authenticated
	Device           string // the user agent's id; empty: nothing is remembered
	Software, Name   string // of the user agent, for people
	Token            string // id of the token that authenticated it; empty: the password did
	Counted          bool
	Count            uint64
	Invalidate       bool   // the token is not to be used again (XEP-0484 §3.6)
	Request          string // mechanism of the token it asks for; empty: none
	RequestAvailable bool   // that mechanism was offered
}

// ErrReplayed refuses a token whose use was recorded a moment ago: somebody sends the
// same request twice.
var ErrReplayed = errors.New("the token was used or revoked meanwhile")

// ClientID returns the id of an account's client, "" for one that names no device.
func (h *Host) ClientID(local, device string) string {
	if device == "" {
		return ""
	}
	return h.Derive("client", local, device)[:16]
}

// Derive makes an identifier out of the host's secret: always the same for the same
// parts, and telling nothing about them. A part holds no NUL.
func (h *Host) Derive(parts ...string) string {
	sum := mac(h.Auth.Secret, parts...)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum))
}

func mac(key []byte, parts ...string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		io.WriteString(m, p)
		m.Write([]byte{0})
	}
	return m.Sum(nil)
}

// LogIn remembers that a client logs in, and gives it a token when it asks for one or
// its own is due to be replaced; nil for none. It waits until that is on disk. The
// error is ErrReplayed where the token is not good any more.
func (h *Host) LogIn(t *Turn, l Login) (*Issued, error) {
	if l.Device == "" || h.Anonymous {
		return nil, nil
	}
	t.Flush()
	ctx, cancel := context.WithTimeout(h.Server.ctx, h.Server.Config.StoreTimeout)
	defer cancel()
	for {
		issued, err := h.logIn(ctx, l)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			return issued, err
		} // the same client logs in twice at once
	}
}

func (h *Host) logIn(ctx context.Context, l Login) (*Issued, error) {
	id := h.ClientID(l.Local, l.Device)
	account, ok, err := h.accountDoc(ctx, l.Local)
	if err != nil || !ok {
		return nil, cmp.Or(err, ErrUnknown)
	}
	now := h.Server.now()
	b := new(store.Batch)
	c, version, err := h.client(ctx, l.Local, id)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		c.First = now.UTC().Truncate(time.Second)
		if err := h.forgetClients(ctx, l.Local, b); err != nil {
			return nil, err
		}
	}
	c.Last = now.UTC().Truncate(time.Second)
	c.Software, c.Device = l.Software, l.Name
	var issued *Issued
	switch {
	case l.Token == "":
		c.Password = account.Generation + 1
	default:
		if issued, err = h.useToken(c, l, id, account.Generation); err != nil {
			return nil, err
		}
	}
	if l.Request != "" && l.RequestAvailable {
		issued = h.issue(c, l.Local, id, l.Request, account.Generation)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	doc := store.Doc{Key: h.Key(l.Local, kindClient, id), Data: data}
	if version == 0 {
		b.PutNew(doc)
	} else {
		b.PutIf(doc, version)
	}
	return issued, h.Server.Store.CommitWait(ctx, b)
}

// client reads a client's document; version 0 means that there is none.
func (h *Host) client(ctx context.Context, local, id string) (c *clientDoc, version uint64, err error) {
	c = new(clientDoc)
	doc, ok, err := h.Server.Store.Get(ctx, h.Key(local, kindClient, id))
	if !ok || err != nil {
		return c, 0, err
	}
	if err := json.Unmarshal(doc.Data, c); err != nil {
		return nil, 0, fmt.Errorf("client %s of %s: %w", id, h.account(local), err)
	}
	return c, doc.Version, nil
}

// forgetClients adds to b what forgets the clients that have not been seen for too
// long, and makes room for one more.
func (h *Host) forgetClients(ctx context.Context, local string, b *store.Batch) error {
	docs, err := h.Server.Store.List(ctx, h.Name, local, kindClient, "", "", store.MaxPage)
	if err != nil {
		return err
	}
	type seen struct {
		id   string
		last time.Time
	}
	var list []seen
	for _, d := range docs {
		var c clientDoc
		if err := json.Unmarshal(d.Data, &c); err != nil {
			c.Last = time.Time{} // damaged: the first to go
		}
		list = append(list, seen{d.Key.Key, c.Last})
	}
	slices.SortFunc(list, func(x, y seen) int { return x.last.Compare(y.last) })
	oldest := h.Server.now().Add(-h.Server.Config.ClientMemory)
	connected := h.connected(local)
	for i, c := range list {
		if !connected[c.id] && (c.last.Before(oldest) || len(list)-i >= maxClients) {
			b.Delete(h.Key(local, kindClient, c.id))
		}
	}
	return nil
}

// connected returns the ids of the clients that have sessions.
func (h *Host) connected(local string) map[string]bool {
	ids := make(map[string]bool)
	if a := h.Online(local); a != nil {
		for _, s := range a.Snapshot() {
			ids[s.Client] = true
		}
	}
	return ids
}

// Clients returns the clients that have logged in to an account, by their ids. It
// reads the store.
func (h *Host) Clients(t *Turn, local string) ([]Client, error) {
	t.Flush()
	ctx, cancel := context.WithTimeout(h.Server.ctx, h.Server.Config.StoreTimeout)
	defer cancel()
	account, ok, err := h.accountDoc(ctx, local)
	if err != nil || !ok {
		return nil, cmp.Or(err, ErrUnknown)
	}
	docs, err := h.Server.Store.List(ctx, h.Name, local, kindClient, "", "", store.MaxPage)
	if err != nil {
		return nil, err
	}
	oldest := h.Server.now().Add(-h.Server.Config.ClientMemory)
	connected := h.connected(local)
	var list []Client
	for _, d := range docs {
		var c clientDoc
		if err := json.Unmarshal(d.Data, &c); err != nil {
			return nil, fmt.Errorf("client %s of %s: %w", d.Key.Key, h.account(local), err)
		}
		if c.Last.Before(oldest) && !connected[d.Key.Key] {
			continue
		}
		list = append(list, Client{
			ID: d.Key.Key, Software: c.Software, Device: c.Device, First: c.First, Last: c.Last,
			Password: c.Password == account.Generation+1,
			Fast:     h.good(c.Current, account.Generation) || h.good(c.New, account.Generation),
		})
	}
	return list, nil
}

// Revoke takes from a client what lets it log in without the password and ends its
// sessions. then runs when that is durable. The error is ErrUnknown where there is no
// such client, and ErrKnowsPassword where it knows the password: only another one shuts it
// out. It reads the store.
func (h *Host) Revoke(t *Turn, local, id string, then func(*Turn, error)) error {
	list, err := h.Clients(t, local)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(c Client) bool { return c.ID == id })
	switch {
	case i < 0:
		return ErrUnknown
	case list[i].Password:
		return ErrKnowsPassword
	}
	b := new(store.Batch)
	b.Delete(h.Key(local, kindClient, id))
	return t.Commit(b, func(t *Turn, err error) {
		then(t, err)
		if err == nil {
			t.Flush()
			h.endClient(t, local, id, nil, &stanza.StreamError{
				Condition: "not-authorized", Text: "this client's access was revoked"})
		}
	})
}

// ErrKnowsPassword says that a client knows the account's password.
var ErrKnowsPassword = errors.New("the client knows the password")

// EndClient ends the other sessions of a client that has bound a new one (XEP-0386
// §3.2).
func (h *Host) EndClient(t *Turn, s *Session) {
	if s.Client != "" {
		h.endClient(t, s.Account.Local, s.Client, s, &stanza.StreamError{
			Condition: "conflict", Text: "this client has logged in anew"})
	}
}

func (h *Host) endClient(t *Turn, local, id string, but *Session, e *stanza.StreamError) {
	a := h.Online(local)
	if a == nil {
		return
	}
	for _, s := range a.Snapshot() {
		if s.Client == id && s != but {
			s.Out.End(t, e)
		}
	}
}
