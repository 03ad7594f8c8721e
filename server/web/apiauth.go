package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"natter/server"
	"natter/server/auth"
	"natter/stanza"
)

// principal is who makes a request of the API.
type principal struct {
	jid   stanza.JID // bare; of a guest, one that its network address is known by
	nick  string
	guest bool
	token *server.APIToken // what it came by, nil for a password or a guest
}

// Bounds of the API.
const (
	basicTime = time.Minute // that a password which was right counts as right
	maxBasic  = 1000        // passwords remembered so
	maxRates  = 5000        // principals remembered, of those that read and of those that post
)

// apiState is what the API remembers between requests.
type apiState struct {
	secret [32]byte // of this process

	reads, posts server.Limit[string] // by principal

	mu    sync.Mutex
	basic map[[32]byte]known // by a hash of name and password
}

// known is a password that was right.
type known struct {
	until time.Time
	stamp string // Host.PasswordStamp then: it is another one once the password is
}

func newAPIState() *apiState {
	a := &apiState{
		reads: server.Limit[string]{Burst: 200, Interval: time.Second / 50, Most: maxRates, Refuse: true},
		posts: server.Limit[string]{Burst: 40, Interval: time.Second / 10, Most: maxRates, Refuse: true},
		basic: make(map[[32]byte]known),
	}
	rand.Read(a.secret[:]) // never fails
	return a
}

// who finds out who makes the request. Passwords and tokens travel over TLS, or on
// this machine.
func (s *Site) who(r *http.Request, h *server.Host) (principal, error) {
	via := s.via(r)
	header := r.Header.Get("Authorization")
	if header == "" {
		if !s.core.Config.TakesGuests() {
			return principal{}, stanza.NotAuthorized("say who you are: a token (natter token) or a name and password")
		}
		mac := hmac.New(sha256.New, s.api.secret[:])
		mac.Write([]byte(via.Addr.String()))
		j, err := stanza.ParseJID("http-" + hex.EncodeToString(mac.Sum(nil)[:6]) + "@" + server.GuestHost(h.Name))
		return principal{jid: j, nick: "guest", guest: true}, err
	}
	if via.TLS == nil && !via.Proxied && !via.Local {
		return principal{}, stanza.NotAcceptable("passwords and tokens are taken over https only")
	}
	if spelling, ok := strings.CutPrefix(header, "Bearer "); ok {
		k, ok, err := h.CheckAPIToken(r.Context(), strings.TrimSpace(spelling))
		if err != nil {
			return principal{}, err
		}
		if !ok {
			return principal{}, stanza.NotAuthorized("the token is not good, or was revoked")
		}
		j, err := stanza.ParseJID(k.Account)
		p := principal{jid: j, nick: j.Local(), token: &k}
		if k.Nick != "" {
			p.nick = k.Nick
		}
		return p, err
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return principal{}, stanza.NotAuthorized("the Authorization header is neither Bearer nor Basic")
	}
	local, domain, at := strings.Cut(name, "@")
	j, err := stanza.ParseJID(local + "@" + h.Name)
	if err != nil || at && !strings.EqualFold(domain, h.Name) {
		return principal{}, stanza.NotAuthorized("that is not an account of " + h.Name)
	}
	if err := s.password(r.Context(), h, j.Local(), password, via.Addr.String(), auth.Channel{Secure: true, Proxied: true, Addr: via.Addr}); err != nil {
		return principal{}, err
	}
	return principal{jid: j, nick: j.Local()}, nil
}

// password checks a password, whose key derivation is paid for once a minute.
func (s *Site) password(ctx context.Context, h *server.Host, local, password, addr string, ch auth.Channel) error {
	mac := hmac.New(sha256.New, s.api.secret[:])
	for _, part := range []string{h.Name, local, password} {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	var key [32]byte
	mac.Sum(key[:0])
	now := time.Now()
	s.api.mu.Lock()
	was, ok := s.api.basic[key]
	s.api.mu.Unlock()
	stamp, err := h.PasswordStamp(ctx, local) // before the password is checked, which may change meanwhile
	if err != nil {
		return err
	}
	if ok && now.Before(was.until) && stamp != "" && was.stamp == stamp {
		return nil
	}
	x, err := h.Auth.Start("PLAIN", ch)
	if err != nil {
		return stanza.NotAuthorized("passwords are not taken here; use a token")
	}
	_, done, err := x.Step([]byte("\x00" + local + "\x00" + password))
	if wait := x.Wait(); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.core.Stats.Login(err == nil && done)
	if err != nil || !done {
		return stanza.NotAuthorized("the name or the password is wrong")
	}
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	if len(s.api.basic) >= maxBasic {
		clear(s.api.basic)
	}
	s.api.basic[key] = known{now.Add(basicTime), stamp}
	return nil
}

// mayAskNow counts a request of a principal; false when it is one too many.
func (s *Site) mayAskNow(p principal, of *server.Limit[string]) bool {
	return s.core.Config.NoLimits || of.Allow(p.jid.String())
}
