package muc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"natter/server"
	"natter/stanza"

	"golang.org/x/text/secure/precis"
)

// room is a room while it is in memory: somebody is in it, or needed it a moment
// ago. Its lock ranks before an account's (package server).
type room struct {
	svc  *service
	name string     // localpart
	jid  stanza.JID // bare JID
	attr []byte     // … escaped

	mu      sync.Mutex
	gone    bool // let go or destroyed: look it up again
	used    time.Time
	storing atomic.Int32    // changes on their way to the store
	dirty   atomic.Bool     // the store has refused something that is to be there
	owed    bool            // something is to be stored when the trial is over
	unsaved map[string]bool // bare JIDs whose standing goes with the next document
	trial   *trial          // a request that changes the room is being carried out
	waiting []waiting       // … and others are to be, after it
	// waitingBytes are those of the stanzas of waiting.
	waitingBytes int
	ending       bool // it is being destroyed

	config  config
	creator string // bare JID
	created time.Time
	locked  bool // until its owner has configured it (§10.1.1)
	subject subject
	affs    map[string]standing // by bare JID
	removed map[string]uint64   // those that are none again, with the version since which
	reserve map[string]string   // bare JIDs by the nick they have registered (§7.10), as nickKey has it

	nicks   map[string]*occupant
	keys    map[string]*occupant // by what makes nicks alike
	byJID   map[string]*client
	clients []*client // in the order they came

	history  history
	queue    queue
	watchers map[int]func(server.RoomMessage)
	watched  int
	invited  map[string]stanza.JID // who invited a bare JID, by their own; the last few
	spoke    map[string]time.Time  // slow mode: when a bare JID last spoke
	activity activity
	extras   extras
	versions versions
}

// standing is what a room keeps of a bare JID.
type standing struct {
	Affiliation affiliation
	Nick        string   `json:",omitempty"` // reserved
	Reason      string   `json:",omitempty"`
	Hats        []string `json:",omitempty"` // URIs (XEP-0317)
	Unknown     bool     `json:",omitempty"` // an outcast who was nobody before: only who sees bans is told
	Since       uint64   `json:",omitempty"` // the version in which the affiliation was changed (XEP-0463)
}

// empty reports whether there is nothing to keep in it but the version.
func (st *standing) empty() bool { return st.Affiliation == none && len(st.Hats) == 0 }

// standing returns what the room keeps of a bare JID.
func (r *room) standing(bare string) standing {
	if st, ok := r.affs[bare]; ok {
		return st
	}
	return standing{Affiliation: none, Since: r.removed[bare]}
}

func (s *service) newRoom(name string) *room {
	jid, err := stanza.ParseJID(name + "@" + s.domain)
	if err != nil {
		panic("muc: a localpart that is none: " + name) // it was parsed before
	}
	return &room{
		svc: s, name: name, jid: jid, attr: stanza.AppendAttr(nil, jid.String()), used: time.Now(),
		affs: make(map[string]standing), reserve: make(map[string]string),
		removed: make(map[string]uint64), unsaved: make(map[string]bool),
		nicks: make(map[string]*occupant), keys: make(map[string]*occupant), byJID: make(map[string]*client),
		versions: newVersions(),
		history:  history{most: s.srv.Config.RoomHistory, mostBytes: s.srv.Config.RoomHistoryBytes},
	}
}

// affiliation returns what a bare JID is to the room.
func (r *room) affiliation(j stanza.JID) affiliation {
	if st, ok := r.affs[j.Bare().String()]; ok && st.Affiliation != none {
		return st.Affiliation
	}
	if r.bansDomain(j.Domain()) {
		return outcast
	}
	return none
}

// bansDomain reports whether everybody of a domain is banned, but for those with an
// affiliation of their own (§9.1).
func (r *room) bansDomain(domain string) bool {
	st, ok := r.affs[domain]
	return ok && st.Affiliation == outcast
}

// occupantID returns the stable, unguessable name of a bare JID in this room
// (XEP-0421 §4.1).
func (r *room) occupantID(bare string) string {
	mac := hmac.New(sha256.New, r.svc.host.Auth.Secret)
	mac.Write([]byte("occupant-id\x00" + r.jid.String() + "\x00" + bare))
	return hex.EncodeToString(mac.Sum(nil)[:20])
}

// addClient puts a client into the room under an occupant.
func (r *room) addClient(x *exchange, c *client) {
	c.oc.clients = append(c.oc.clients, c)
	c.oc.cached = [2][]byte{}
	r.clients = append(r.clients, c)
	r.byJID[c.jid.String()] = c
	r.note(x, c)
}

// dropClient takes a client out of the room, and its occupant when it was the last.
func (r *room) dropClient(x *exchange, c *client) {
	oc := c.oc
	oc.clients = slices.DeleteFunc(oc.clients, func(o *client) bool { return o == c })
	oc.cached = [2][]byte{}
	r.clients = slices.DeleteFunc(r.clients, func(o *client) bool { return o == c })
	delete(r.byJID, c.jid.String())
	if len(oc.clients) == 0 {
		r.unnamed(oc)
	}
	r.used = time.Now()
	r.forget(x, c)
}

// occupants counts.
func (r *room) occupants() int { return len(r.nicks) }

// byBare returns the occupants of a bare JID, or of a domain that have no
// affiliation of their own.
func (r *room) byBare(bare stanza.JID) []*occupant {
	var list []*occupant
	for _, c := range r.clients {
		if (c.oc.bare == bare || bare.IsDomain() && c.oc.bare.Domain() == bare.Domain() && c.oc.aff == none) && !slices.Contains(list, c.oc) {
			list = append(list, c.oc)
		}
	}
	return list
}

// addressOf returns room@service/nick, escaped; the error is what the sender of
// such a nick is answered.
func (r *room) addressOf(nick string) (attr []byte, jid stanza.JID, err *stanza.Error) {
	if n := r.svc.srv.Config.RoomNick; len(nick) > n {
		return nil, jid, stanza.NotAcceptable("that nick is too long; take a shorter one")
	}
	if strings.TrimSpace(nick) != nick || nick == "" {
		return nil, jid, stanza.JIDMalformed("a nick neither begins nor ends with a space")
	}
	jid, perr := r.jid.WithResource(nick)
	if perr != nil {
		return nil, jid, stanza.JIDMalformed("that is not a nick one can have")
	}
	return stanza.AppendAttr(nil, jid.String()), jid, nil
}

// nickKey is what makes two nicks one: how they compare as nicknames (RFC 8266 §2.4),
// whatever the case, the width and the spaces are.
func nickKey(nick string) string {
	if key, err := precis.Nickname.CompareKey(nick); err == nil {
		return key
	}
	return nick
}

// taken returns the occupant who goes by a nick, or by one that is like it.
func (r *room) taken(nick string) *occupant { return r.keys[nickKey(nick)] }

// named notes that an occupant goes by its nick, unnamed that it does no more.
func (r *room) named(oc *occupant) { r.nicks[oc.nick], r.keys[nickKey(oc.nick)] = oc, oc }

func (r *room) unnamed(oc *occupant) {
	delete(r.nicks, oc.nick)
	delete(r.keys, nickKey(oc.nick))
}

// fromRoom is the element of a message from the room itself, up to its content.
func (r *room) fromRoom(typ string) wire {
	head := append(append([]byte("<message from='"), r.attr...), "' to='"...)
	return wire{head, append([]byte("'"), " type='"+typ+"'></message>"...)}
}
