package external

import (
	"time"

	"natter/server"
	"natter/stanza"
)

// early is how long before credentials expire new ones are pushed.
const early = 10 * time.Minute

// alarmKey is the key under which a session keeps when its credentials are renewed.
type alarmKey struct{ typ string }

// renew has new credentials pushed to a session that has asked for services of a type,
// before those it has expire, for as long as it is available and takes them
// (XEP-0215 §3.2).
func (m *module) renew(s *server.Session, typ string, until time.Time) {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	alarm, _ := s.Value(alarmKey{typ}).(*server.Alarm)
	if alarm == nil {
		alarm = new(server.Alarm)
		// It must not hold on to the session, which may be gone hours before.
		at := s.JID.String()
		alarm.Run = func() { m.host.Server.Do(func(t *server.Turn) { m.push(t, at, typ, alarm) }) }
		s.SetValue(alarmKey{typ}, alarm)
	}
	m.host.Server.Wheel.Set(alarm, max(time.Until(until)-early, time.Minute))
}

func (m *module) push(t *server.Turn, at, typ string, alarm *server.Alarm) {
	s := m.host.Server.Session(at)
	if s == nil {
		return
	}
	a := s.Account
	a.Lock()
	available, _ := a.Available(s)
	same := s.Value(alarmKey{typ}) == alarm
	a.Unlock()
	if !available || !same {
		return
	}
	b, until := m.content(a, "services", typ, "modify", func(s service) bool { return s.typ == typ })
	if until.IsZero() {
		return
	}
	m.host.Server.Ask(t, m.host.JID, s.JID, stanza.Set, b, time.Minute, func(_ *server.Turn, _ *stanza.Stanza, err *stanza.Error) {
		if err == nil {
			m.renew(s, typ, until)
		}
	})
}
