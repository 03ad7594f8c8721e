package server

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"natter/server/store"
	"natter/stanza"
)

// kindInvitation is the kind of the documents that hold invitations, under their ids
// and indexed by them. They are documents of whoever invites, so that they go with the
// account; those of whoever runs the server are the host's.
const kindInvitation = "invitation"

// Bounds on invitations.
const (
	MaxInvitationUses = 1000
	MaxInvitationTime = 366 * 24 * time.Hour
	maxHostInvites    = 10_000         // of whoever runs the server
	maxInviteContacts = 20             // that one invitation gives
	keepInvitation    = 24 * time.Hour // after it ran out: who has shown it before may still use it (XEP-0445 §4)
)

// Who may invite people to accounts of their own: Config.InviteAccounts.
const (
	InviteAdmins = "admins"
	InviteUsers  = "users"
	InviteOff    = "off"
)

// Invitation lets whoever has its token make an account, get contacts, or both. Its
// token is told once and not kept.
type Invitation struct {
	ID       string    `json:"id"`
	Inviter  string    `json:"inviter,omitempty"` // bare JID; empty: whoever runs the server
	Account  bool      `json:"account"`           // an account may be made
	Name     string    `json:"name,omitempty"`    // of that name only (a localpart), which is kept free for it
	Roster   bool      `json:"roster"`            // the link is about the first contact, not about the server
	Contacts []string  `json:"contacts"`          // bare JIDs of accounts here, which become contacts both ways
	Uses     int       `json:"uses"`              // how often it can be used
	Used     int       `json:"used"`              // how often it was
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	Accounts []string  `json:"accounts"` // localparts of those that were made by it, as many as are remembered
}

type storedInvitation struct {
	Invitation
	Hash string // of the secret part of the token
}

// Why an invitation is not good.
var (
	ErrNoInvitation      = errors.New("there is no such invitation")
	ErrInvitationUsed    = errors.New("the invitation has been used")
	ErrInvitationExpired = errors.New("the invitation has expired")
)

// BadInvitation reports whether an error is one of those, and not one of the store.
func BadInvitation(err error) bool {
	return errors.Is(err, ErrNoInvitation) || errors.Is(err, ErrInvitationUsed) || errors.Is(err, ErrInvitationExpired)
}

// check reports why an invitation is not good any more, nil when it is. With shown the
// time is not looked at.
func (v *Invitation) check(now time.Time, shown bool) error {
	switch {
	case v.Used >= v.Uses:
		return ErrInvitationUsed
	case !shown && !now.Before(v.Expires):
		return ErrInvitationExpired
	}
	return nil
}

// Open reports whether the invitation can still be used.
func (v *Invitation) Open(now time.Time) bool { return v.check(now, false) == nil }

// use counts one use; account is the localpart of what was made by it, "" for nothing.
func (v *Invitation) use(account string) {
	v.Used++
	if account != "" && len(v.Accounts) < 100 {
		v.Accounts = append(slices.Clone(v.Accounts), account)
	}
}

// URI returns the invitation as a link for XMPP clients (XEP-0379 §3.2, XEP-0401 §5,
// XEP-0445 §2).
func (h *Host) URI(v *Invitation, token string) string {
	switch {
	case v.Roster && len(v.Contacts) > 0:
		uri := "xmpp:" + escapeURI(v.Contacts[0]) + "?roster;preauth=" + token
		if v.Account {
			uri += ";ibr=y"
		}
		return uri
	case v.Name != "":
		return "xmpp:" + escapeURI(v.Name+"@"+h.Name) + "?register;preauth=" + token
	}
	return "xmpp:" + escapeURI(h.Name) + "?register;preauth=" + token
}

// InvitationURL returns where the invitation's page is, "" when nothing is served over
// HTTP.
func (h *Host) InvitationURL(token string) string { return h.URL("/invite/" + token) }

// escapeURI writes a bare JID as the path of an XMPP URI (RFC 5122 §2.2).
func escapeURI(jid string) string {
	var b strings.Builder
	for i := range len(jid) {
		switch c := jid[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~@!$()*+,[]:", c) >= 0:
			b.WriteByte(c)
		default:
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// A token is an id and a secret, in small letters and digits: 8 and 24 of them.
const (
	tokenIDLen = 8
	tokenLen   = tokenIDLen + 24
)

// newInvitationToken makes a token: 40 random bits to find it by, 120 that are secret.
func newInvitationToken() (id, secret string) { return randomWord(5), randomWord(15) }

// FindInvitationToken finds the token in what somebody has pasted: the token alone, or a
// link with it. The last one counts; "" without any.
func FindInvitationToken(text string) string {
	for end := len(text); end >= tokenLen; {
		start := end
		for start > 0 && tokenByte(text[start-1]) {
			start--
		}
		if end-start == tokenLen {
			return text[start:end]
		}
		end = start - 1
	}
	return ""
}

func tokenByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '2' && c <= '7' }

// splitInvitationToken takes a token apart; ok is false for what cannot be one.
func splitInvitationToken(token string) (id, secret string, ok bool) {
	if len(token) != tokenLen {
		return "", "", false
	}
	for i := range len(token) {
		if !tokenByte(token[i]) {
			return "", "", false
		}
	}
	return token[:tokenIDLen], token[tokenIDLen:], true
}

// invitationDoc returns an invitation as a document of an account, "" for the host.
func (h *Host) invitationDoc(owner string, v *storedInvitation) (store.Doc, error) {
	data, err := json.Marshal(v)
	return store.Doc{Key: h.Key(owner, kindInvitation, v.ID), Index: [2]string{v.ID}, Data: data}, err
}

// MayInviteAccounts reports whether j may let people make accounts at this host.
func (h *Host) MayInviteAccounts(j stanza.JID) bool {
	switch h.Server.Config.InviteAccounts {
	case InviteOff:
		return false
	case InviteUsers:
		return h.Server.Admin(j) || j.Domain() == h.Name && h.Exists(j.Local())
	}
	return h.Server.Admin(j)
}

// InvitesAccounts reports whether accounts are made by invitation at all.
func (h *Host) InvitesAccounts() bool {
	return !h.Anonymous && h.Server.Config.InviteAccounts != InviteOff
}
