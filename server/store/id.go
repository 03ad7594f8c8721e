package store

import "time"

// idShift is how far an id's milliseconds since 1970 are shifted up; the bits
// below count within a millisecond. 63 bits last until the year 2248.
const idShift = 20

// maxID is the highest id: SQLite's integers are signed.
const maxID = 1<<63 - 1

// NextID returns a new id for a record: positive, 63 bits, the time in
// milliseconds since 1970 shifted up by 20 bits plus a counter. Each id is
// above every id returned or stored before, whatever the clock does and across
// restarts. It never blocks and may be called from any goroutine.
func (s *Store) NextID() uint64 {
	now := idAt(time.Now())
	for {
		last := s.lastID.Load()
		id := max(now, last+1)
		if s.lastID.CompareAndSwap(last, id) {
			return id
		}
	}
}

// raiseID makes every later id higher than id.
func (s *Store) raiseID(id uint64) {
	for {
		last := s.lastID.Load()
		if id <= last || s.lastID.CompareAndSwap(last, id) {
			return
		}
	}
}

// TimeOf returns the time an id stands for, in UTC.
func TimeOf(id uint64) time.Time { return time.UnixMilli(int64(id >> idShift)).UTC() }

// IDAt returns the lowest id of t's millisecond: ids below it are from before
// t, down to the millisecond. It is never 0.
func IDAt(t time.Time) uint64 { return idAt(t) }

func idAt(t time.Time) uint64 {
	ms := t.UnixMilli()
	switch {
	case ms <= 0:
		return 1
	case ms > maxID>>idShift:
		return maxID
	}
	return uint64(ms) << idShift
}
