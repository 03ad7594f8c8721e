package muc

import (
	"fmt"
	"time"

	"natter/stanza"
)

// maxSpoke is of how many it is remembered when they spoke; guests come and go.
const maxSpoke = 10_000

// slow refuses a message with a body that comes too soon after the last one of the
// same user, whatever client or nick it came under (XEP-0500 §5, §7). Admins and
// owners are not held back.
func (r *room) slow(oc *occupant, st *stanza.Stanza) *stanza.Error {
	wait := time.Duration(r.config.SlowMode) * time.Second
	if wait == 0 || oc.aff >= admin || !st.HasBody() {
		return nil
	}
	now, bare := time.Now(), oc.bare.String()
	if last, ok := r.spoke[bare]; ok && now.Sub(last) < wait {
		e := stanza.PolicyViolation(fmt.Sprintf("the room is in slow mode: you may send a message every %d seconds", r.config.SlowMode))
		e.Type = stanza.Wait
		return e
	}
	if r.spoke == nil || len(r.spoke) >= maxSpoke {
		r.spoke = make(map[string]time.Time)
	}
	r.spoke[bare] = now
	return nil
}
