package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// runLogin measures whole logins, from connect to a bound resource: o.Clients
// workers each log in, close, and take the next account. Salted passwords are
// kept per account, so an account's first login is the only one that pays for
// PBKDF2: the warm-up goes on until every account has been seen once.
func runLogin(ctx context.Context, t *target, o *Options, r *Result) error {
	in := &login{o: o, keys: &keyCache{}}
	accounts := loginAccounts(o)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var next, done, errs atomic.Int64
	var phase atomic.Int32
	took := make([]histogram, o.Clients)
	var working sync.WaitGroup
	for w := range o.Clients {
		working.Go(func() {
			for phase.Load() != over && ctx.Err() == nil {
				begin := time.Now()
				c, err := in.open(ctx, t.addr, 1+int(next.Add(1)-1)%accounts)
				if err != nil {
					if errs.Add(1) >= maxLoginErrors {
						cancel(err)
					}
					continue
				}
				if phase.Load() == measuring {
					took[w].record(int64(time.Since(begin)))
				}
				done.Add(1)
				c.bye()
			}
		})
	}
	sleep := func(d time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
	warm := time.Now()
	for ctx.Err() == nil && (done.Load() < int64(accounts) || time.Since(warm) < o.Warmup) {
		sleep(5 * time.Millisecond)
	}
	t.profile.startCPU(ctx, o.Duration)
	from, before := readMeter(t.pid), done.Load()
	phase.Store(measuring)
	for ctx.Err() == nil {
		if o.Messages > 0 && done.Load()-before >= o.Messages || o.Messages == 0 && time.Since(from.wall) >= o.Duration {
			break
		}
		sleep(2 * time.Millisecond)
	}
	readMeter(t.pid).since(from, done.Load()-before, r)
	phase.Store(over)
	working.Wait()
	var all histogram
	for w := range took {
		all.merge(&took[w])
	}
	r.Latency = all.latency()
	r.Sent = next.Load()
	r.Errors = errs.Load()
	r.memory(t)
	return context.Cause(ctx)
}

// maxLoginErrors ends a run in which logins keep failing.
const maxLoginErrors = 100

// loginAccounts is how many accounts the login mode goes round. Two workers
// never use one at a time, as the second bind would end the first stream.
func loginAccounts(o *Options) int { return max(4*o.Clients, 64) }

// memory reads the server's resident set into r.
func (r *Result) memory(t *target) {
	if t.pid != 0 {
		r.MemoryKB, _ = residentKB(t.pid)
	}
}
