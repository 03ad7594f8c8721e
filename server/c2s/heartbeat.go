package c2s

import (
	"time"

	"natter/server"
)

// alive notes that the peer has sent something.
func (s *Stream) alive() { s.seen.Store(time.Now().UnixNano()) }

// idle is how long the connection may be quiet before the peer is asked for a
// sign of life.
func (s *Stream) idle() time.Duration {
	if s.session.Has(server.SessionInactive) {
		return s.c2s.core.Config.IdleInactive
	}
	return s.c2s.core.Config.Idle
}

// beat starts the heartbeat of a connected session on the shared timer wheel.
func (s *Stream) beat() {
	s.alive()
	s.mu.Lock()
	s.asked = 0
	s.c2s.core.Wheel.Set(&s.alarm, s.idle())
	s.mu.Unlock()
}

// pulse looks whether the peer has been quiet too long: first it is asked, with
// <r/> where it acknowledges and a ping (XEP-0199) else, and when that stays
// unanswered the connection is given up.
func (s *Stream) pulse() {
	seen := s.seen.Load()
	quiet := time.Since(time.Unix(0, seen))
	wheel, cfg := s.c2s.core.Wheel, &s.c2s.core.Config
	s.mu.Lock()
	tr := s.tr
	if tr == nil || s.ended {
		s.mu.Unlock()
		return
	}
	switch {
	case s.asked == seen: // nothing has come since
		s.mu.Unlock()
		tr.SetDeadline(time.Unix(1, 0)) // the read loop ends
		return
	case quiet < s.idle():
		s.asked = 0
		wheel.Set(&s.alarm, s.idle()-quiet)
		s.mu.Unlock()
		return
	}
	s.asked = seen
	wheel.Set(&s.alarm, cfg.PingTimeout)
	s.mu.Unlock()
	s.c2s.core.Do(func(t *server.Turn) {
		s.mu.Lock()
		acks, framed := s.acks != nil, s.framing == inMessages
		s.mu.Unlock()
		if framed && !acks {
			s.control(t, tr, opPing, nil) // RFC 7395 §3.8
			return
		}
		if acks {
			s.DeliverNonza(t, []byte("<r xmlns='urn:xmpp:sm:3'/>"))
			return
		}
		b := append([]byte("<iq type='get' id='ping-"), server.NewID()...)
		b = append(b, "' from='"...)
		b = append(b, s.session.Account.Host.Self.Attr...)
		b = append(b, "' to='"...)
		b = append(b, s.session.Attr...)
		s.DeliverRaw(t, append(b, "'><ping xmlns='urn:xmpp:ping'/></iq>"...))
	})
}
