package server

import (
	"context"
	"maps"
	"sync"
	"time"
)

// names is the set of accounts of a host, kept whole in memory so that asking
// whether somebody exists never touches the store.
type names struct {
	mu sync.RWMutex
	m  map[string]struct{}
	// leaving holds the names of accounts that are being removed: nobody has
	// them and nobody may take them, until all that was stored is gone and the
	// channel is closed.
	leaving map[string]chan struct{}
	// reserved are names that nobody has and that invitations keep free.
	reserved map[string]reservation
}

func (n *names) has(local string) bool {
	n.mu.RLock()
	_, ok := n.m[local]
	n.mu.RUnlock()
	return ok
}

func (n *names) add(local string) {
	n.mu.Lock()
	n.m[local] = struct{}{}
	n.mu.Unlock()
}

// remove takes a name out at once; nothing is stored of it.
func (n *names) remove(local string) {
	n.mu.Lock()
	delete(n.m, local)
	n.mu.Unlock()
}

// leave begins the removal of an account; false when there is none, or it has
// begun.
func (n *names) leave(local string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.m[local]; !ok {
		return false
	}
	delete(n.m, local)
	if n.leaving == nil {
		n.leaving = make(map[string]chan struct{})
	}
	n.leaving[local] = make(chan struct{})
	return true
}

// left ends a removal: the name is free, or with stay the account is back as
// nothing was removed.
func (n *names) left(local string, stay bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stay {
		n.m[local] = struct{}{}
	}
	close(n.leaving[local])
	delete(n.leaving, local)
}

// settled returns a channel that is closed when the removal of an account with
// this name is over, nil when none is under way.
func (n *names) settled(local string) <-chan struct{} {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if c, ok := n.leaving[local]; ok {
		return c
	}
	return nil
}

// wait waits until no removal of an account with this name is under way.
func (n *names) wait(ctx context.Context, local string) error {
	for c := n.settled(local); c != nil; c = n.settled(local) {
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// reservation keeps a name free for an invitation (XEP-0401 §6.2).
type reservation struct {
	owner, id string // of the invitation
	until     time.Time
}

// reserve keeps a name free; false when somebody has it, or another invitation.
func (n *names) reserve(local string, r reservation, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.m[local]; ok {
		return false
	}
	if other, ok := n.reserved[local]; ok && now.Before(other.until) {
		return false
	}
	if n.reserved == nil {
		n.reserved = make(map[string]reservation)
	}
	n.reserved[local] = r
	return true
}

// isReserved reports whether a name is kept free for an invitation other than id.
func (n *names) isReserved(local, id string, now time.Time) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	r, ok := n.reserved[local]
	return ok && r.id != id && now.Before(r.until)
}

// unreserve ends what reserve began for the invitation id.
func (n *names) unreserve(local, id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r, ok := n.reserved[local]; ok && r.id == id {
		delete(n.reserved, local)
	}
}

// unreserveOf frees the names that an account's invitations keep, as these are gone.
func (n *names) unreserveOf(owner string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.reserved, func(_ string, r reservation) bool { return r.owner == owner })
}

// sweepReserved forgets what has run out.
func (n *names) sweepReserved(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.reserved, func(_ string, r reservation) bool { return !now.Before(r.until.Add(keepInvitation)) })
}
