package server

import (
	"sync"
	"time"
)

// Limit bounds how often each of many may do something: Burst times at once, and once
// more each Interval. It is safe for concurrent use; its fields are set before.
type Limit[K comparable] struct {
	Burst    int
	Interval time.Duration
	Most     int // remembered
	// Refuse says what becomes of a new one when as many as Most have something to
	// remember: it is refused, or else the one of a few that has least is forgotten.
	Refuse bool

	mu sync.Mutex
	// full says, of each, when it may go on Burst times again; one that may already is
	// as good as not there. It moves on by an interval each time.
	full map[K]time.Time
}

// Allow counts one time; false when it is one too many, which is not counted.
func (l *Limit[K]) Allow(who K) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	at, known := l.full[who]
	if at.Before(now) {
		at = now
	}
	at = at.Add(l.Interval)
	if at.Sub(now) > time.Duration(l.Burst)*l.Interval {
		return false
	}
	if !known && !l.room(now) {
		return false
	}
	if l.full == nil {
		l.full = make(map[K]time.Time)
	}
	l.full[who] = at
	return true
}

// room makes room for a new one: it drops those that have nothing to remember, and if
// there are none, one of a few, unless it is not to.
func (l *Limit[K]) room(now time.Time) bool {
	if len(l.full) < l.Most {
		return true
	}
	for who, at := range l.full {
		if !at.After(now) {
			delete(l.full, who)
		}
	}
	if len(l.full) < l.Most {
		return true
	}
	if l.Refuse {
		return false
	}
	var least K
	n := 0
	for who, at := range l.full {
		if n == 0 || at.Before(l.full[least]) {
			least = who
		}
		if n++; n == 8 {
			break
		}
	}
	delete(l.full, least)
	return true
}
