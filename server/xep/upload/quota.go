package upload

import (
	"context"
	"fmt"
	"slices"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// stateKey is the key of an account's state.
type stateKey struct{}

// state is what an account has asked for of late, guarded by its lock.
type state struct {
	tokens float64 // slots it may ask for at once
	at     time.Time
	coming map[*slot]bool // on their way to the store
}

// reservation is room for a slot that is on its way to the store.
type reservation struct {
	account *server.Account
	state   *state
	slot    *slot
}

func (r *reservation) release() {
	r.account.Lock()
	delete(r.state.coming, r.slot)
	r.account.Unlock()
}

// reserve checks that an account may have one more slot: by its rate, and by what it
// keeps. It may read the store.
func (m *module) reserve(t *server.Turn, a *server.Account, s *slot, now time.Time) (*reservation, error) {
	cfg := &m.host.Server.Config
	a.Lock()
	st, _ := a.Value(stateKey{}).(*state)
	if st == nil {
		st = &state{tokens: float64(cfg.UploadRate), at: now, coming: make(map[*slot]bool)}
		a.SetValue(stateKey{}, st)
	}
	if wait := st.take(cfg, now); wait > 0 {
		a.Unlock()
		return nil, retry(fmt.Sprintf("you may upload %d files a minute", cfg.UploadRate), now.Add(wait))
	}
	// What is on its way is counted before the store is read: twice, rather than
	// not at all.
	coming := make([]*slot, 0, len(st.coming))
	for other := range st.coming {
		coming = append(coming, other)
	}
	st.coming[s] = true
	a.Unlock()
	r := &reservation{a, st, s}
	t.Flush()
	ctx, cancel := m.timeout()
	defer cancel()
	kept, err := m.kept(ctx, a.Local, now)
	if err == nil {
		err = fits(cfg, append(kept, coming...), s.Size)
	}
	if err != nil {
		r.release()
		return nil, err
	}
	return r, nil
}

// take takes a token, or returns when there will be one.
func (s *state) take(cfg *server.Config, now time.Time) time.Duration {
	if cfg.NoLimits {
		return 0
	}
	each := time.Minute / time.Duration(cfg.UploadRate)
	s.tokens = min(s.tokens+float64(now.Sub(s.at))/float64(each), float64(cfg.UploadRate))
	s.at = now
	if s.tokens < 1 {
		return time.Duration((1 - s.tokens) * float64(each))
	}
	s.tokens--
	return 0
}

// kept reads the slots of an account that count: files that are there, and slots
// that may still be used.
func (m *module) kept(ctx context.Context, account string, now time.Time) ([]*slot, error) {
	var list []*slot
	err := m.each(ctx, account, func(s *slot) {
		if s.File != "" && (s.Expires.IsZero() || s.Expires.After(now)) ||
			s.File == "" && (now.Before(s.Created.Add(slotTime)) || m.uploading(s.ID)) {
			list = append(list, s)
		}
	})
	return list, err
}

// each calls fn with every slot of an account.
func (m *module) each(ctx context.Context, account string, fn func(*slot)) error {
	for after := ""; ; {
		docs, err := m.host.Server.Store.List(ctx, m.host.Name, account, kind, "", after, store.MaxPage)
		if err != nil {
			return err
		}
		for _, d := range docs {
			s, err := slotOf(d)
			if err != nil {
				return err
			}
			fn(s)
			after = s.ID
		}
		if len(docs) < store.MaxPage {
			return nil
		}
	}
}

// fits checks that there is room for one more file beside those kept. The error tells
// when there will be (XEP-0363 §6).
func fits(cfg *server.Config, kept []*slot, size int64) error {
	bytes, slots := size-cfg.UploadTotal, 1-cfg.UploadFiles // what is to go
	for _, s := range kept {
		bytes += s.Size
		slots++
	}
	if bytes <= 0 && slots <= 0 {
		return nil
	}
	text := fmt.Sprintf("you have uploaded all that you may: %d files or %d bytes; retract some, or wait until they expire", cfg.UploadFiles, cfg.UploadTotal)
	slices.SortFunc(kept, func(a, b *slot) int { return a.ends().Compare(b.ends()) })
	for _, s := range kept {
		if s.ends().IsZero() {
			continue
		}
		if bytes, slots = bytes-s.Size, slots-1; bytes <= 0 && slots <= 0 {
			return retry(text, s.ends())
		}
	}
	return stanza.ResourceConstraint(text)
}

// ends is when the slot no longer counts, as far as is known.
func (s *slot) ends() time.Time {
	if s.File == "" {
		return s.Created.Add(slotTime)
	}
	return s.Expires
}

// retry refuses what may be tried again at a time.
func retry(text string, at time.Time) *stanza.Error {
	e := stanza.ResourceConstraint(text)
	e.App = stanza.AppendEmpty(nil, "retry", "xmlns", ns, "stamp", at.UTC().Add(time.Second-1).Truncate(time.Second).Format(time.RFC3339))
	return e
}
