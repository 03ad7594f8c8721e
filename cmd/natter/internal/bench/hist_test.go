package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantilesAreWithinOnePercent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, row := range []struct {
		name string
		draw func() int64
	}{
		{"nanoseconds below the first power of two", func() int64 { return random.Int64N(256) }},
		{"microseconds spread evenly", func() int64 { return random.Int64N(1e6) }},
		{"a long tail", func() int64 { return 1000 << random.IntN(25) }},
		{"all the same", func() int64 { return 12345 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			var h histogram
			var values []int64
			for range 10_000 {
				v := row.draw()
				h.record(v)
				values = append(values, v)
			}
			slices.Sort(values)
			for _, q := range []float64{0.001, 0.5, 0.99, 0.999, 1} {
				exact := values[max(int(q*float64(len(values))+0.5), 1)-1]
				got := int64(h.quantile(q))
				if got < exact || got > exact+exact/128 {
					t.Errorf("quantile %v: %d, exactly %d", q, got, exact)
				}
			}
		})
	}
}

func TestHistogramEdges(t *testing.T) {
	var empty histogram
	if got := empty.quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing: %v", got)
	}
	var h histogram
	h.record(-5)
	h.record(int64(time.Hour))
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("a negative duration counts as %v, want 0", got)
	}
	if got := h.quantile(1); got != time.Hour {
		t.Errorf("the largest value is %v, want %v", got, time.Hour)
	}
	var sum histogram
	sum.merge(&h)
	sum.merge(&h)
	if sum.total != 4 || sum.max != int64(time.Hour) {
		t.Errorf("merged: %d values up to %d", sum.total, sum.max)
	}
}

func TestHistogramBucketsCoverEveryValueOnce(t *testing.T) {
	for i := range buckets - 1 {
		top := bucketTop(i)
		if bucket(top) != i || bucket(top+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, but %d is in %d and %d in %d", i, top, top, bucket(top), top+1, bucket(top+1))
		}
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	var h histogram
	if n := testing.AllocsPerRun(100, func() { h.record(123456) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
