package c2s

import (
	"testing"
	"time"
)

// TestAClockSetBackHoldsNobodyUp: what was sent counts no more than what it is.
func TestAClockSetBackHoldsNobodyUp(t *testing.T) {
	b := newBucket()
	b.last = time.Now().Add(time.Hour).UnixNano() // the clock said so a moment ago
	if wait := b.take(1500, 1000, 1000); wait > time.Second {
		t.Errorf("500 bytes too many at 1000 a second hold the client up for %v", wait)
	}
	if wait := b.take(0, 1000, 1000); wait > time.Second {
		t.Errorf("… and then for %v", wait)
	}
}
