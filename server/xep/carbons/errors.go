package carbons

import (
	"hash/maphash"

	"natter/server"
)

// An error is copied when it answers a message that was (§6.1). Errors need not say
// what they answer beyond its id, so the last messages of an account that were copied
// are remembered, as hashes of id and recipient.

const maxRemembered = 64 // messages of an account

type sentKey struct{}

type remembered struct {
	ring [maxRemembered]uint64
	next int
}

var seed = maphash.MakeSeed()

func hash(id, bare string) uint64 { return maphash.String(seed, id+"\n"+bare) }

// remember notes a message of the account's.
func remember(p *server.Passage) {
	id := p.Stanza.IDString()
	if id == "" {
		return
	}
	h := hash(id, p.To.Bare().String())
	p.Account.Lock()
	defer p.Account.Unlock()
	r, _ := p.Account.Value(sentKey{}).(*remembered)
	if r == nil {
		r = new(remembered)
		p.Account.SetValue(sentKey{}, r)
	}
	r.ring[r.next%maxRemembered] = h
	r.next++
}

// answers reports whether an error answers a message that is remembered.
func answers(p *server.Passage) bool {
	id := p.Stanza.IDString()
	if id == "" {
		return false
	}
	h := hash(id, p.Origin.JID.Bare().String())
	p.Account.Lock()
	defer p.Account.Unlock()
	r, _ := p.Account.Value(sentKey{}).(*remembered)
	if r == nil {
		return false
	}
	for _, v := range r.ring[:min(r.next, maxRemembered)] {
		if v == h {
			return true
		}
	}
	return false
}
