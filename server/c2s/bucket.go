package c2s

import "time"

// bucket limits how fast one client may send, in bytes: a burst at once, then a
// steady rate. How much that is stands in the configuration, the same for all.
type bucket struct {
	spent float64 // bytes of the burst that are used up
	last  int64   // when that was, in nanoseconds since 1970
}

func newBucket() bucket { return bucket{last: time.Now().UnixNano()} }

// take spends n bytes and returns how long to wait before reading on. A rate of 0
// does not limit.
func (b *bucket) take(n, rate, burst int) time.Duration {
	if rate == 0 {
		return 0
	}
	if b.spent += float64(n); b.spent <= float64(burst) {
		return 0
	}
	now := time.Now().UnixNano()
	passed := max(time.Duration(now-b.last), 0) // the clock may have been set back
	b.spent = max(b.spent-passed.Seconds()*float64(rate), 0)
	b.last = now
	if b.spent <= float64(burst) {
		return 0
	}
	return time.Duration((b.spent - float64(burst)) / float64(rate) * float64(time.Second))
}
