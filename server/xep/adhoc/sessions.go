package adhoc

import (
	"sync"
	"time"

	"natter/server"
	"natter/stanza"
)

// Bounds on executions that wait for a form.
const (
	maxSessions = 1000
	maxEach     = 10 // of one requester
	sessionTime = 15 * time.Minute
)

// sessions are the executions under way (§3.3).
type sessions struct {
	mu sync.Mutex
	m  map[string]session
}

type session struct {
	who  stanza.JID
	node string
	ends time.Time
}

// begin starts an execution.
func (s *sessions) begin(who stanza.JID, node string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, mine := time.Now(), 0
	if s.m == nil {
		s.m = make(map[string]session)
	}
	for id, v := range s.m {
		switch {
		case now.After(v.ends):
			delete(s.m, id)
		case v.who == who:
			mine++
		}
	}
	if mine >= maxEach || len(s.m) >= maxSessions {
		return "", stanza.ResourceConstraint("too many commands are under way; finish or cancel one")
	}
	id := server.NewID()
	s.m[id] = session{who, node, now.Add(sessionTime)}
	return id, nil
}

// has reports whether the execution is under way and is who's (§3.3).
func (s *sessions) has(id string, who stanza.JID, node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.m[id]
	return ok && v.who == who && v.node == node && time.Now().Before(v.ends)
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	delete(s.m, id)
	s.mu.Unlock()
}
