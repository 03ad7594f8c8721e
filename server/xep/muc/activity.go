package muc

import (
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
	hours [activityHours + 1]int32 // the first is the one that is under way
	hour  int64                    // … its number since 1970; 0 for none yet
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
}

// perHour is the number of messages an hour; false while there is nothing to count
// from.
func (a *activity) perHour(now time.Time) (float64, bool) {
	if a.hour == 0 {
		return 0, false
	}
	a.shift(now)
	sum := 0
	for _, n := range a.hours[1:] {
		sum += int(n)
	}
	return float64(sum) / activityHours, true
}

// addActivity adds the field to what is said of rooms that anybody may find and
// enter (§3.1, §8).
func (r *room) addActivity(f *forms.Form, now time.Time) {
	c := &r.config
	if !c.Persistent || !c.Public || c.MembersOnly || c.Password != "" {
		return
	}
	if n, ok := r.activity.perHour(now); ok {
		f.Add("text-single", "{urn:xmpp:muc-activity}message-activity", "Messages per hour", strconv.FormatFloat(n, 'f', 2, 64))
	}
}
