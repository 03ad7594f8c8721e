package server

import (
	"context"
	"encoding/base64"
	"time"

	"natter/server/auth"
)

// rotateAfter is how old a token gets before its client is given another (XEP-0484
// §3.5): a client that comes every day has one that is nearly fresh.
const rotateAfter = 24 * time.Hour

// clientToken is what is stored of a token. Whoever reads it has not got the token:
// that is worked out from it with a key which is kept elsewhere, see SetTokenKey.
type clientToken struct {
	Nonce      string
	Mechanism  string
	Issued     time.Time
	Expiry     time.Time
	Generation int    // of the password it was given out under
	Count      uint64 `json:",omitempty"` // the highest it was used with
	Revoked    bool   `json:",omitempty"`
}

// Issued is a token given to a client.
type Issued struct {
	Token  string
	Expiry time.Time
}

// SetTokenKey sets the key from which tokens are made: at least 16 random bytes, kept
// where the store is not, so that a copy of the store logs nobody in. Other bytes make
// all tokens void. Without it each start of the server does. It is called before
// anybody logs in.
func (srv *Server) SetTokenKey(key []byte) { srv.tokenKey = key }

// tokenSecret works out a token. HT mechanisms need it in the clear (the server computes
// the same HMAC as the client), so no hash of it would do at rest.
func (h *Host) tokenSecret(local, client string, t *clientToken) string {
	sum := mac(h.Server.tokenKey, "fast", h.Name, local, client, t.Nonce)
	return "natter-fast-" + base64.RawURLEncoding.EncodeToString(sum)
}

// good reports whether a token lets its holder in.
func (h *Host) good(t *clientToken, generation int) bool {
	return t != nil && !t.Revoked && t.Generation == generation && h.Server.now().Before(t.Expiry)
}

// tokens finds a device's tokens, the newest first (XEP-0484 §5.1).
func (h *Host) tokens(local, device string) (list []auth.Token, disabled bool, err error) {
	if device == "" {
		return nil, false, nil
	}
	ctx, cancel := context.WithTimeout(h.Server.ctx, h.Server.Config.StoreTimeout)
	defer cancel()
	account, ok, err := h.accountDoc(ctx, local)
	if err != nil {
		return nil, false, err
	}
	id := h.ClientID(local, device)
	c, _, err := h.client(ctx, local, id) // of an account there is none, too: it takes as long
	if err != nil || !ok || !h.names.has(local) {
		return nil, false, err
	}
	for _, t := range []*clientToken{c.New, c.Current} {
		if t != nil {
			list = append(list, auth.Token{
				ID: t.Nonce, Secret: []byte(h.tokenSecret(local, id, t)), Mechanism: t.Mechanism,
				Count: t.Count, Spent: !h.good(t, account.Generation),
			})
		}
	}
	return list, account.Credentials.Disabled, nil
}

// useToken takes down that a client has used a token, and gives out the next one when
// it is due.
func (h *Host) useToken(c *clientDoc, l Login, client string, generation int) (*Issued, error) {
	if c.New != nil && c.New.Nonce == l.Token {
		c.Current, c.New = c.New, nil // the old one is void from now on (§3.5)
	}
	t := c.Current
	if t == nil || t.Nonce != l.Token || !h.good(t, generation) || l.Counted && l.Count <= t.Count {
		return nil, ErrReplayed
	}
	if l.Counted {
		t.Count = l.Count
	}
	switch {
	case l.Invalidate:
		t.Revoked = true
	case h.Server.now().Sub(t.Issued) >= rotateAfter:
		return h.issue(c, l.Local, client, t.Mechanism, generation), nil
	}
	return nil, nil
}

// issue gives out a token. Another one that was not used yet is void.
func (h *Host) issue(c *clientDoc, local, client, mechanism string, generation int) *Issued {
	now := h.Server.now().UTC().Truncate(time.Second)
	c.New = &clientToken{
		Nonce: NewID(), Mechanism: mechanism, Generation: generation,
		Issued: now, Expiry: now.Add(h.Server.Config.TokenLifetime),
	}
	return &Issued{Token: h.tokenSecret(local, client, c.New), Expiry: c.New.Expiry}
}
