package bench

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// runChat loads t with o.Pairs pairs of clients and fills r.
//
// Closed loop, until delivered: each pair keeps o.Window messages on the way;
// whoever receives one answers it with one. Until acked: each client keeps
// o.Window messages unacknowledged (XEP-0198) and its peer only receives. Open
// loop: each client sends on a schedule.
func runChat(ctx context.Context, t *target, o *Options, r *Result) error {
	run := &chatRun{o: o}
	run.set()
	links, err := run.connect(ctx, t)
	defer func() {
		for _, l := range links {
			if l != nil {
				l.c.Close()
			}
		}
	}()
	if err != nil {
		return err
	}
	if o.Messages > 0 {
		run.quota = (o.Messages + int64(len(links)) - 1) / int64(len(links))
		run.phase.Store(measuring)
	}
	run.start = time.Now()
	var working sync.WaitGroup
	begin := readMeter(t.pid)
	if run.quota > 0 {
		t.profile.startCPU(ctx, o.Duration)
	}
	for i, l := range links {
		opens := o.Rate == 0 && (o.Until == "acked" || i%2 == 0)
		working.Go(func() { run.fail(l, l.read(opens)) })
		if o.Rate > 0 {
			every := float64(len(links)) / o.Rate * 1e9
			first := every * float64(i) / float64(len(links))
			working.Go(func() { run.fail(l, l.sendScheduled(int64(first), int64(every))) })
		}
	}
	stopPacer := run.pace(links)
	err = run.watch(ctx, t, links, begin, r)
	run.phase.Store(over)
	stopPacer()
	for _, l := range links {
		if t.relay {
			l.c.Close()
		} else {
			l.c.bye()
		}
	}
	working.Wait()
	run.collect(links, r)
	r.SizeBytes = len(links[0].msg.bytes)
	if t.pid != 0 {
		r.MemoryKB, _ = residentKB(t.pid)
	}
	return err
}

// connect opens every link's connection: a login, or a place at the relay.
func (run *chatRun) connect(ctx context.Context, t *target) ([]*link, error) {
	o := run.o
	links := make([]*link, 2*o.Pairs)
	keys := &keyCache{}
	in := &login{o: o, keys: keys, sm: true, roster: true, presence: true}
	err := rush(ctx, len(links), o.Rush, func(ctx context.Context, i int) error {
		peer := i ^ 1
		to := o.jid(peer + 1)
		if o.To == "full" {
			to += "/" + resource
		}
		l := &link{
			run: run, peer: peer, msg: newTemplate(i, to, "chat", o.Size),
			arrival: &histogram{}, wake: make(chan struct{}, 1),
		}
		var err error
		if t.relay {
			l.c, err = dialRelay(ctx, t.addr, o, i)
		} else {
			l.c, err = in.open(ctx, t.addr, i+1)
		}
		if err != nil {
			return err
		}
		l.base = l.c.sent
		if o.Until == "acked" {
			l.sentAt, l.ack = make([]int64, o.Window), &histogram{}
		}
		if o.Rate > 0 {
			l.late = &histogram{}
		}
		links[i] = l
		return nil
	})
	return links, err
}

// dialRelay connects link i to the relay. Both ends of a pair wait for each
// other, so the two must be dialled at the same time.
func dialRelay(ctx context.Context, addr string, o *Options, i int) (*conn, error) {
	c, err := dial(ctx, addr, i)
	if err != nil {
		return nil, err
	}
	if o.TLS != "none" {
		if err := c.handshake(ctx); err != nil {
			c.Close()
			return nil, err
		}
	}
	_ = c.SetDeadline(time.Now().Add(loginDeadline))
	if err := joinRelay(c, i/2, i%2); err != nil {
		c.Close()
		return nil, err
	}
	return c, c.SetDeadline(time.Time{})
}

// rush calls f for 0 to n-1, at most limit at once, the pair 2k and 2k+1 always
// together, and returns the first error.
func rush(ctx context.Context, n, limit int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, max(limit/2, 1))
	var wg sync.WaitGroup
	for i := 0; i < n && ctx.Err() == nil; i += 2 {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			var both sync.WaitGroup
			for k := i; k < min(i+2, n); k++ {
				both.Go(func() {
					if err := f(ctx, k); err != nil {
						cancel(err)
					}
				})
			}
			both.Wait()
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// pace wakes the senders of an open loop and returns what stops it. One thread
// sleeps for all of them, in steps short enough that a message is not later
// than the scheduler makes it.
func (run *chatRun) pace(links []*link) (stop func()) {
	if run.o.Rate == 0 {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				for _, l := range links {
					close(l.wake)
				}
				return
			default:
			}
			nap(100 * time.Microsecond)
			for _, l := range links {
				select {
				case l.wake <- struct{}{}:
				default:
				}
			}
		}
	}()
	return func() { close(quit); <-done }
}

// totals sums up what the links have done so far.
func totals(links []*link) (sent, delivered, acked int64) {
	for _, l := range links {
		sent += l.sent.Load()
		delivered += l.delivered.Load()
		acked += l.acked.Load()
	}
	return sent, delivered, acked
}

// watch leads the run through its phases and fills r's rates. It returns the
// first error of a link.
func (run *chatRun) watch(ctx context.Context, t *target, links []*link, from meter, r *Result) error {
	o := run.o
	// What is counted is what the loop waits for.
	done := func() int64 {
		_, delivered, acked := totals(links)
		if o.Until == "acked" {
			return acked
		}
		return delivered
	}
	var before int64
	if run.quota == 0 {
		if err := run.sleep(ctx, o.Warmup); err != nil {
			return err
		}
		t.profile.startCPU(ctx, o.Duration)
		from, before = readMeter(t.pid), done()
		run.phase.Store(measuring)
	}
	mark, markOps := from, before
	end := from.wall.Add(o.Duration)
	goal := run.quota * int64(len(links))
	stalled := time.Now()
	for last := before; ; {
		step := 2 * time.Millisecond
		if run.quota == 0 {
			step = time.Until(end)
		}
		if o.Every > 0 {
			step = min(step, time.Until(mark.wall.Add(o.Every)))
		}
		if err := run.sleep(ctx, step); err != nil {
			return err
		}
		n := done()
		if n != last {
			last, stalled = n, time.Now()
		}
		if o.Every > 0 && time.Since(mark.wall) >= o.Every {
			var part Result
			next := readMeter(t.pid)
			next.since(mark, n-markOps, &part)
			r.Intervals = append(r.Intervals, Interval{Seconds: next.wall.Sub(from.wall).Seconds(), Rate: part.Rate, ServerCPU: part.ServerCPU})
			o.progress("%s: %8.1f s  %10.0f/s  %7.1f us/op  %d in all", t.name, next.wall.Sub(from.wall).Seconds(), part.Rate, part.ServerCPU, n)
			mark, markOps = next, n
		}
		if run.quota > 0 && n >= goal || run.quota == 0 && !time.Now().Before(end) {
			break
		}
		if run.quota > 0 && time.Since(stalled) > o.Drain {
			break // what is missing is reported as lost
		}
	}
	readMeter(t.pid).since(from, done()-before, r)
	run.phase.Store(draining)
	err := run.drain(ctx, o, func() bool {
		sent, delivered, acked := totals(links)
		return sent == delivered && (o.Until != "acked" || sent == acked)
	})
	if err != nil {
		return err
	}
	// Long enough for a second copy of the last messages to show itself.
	return run.sleep(ctx, 20*time.Millisecond)
}

// collect adds up what the links saw, once they have ended.
func (run *chatRun) collect(links []*link, r *Result) {
	var arrival, ack, late histogram
	for i, l := range links {
		r.Sent += l.sent.Load()
		r.Lost += l.seen.lost(links[i^1].sent.Load())
		r.Doubled += l.seen.doubled
		r.Reordered += l.seen.reordered
		r.Errors += l.errors + l.seen.absurd
		arrival.merge(l.arrival)
		if l.ack != nil {
			ack.merge(l.ack)
		}
		if l.late != nil {
			late.merge(l.late)
		}
	}
	r.Latency = arrival.latency()
	if ack.total > 0 {
		lat := ack.latency()
		r.AckLatency = &lat
	}
	if late.total > 0 {
		lat := late.latency()
		r.SenderLate = &lat
	}
}

// progress prints a line on the log.
func (o *Options) progress(format string, args ...any) {
	fmt.Fprintf(o.log, format+"\n", args...)
}
