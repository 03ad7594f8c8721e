package muc

import (
	"context"
	"time"

	"natter/server"
)

const (
	sweepEvery = time.Minute
	idleAfter  = 5 * time.Minute  // a room that nobody is in or asks for is let go
	silence    = 15 * time.Minute // a remote occupant that says nothing is asked whether it is there
)

// wake has the rooms looked through from time to time, as long as there are any.
func (s *service) wake() {
	s.mu.Lock()
	set := !s.awake
	s.awake = true
	s.mu.Unlock()
	if set {
		s.srv.Wheel.Set(&s.alarm, sweepEvery)
	}
}

func (s *service) sweep() {
	s.srv.Go(func(context.Context) {
		s.mu.Lock()
		list := make([]*room, 0, len(s.rooms))
		for _, r := range s.rooms {
			list = append(list, r)
		}
		s.mu.Unlock()
		for _, r := range list {
			s.srv.Do(r.look)
		}
		s.mu.Lock()
		s.awake = len(s.rooms) > 0
		again := s.awake
		s.mu.Unlock()
		if again {
			s.srv.Wheel.Set(&s.alarm, sweepEvery)
		}
	})
}

// idle reports whether nobody needs the room.
func (r *room) idle(now time.Time) bool {
	return len(r.clients) == 0 && r.storing.Load() == 0 && r.queue.empty() && len(r.watchers) == 0 && now.Sub(r.used) >= idleAfter
}

// look lets the room go when nobody needs it, stores what could not be stored
// before, and asks remote occupants that are silent for a sign of life.
func (r *room) look(t *server.Turn) {
	x := &exchange{t: t, svc: r.svc}
	r.mu.Lock()
	now := time.Now()
	switch {
	case r.gone:
	case r.trial != nil:
	case r.dirty.Swap(false):
		r.everything()
		r.save(x)
	case r.config.Persistent && r.activity.due(now, r.idle(now)):
		r.save(x)
	case r.idle(now):
		r.gone = true
		r.svc.mu.Lock()
		delete(r.svc.rooms, r.name)
		r.svc.mu.Unlock()
	default:
		r.probe(x, now)
		for bare, at := range r.spoke {
			if now.Sub(at) > time.Duration(r.config.SlowMode)*time.Second {
				delete(r.spoke, bare)
			}
		}
	}
	r.mu.Unlock()
	x.end()
}
