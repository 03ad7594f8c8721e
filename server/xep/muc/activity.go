package muc

import (
	"slices"
	"strconv"
	"time"

	"natter/server/xep/forms"
	"natter/stanza"
)

// activityHours is over how long messages are counted (XEP-0502 §4: no more than
// 72 hours).
const activityHours = 24

// activity counts a room's messages hour by hour, as XEP-0502 §5 has it.
type activity struct {
	hours    [activityHours + 1]int32 // the first is the one that is under way
	hour     int64                    // … its number since 1970; 0 for none yet
	unstored bool                     // there is more in hours than in the room's document
	stored   int64                    // the hour that was under way when that was written
}

// savedActivity is activity in the room's document.
type savedActivity struct {
	Hour  int64   `json:",omitempty"`
	Hours []int32 `json:",omitempty"` // without the zeros at the end
}

// saved is what is stored now.
func (a *activity) saved() savedActivity {
	a.unstored, a.stored = false, a.hour
	n := len(a.hours)
	for n > 0 && a.hours[n-1] == 0 {
		n--
	}
	return savedActivity{a.hour, slices.Clone(a.hours[:n])}
}

func (a *activity) restore(s savedActivity) {
	copy(a.hours[:], s.Hours)
	a.hour, a.stored = s.Hour, s.Hour
}

// due reports whether the counters are to be stored for their own sake: once an hour,
// and before the room is let go.
func (a *activity) due(now time.Time, leaving bool) bool {
	return a.unstored && (leaving || now.Unix()/3600 != a.stored)
}

// shift brings the counters up to now.
func (a *activity) shift(now time.Time) {
	hour := now.Unix() / 3600
	if a.hour == 0 {
		a.hour = hour
	}
	n := min(max(hour-a.hour, 0), int64(len(a.hours)))
	copy(a.hours[n:], a.hours[:])
	clear(a.hours[:n])
	a.hour = max(hour, a.hour)
}

// count counts a message with a body, unless it corrects another (§4).
func (a *activity) count(now time.Time, st *stanza.Stanza) {
	if st.HasNS("urn:xmpp:message-correct:0") {
		return
	}
	a.shift(now)
	a.hours[0]++
	a.unstored = true
}

// perHour is the number of messages an hour.
func (a *activity) perHour(now time.Time) float64 {
	a.shift(now)
	sum := 0
	for _, n := range a.hours[1:] {
		sum += int(n)
	}
	return float64(sum) / activityHours
}

// addActivity adds the field to what is said of rooms that anybody may find and
// enter (§3.1, §8).
func (r *room) addActivity(f *forms.Form, now time.Time) {
	c := &r.config
	if !c.Persistent || !c.Public || c.MembersOnly || c.Password != "" {
		return
	}
	n := strconv.FormatFloat(r.activity.perHour(now), 'f', 2, 64)
	f.Add("text-single", "{urn:xmpp:muc-activity}message-activity", "Messages per hour", n)
}
