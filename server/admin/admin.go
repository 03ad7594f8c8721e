// Package admin manages accounts, for the verb `natter user`: in a running
// server, through its control socket (Start, Dial), or on the data of one that
// does not run (Local). Both ways do the same and say the same.
package admin

import (
	"context"
	"time"

	"natter/server"
)

// Accounts is what can be done to accounts. A name is a bare JID in any form, or
// a localpart alone, which stands for an account of the default host. Errors are
// *Error where the request is to blame. Methods may be called concurrently.
type Accounts interface {
	// Add makes an account and returns its address in normal form. It is on
	// disk then.
	Add(ctx context.Context, name, password string) (jid string, err error)
	// SetPassword changes a password. Sessions go on.
	SetPassword(ctx context.Context, name, password string) (jid string, err error)
	// Remove deletes an account with all that is stored of it; its contacts are
	// told and its sessions end (see server.Host.Remove).
	Remove(ctx context.Context, name string) (jid string, err error)
	// List returns the accounts of all hosts, in the order of hosts and names.
	List(ctx context.Context) ([]Account, error)
	// Info returns one account, with Details.
	Info(ctx context.Context, name string) (Account, error)
	// AddToken makes a token by which a program speaks for an account over HTTP, for
	// the rooms and under the nick that are named, or for everything. Its spelling is
	// told this once.
	AddToken(ctx context.Context, name string, want TokenFor) (Token, error)
	// Tokens lists the tokens of an account.
	Tokens(ctx context.Context, name string) ([]Token, error)
	// RevokeToken ends a token by its id.
	RevokeToken(ctx context.Context, id string) (Token, error)
	// Invite makes an invitation in the name of whoever runs the server. How it is
	// used is told this once.
	Invite(ctx context.Context, what Invite) (Invitation, error)
	// Invitations lists all invitations of all hosts, of users too, those that were
	// over a short while ago included.
	Invitations(ctx context.Context) ([]Invitation, error)
	// RevokeInvitation ends one by its id, whoever has made it.
	RevokeInvitation(ctx context.Context, id string) (Invitation, error)
}

// Invite says what an invitation is to be.
type Invite struct {
	Domain   string    `json:"domain,omitempty"` // "" where Name or Contacts say it, or it is the default host
	Account  bool      `json:"account"`          // an account may be made
	Name     string    `json:"name,omitempty"`   // of this name only; with a domain or without
	Contacts []string  `json:"contacts,omitempty"`
	Uses     int       `json:"uses,omitempty"`   // 0: once
	Expires  time.Time `json:"expires,omitzero"` // zero: as the server is told
}

// Invitation is what an administrator sees of an invitation.
type Invitation struct {
	server.Invitation
	Domain string `json:"domain"`
	Open   bool   `json:"open"`          // it can be used
	URI    string `json:"uri,omitempty"` // when it was made just now: the link for chat programs
	URL    string `json:"url,omitempty"` // … and its page, "" when nothing is served over HTTP
}

// TokenFor is what a token is to be good for.
type TokenFor struct {
	Purpose string   `json:"purpose,omitempty"` // said in lists
	Nick    string   `json:"nick,omitempty"`    // to speak under in rooms; "": any
	Rooms   []string `json:"rooms,omitempty"`   // none: all, and messages to people
}

// Token is what an administrator sees of a token.
type Token struct {
	server.APIToken
	Token string `json:"token,omitempty"` // its spelling, when it was made just now
}

// Account is what an administrator sees of an account.
type Account struct {
	JID      string    `json:"jid"`
	Created  time.Time `json:"created"`
	Admin    bool      `json:"admin"`
	Sessions []Session `json:"sessions"` // in the order they were bound; empty, not null
	Details  *Details  `json:"details,omitempty"`
}

// Details are what List leaves out.
type Details struct {
	Contacts        int   `json:"contacts"`         // roster items
	OfflineMessages int   `json:"offline_messages"` // waiting for the next session
	OfflineBytes    int64 `json:"offline_bytes"`    // their size
}

// Session is a bound resource.
type Session struct {
	Resource  string    `json:"resource"`
	Since     time.Time `json:"since"`
	Remote    string    `json:"remote"` // HOST:PORT of the client
	Available bool      `json:"available"`
	Priority  int8      `json:"priority"`
	TLS       bool      `json:"tls"`
	Inactive  bool      `json:"inactive"` // by client state (XEP-0352)
	Detached  bool      `json:"detached"` // waits to be resumed (XEP-0198)
}

// Reason says why a request was refused.
type Reason string

// The reasons there are.
const (
	Exists  Reason = "exists"       // the account is there already
	Unknown Reason = "unknown"      // there is no such account
	Invalid Reason = "invalid"      // the name or the password cannot be one
	NoHost  Reason = "unknown-host" // the domain is not served
	Failed  Reason = "failed"       // the server could not do it
)

// Error is a refusal. Text is one line for people.
type Error struct {
	Reason Reason `json:"reason"`
	Text   string `json:"text"`
}

// Error implements error.
func (e *Error) Error() string { return e.Text }
