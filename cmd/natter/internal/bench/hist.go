package bench

import (
	"math/bits"
	"time"
)

// histogram counts durations in log-linear buckets: each power of two of
// nanoseconds is cut into 1<<subBits equal parts, so a value read back is at
// most 1/128 above the one recorded. Recording allocates nothing. The zero
// value is empty and ready. Not safe for concurrent use: each connection owns
// one, and merge adds them up when all are done.
type histogram struct {
	counts [buckets]uint32
	total  uint64
	max    int64 // largest value recorded, nanoseconds, exact
}

const (
	subBits = 7
	maxBits = 38 // values from 2^38 ns, 275 s, on share the last bucket
	buckets = (maxBits - subBits + 1) << subBits
)

// bucket returns the index of the bucket of v nanoseconds.
func bucket(v int64) int {
	if v < 0 {
		v = 0
	}
	if v >= 1<<maxBits {
		return buckets - 1
	}
	shift := max(bits.Len64(uint64(v))-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// bucketTop returns the largest value that falls into bucket i.
func bucketTop(i int) int64 {
	if i < 2<<subBits {
		return int64(i)
	}
	shift := i>>subBits - 1
	low := int64(i-shift<<subBits) << shift
	return low + 1<<shift - 1
}

// record counts one duration of v nanoseconds. Negative ones count as 0.
func (h *histogram) record(v int64) {
	h.counts[bucket(v)]++
	h.total++
	h.max = max(h.max, v)
}

// merge adds other's counts to h.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// quantile returns the duration that the fraction q of all values does not
// exceed, at most 1/128 too high and never above the largest value; 0 when the
// histogram is empty.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q*float64(h.total) + 0.5)
	rank = min(max(rank, 1), h.total)
	var seen uint64
	for i, n := range h.counts {
		seen += uint64(n)
		if seen >= rank {
			if i == buckets-1 {
				break // it has no top
			}
			return time.Duration(min(bucketTop(i), h.max))
		}
	}
	return time.Duration(h.max)
}

// latency returns the usual quantiles, in microseconds.
func (h *histogram) latency() Latency {
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return Latency{
		P50:  us(h.quantile(0.50)),
		P99:  us(h.quantile(0.99)),
		P999: us(h.quantile(0.999)),
		Max:  us(time.Duration(h.max)),
	}
}
