package c2s

import "time"

// bucket limits how fast one client may send, in bytes: a burst at once, then a
// steady rate. Its zero value does not limit.
type bucket struct {
	rate, burst int
	level       float64 // bytes that may still be sent at once
	last        time.Time
}

func newBucket(rate, burst int) bucket {
	return bucket{rate: rate, burst: burst, level: float64(burst), last: time.Now()}
}

// take spends n bytes and returns how long to wait before reading on.
func (b *bucket) take(n int) time.Duration {
	if b.rate == 0 {
		return 0
	}
	if b.level -= float64(n); b.level >= 0 {
		return 0
	}
	now := time.Now()
	b.level = min(b.level+now.Sub(b.last).Seconds()*float64(b.rate), float64(b.burst))
	b.last = now
	if b.level >= 0 {
		return 0
	}
	return time.Duration(-b.level / float64(b.rate) * float64(time.Second))
}
