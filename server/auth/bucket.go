package auth

import (
	"time"
)

// sample is how many entries an eviction looks at.
const sample = 8

// bucket is one leaky bucket of failures.
type bucket struct {
	level float64   // failures at time at
	at    time.Time // when level was true
	next  time.Time // when the next try in the queue may be judged
}

// buckets are the buckets of one kind by key; at most maxBuckets, and the weakest of
// a few goes when there is one too many, so that a flood of new keys can't push
// out those that matter. The zero map is ready for use.
type buckets struct {
	kind kind
	m    map[uint64]bucket
}

// leak returns the level that is left of a bucket at a time.
func (k *kind) leak(b bucket, now time.Time) float64 {
	return max(0, b.level-float64(now.Sub(b.at))/float64(k.drain))
}

// delay is what a bucket costs the next try.
func (bs *buckets) delay(key uint64, now time.Time) time.Duration {
	b, ok := bs.m[key]
	if !ok {
		return 0
	}
	over := bs.kind.leak(b, now) - bs.kind.free
	if over < 0 {
		return 0
	}
	d := bs.kind.first
	for ; over >= 1 && d < bs.kind.max; over-- {
		d *= 2
	}
	return min(d, bs.kind.max)
}

// queue is how long a try that comes now would have to wait for its turn.
func (bs *buckets) queue(key uint64, now time.Time) time.Duration {
	d := bs.delay(key, now)
	if d == 0 {
		return 0
	}
	if next := bs.m[key].next; next.After(now) {
		return next.Sub(now) + d
	}
	return d
}

// book takes the turn that queue named.
func (bs *buckets) book(key uint64, now time.Time) {
	if d := bs.queue(key, now); d > 0 {
		b := bs.m[key]
		b.next = now.Add(d)
		bs.m[key] = b
	}
}

// add counts one failure.
func (bs *buckets) add(key uint64, now time.Time) {
	if bs.m == nil {
		bs.m = make(map[uint64]bucket)
	}
	b, ok := bs.m[key]
	if !ok && len(bs.m) >= maxBuckets {
		bs.evict(now)
	}
	// The level is capped where the delay is, with some way to drain.
	b.level = min(bs.kind.leak(b, now)+1, bs.kind.free+12)
	b.at = now
	bs.m[key] = b
}

// evict drops the emptiest of a few buckets.
func (bs *buckets) evict(now time.Time) {
	var victim uint64
	least, n := 0.0, 0
	for key, b := range bs.m {
		if level := bs.kind.leak(b, now); n == 0 || level < least {
			victim, least = key, level
		}
		if n++; n == sample {
			break
		}
	}
	delete(bs.m, victim)
}
