package muc

import (
	"crypto/subtle"
	"slices"
	"strconv"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const nsToken = "urn:xmpp:muc-token-invite:0"

// Bounds on tokens: how many a room has, how long one is good and how often.
const (
	maxTokens     = 100
	tokenDays     = 7 * 24 * time.Hour // where nothing was asked for
	maxTokenTime  = 31 * 24 * time.Hour
	maxTokenCount = 1000
)

// token lets those in who bring it as a password, and makes them members
// (XEP-0488).
type token struct {
	Text  string
	By    string // bare JID of who had it made
	Until time.Time
	Left  int `json:",omitempty"` // how often it can be used; 0 for any number of times
}

const (
	tokenUnknown = iota
	tokenGood
	tokenExpired
)

// tokenAt returns the index of a token, -1 without.
func (e *extras) tokenAt(text string) int {
	return slices.IndexFunc(e.Tokens, func(t token) bool {
		return subtle.ConstantTimeCompare([]byte(t.Text), []byte(text)) == 1
	})
}

func (e *extras) tokenState(text string, now time.Time) int {
	switch i := e.tokenAt(text); {
	case i < 0:
		return tokenUnknown
	case now.After(e.Tokens[i].Until):
		return tokenExpired
	}
	return tokenGood
}

// redeem makes a member of one who came with a token (§3.5).
func (r *room) redeem(x *exchange, bare stanza.JID, text string) {
	r.extras.use(text)
	if r.trial != nil {
		r.trial.extras.use(text)
	}
	r.setAffiliation(x, demand{bare: bare, aff: member}, "")
	r.save(x)
}

// use counts one use of a token; after its last it is no more.
func (e *extras) use(text string) {
	if i := e.tokenAt(text); i >= 0 && e.Tokens[i].Left > 0 {
		if e.Tokens[i].Left--; e.Tokens[i].Left == 0 {
			e.Tokens = slices.Delete(e.Tokens, i, i+1)
		}
	}
}

// mayIssue reports whether somebody may have tokens made: who may invite.
func (r *room) mayIssue(j stanza.JID) bool {
	a := r.affiliation(j)
	return a >= admin || a == member && r.config.Invites
}

// mayRevoke reports whether somebody may see and revoke a token: whose it is, and
// admins.
func (r *room) mayRevoke(j stanza.JID, t *token) bool {
	return r.affiliation(j) >= admin || r.mayIssue(j) && t.By == j.Bare().String()
}

// issueToken makes a token (§3.2, §3.3).
func (x *exchange) issueToken(r *room, q *server.IQ) error {
	if !r.mayIssue(q.Origin.JID) {
		return stanza.Forbidden("you may not invite to this room")
	}
	now := time.Now()
	r.extras.Tokens = slices.DeleteFunc(r.extras.Tokens, func(t token) bool { return now.Sub(t.Until) > 24*time.Hour })
	if len(r.extras.Tokens) >= maxTokens {
		return stanza.ResourceConstraint("the room has as many tokens as it may; revoke one first")
	}
	t := token{Text: server.NewID(), By: q.Origin.JID.Bare().String(), Until: now.Add(tokenDays)}
	if raw, ok := q.Stanza.ChildAttr(q.Payload, "delay"); ok {
		n, err := strconv.ParseUint(raw, 10, 32)
		if err != nil || n == 0 {
			return stanza.BadRequest("delay is a number of seconds")
		}
		t.Until = now.Add(min(time.Duration(n)*time.Second, maxTokenTime))
	}
	if raw, ok := q.Stanza.ChildAttr(q.Payload, "counter"); ok {
		n, err := strconv.ParseUint(raw, 10, 32)
		if err != nil || n == 0 {
			return stanza.BadRequest("counter is a number of uses")
		}
		t.Left = int(min(n, maxTokenCount))
	}
	r.extras.Tokens = append(r.extras.Tokens, t)
	return r.commit(x, q, new(store.Batch), t.append(nil, now, true))
}

// append appends the token as an element.
func (t *token) append(b []byte, now time.Time, alone bool) []byte {
	ns, left := "", ""
	if alone {
		ns = nsToken
	}
	if t.Left > 0 {
		left = strconv.Itoa(t.Left)
	}
	secs := int64(max(t.Until.Sub(now), 0) / time.Second)
	return stanza.AppendElement(b, "token", t.Text, "xmlns", ns, "delay", strconv.FormatInt(secs, 10), "counter", left)
}

// listTokens lists those that one may revoke (§3.6).
func (x *exchange) listTokens(r *room, q *server.IQ) error {
	if !r.mayIssue(q.Origin.JID) {
		return stanza.Forbidden("you may not invite to this room")
	}
	now := time.Now()
	b := stanza.AppendOpen(nil, "tokens", "xmlns", nsToken)
	for i := range r.extras.Tokens {
		if t := &r.extras.Tokens[i]; r.mayRevoke(q.Origin.JID, t) && now.Before(t.Until) {
			b = t.append(b, now, false)
		}
	}
	return x.reply(q, stanza.AppendClose(b, "tokens"))
}

// revokeToken makes one void (§3.7).
func (x *exchange) revokeToken(r *room, q *server.IQ) error {
	if !r.mayIssue(q.Origin.JID) {
		return stanza.Forbidden("you may not invite to this room")
	}
	i := r.extras.tokenAt(q.Stanza.Text(q.Payload))
	if i < 0 || !r.mayRevoke(q.Origin.JID, &r.extras.Tokens[i]) {
		return stanza.ItemNotFound("there is no such token")
	}
	r.extras.Tokens = slices.Delete(r.extras.Tokens, i, i+1)
	return r.commit(x, q, new(store.Batch), nil)
}
