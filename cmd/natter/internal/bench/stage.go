package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// The phases of a run, one after the other.
const (
	warming int32 = iota
	measuring
	draining
	over
)

// A stage is what the goroutines of any run share: in which phase it is, and the
// first error of one of them.
type stage struct {
	start   time.Time
	phase   atomic.Int32
	failure chan error // of length 1
}

// set makes the stage ready; the run begins now.
func (s *stage) set() { s.start, s.failure = time.Now(), make(chan error, 1) }

// now returns nanoseconds since the run began.
func (s *stage) now() int64 { return int64(time.Since(s.start)) }

// fail keeps the first error that is not due to the run's end.
func (s *stage) fail(err error) {
	if err == nil || s.phase.Load() == over || errors.Is(err, net.ErrClosed) {
		return
	}
	select {
	case s.failure <- worded(err):
	default:
	}
}

// worded says in words how a connection ended.
func worded(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the server closed the connection")
	}
	return err
}

// sleep waits, or returns why the run cannot go on.
func (s *stage) sleep(ctx context.Context, d time.Duration) error {
	select {
	case err := <-s.failure:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// measure warms up and measures, until o.Messages operations were seen or, where
// these do not bound the run, for o.Duration; then the run drains.
func (s *stage) measure(ctx context.Context, t *target, o *Options, operations *atomic.Int64, r *Result) error {
	if err := s.sleep(ctx, o.Warmup); err != nil {
		return err
	}
	t.profile.startCPU(ctx, o.Duration)
	from, before := readMeter(t.pid), operations.Load()
	s.phase.Store(measuring)
	for {
		if err := s.sleep(ctx, 2*time.Millisecond); err != nil {
			return err
		}
		if o.Messages > 0 && operations.Load()-before >= o.Messages ||
			o.Messages == 0 && time.Since(from.wall) >= o.Duration {
			break
		}
	}
	readMeter(t.pid).since(from, operations.Load()-before, r)
	s.phase.Store(draining)
	return nil
}

// drain waits for what is still on the way, o.Drain at the most.
func (s *stage) drain(ctx context.Context, o *Options, arrived func() bool) error {
	for until := time.Now().Add(o.Drain); time.Now().Before(until) && !arrived(); {
		if err := s.sleep(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
