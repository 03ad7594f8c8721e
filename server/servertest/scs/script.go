package scs

import (
	"fmt"
	"strings"
	"time"
)

// Script is a parsed script: who takes part, and what happens in order.
// It is not changed by being played, so it may be played many times at once.
type Script struct {
	Name        string // where it came from, as messages shall call it
	Title       string // first comment line, without "# "
	Description string // further comment lines before the tags and the cast
	Tags        []string
	Cast        []Character
	Acts        []Act
}

// Character is a client of the script.
type Character struct {
	Name  string // as the acts call it
	Line  int
	JID   string // bare
	Props map[string]string
}

// properties that a [Client] block may have.
var clientProps = map[string]bool{
	"jid": true, "password": true, "resource": true, "mechanism": true, "tls": true, "lang": true,
	"connect_host": true, "connect_port": true, "acks": true, "account": true,
}

// Password returns the password property, "password" when there is none.
func (c *Character) Password() string {
	if p, ok := c.Props["password"]; ok {
		return p
	}
	return "password"
}

// admin reports whether the character is an administrator of the server.
func (c Character) admin() bool { return c.Props["account"] == "admin" }

// Username returns the localpart of the JID.
func (c *Character) Username() string {
	local, _, _ := strings.Cut(c.JID, "@")
	return local
}

// Domain returns the domainpart of the JID.
func (c *Character) Domain() string {
	if _, domain, ok := strings.Cut(c.JID, "@"); ok {
		return domain
	}
	return c.JID
}

// Verb is what a character does in an act.
type Verb int

// The verbs, as the package comment describes them.
const (
	Connects Verb = iota
	FailsToConnect
	Opens
	LogsIn
	Authenticates
	Binds
	Resumes
	Disconnects
	DisconnectsHard
	IsDisconnected
	Sends
	SendsRaw
	Receives
	ReceivesAllOf
	ReceivesNothing
	MayReceive
	Befriends
	IsOffered
)

var verbNames = [...]string{
	Connects: "connects", FailsToConnect: "fails to connect", Opens: "opens", LogsIn: "logs in",
	Authenticates: "authenticates",
	Binds:         "binds", Resumes: "resumes", Disconnects: "disconnects", DisconnectsHard: "disconnects hard",
	IsDisconnected: "is disconnected", Sends: "sends", SendsRaw: "sends raw", Receives: "receives",
	ReceivesAllOf: "receives all of", ReceivesNothing: "receives nothing",
	MayReceive: "may receive", Befriends: "befriends", IsOffered: "is offered",
}

// String returns the verb as a script writes it.
func (v Verb) String() string { return verbNames[v] }

// takesBody says whether the verb has XML below it: always (+1), maybe (0) or
// never (-1).
func (v Verb) takesBody() int {
	switch v {
	case Sends, SendsRaw, Receives, ReceivesAllOf, MayReceive, IsOffered:
		return +1
	case FailsToConnect, Resumes, Authenticates:
		return 0
	}
	return -1
}

// Act is one line of a script with what belongs to it.
type Act struct {
	Line     int // from 1
	Who      int // index into Cast
	Verb     Verb
	Whom     int           // index into Cast, of the friend that Befriends names
	Body     string        // XML or raw text, variables not yet expanded
	BodyLine int           // line of the body's first line
	Within   time.Duration // time limit, or how long nothing may come; 0 for the default
}

// Error is what went wrong at a line of a script.
type Error struct {
	Script string
	Line   int
	Msg    string // one line
	Detail string // more lines, such as a diff; may be empty
	Err    error  // cause; may be nil
}

// Error returns "file:line: message" and the detail below it.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d: %s", e.Script, e.Line, e.Msg)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Detail != "" {
		s += "\n" + strings.TrimRight(e.Detail, "\n")
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// HasTag reports whether the script carries the tag.
func (s *Script) HasTag(tag string) bool {
	for _, t := range s.Tags {
		if t == tag {
			return true
		}
	}
	return false
}

// character returns the index of the character with that name, -1 when there
// is none.
func (s *Script) character(name string) int {
	for i := range s.Cast {
		if s.Cast[i].Name == name {
			return i
		}
	}
	return -1
}
