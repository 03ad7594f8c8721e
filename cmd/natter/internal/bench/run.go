package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
)

// A caseDef is one column of the comparison: how to get the target.
type caseDef struct {
	name  string
	start func() (*target, error)
}

// cases lists what each round measures, in order.
func cases(ctx context.Context, m mode, o *Options) []caseDef {
	var list []caseDef
	if o.Relay || o.mode == "relay" {
		list = append(list, caseDef{"relay", func() (*target, error) { return startRelay(o) }})
	}
	if !o.NoServe && o.mode != "relay" {
		list = append(list, caseDef{"natter", func() (*target, error) { return startServer(ctx, m, o) }})
	}
	for _, t := range o.Targets {
		list = append(list, caseDef{t.name, func() (*target, error) {
			return &target{name: t.name, addr: t.addr, pid: t.pid, stop: func() error { return nil }}, nil
		}})
	}
	return list
}

// runRounds measures every case once a round, so that what else the machine
// does falls on all of them alike.
func runRounds(ctx context.Context, m mode, o *Options, log io.Writer) (*Report, error) {
	o.log = log
	list := cases(ctx, m, o)
	report := &Report{Mode: o.mode, Load: o.describe(), Machine: machine()}
	for _, c := range list {
		report.Cases = append(report.Cases, Case{Name: c.name})
	}
	for round := range o.Rounds {
		for i, c := range list {
			r, err := runCase(ctx, m, o, c)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", c.name, round+1, err)
			}
			report.Cases[i].Rounds = append(report.Cases[i].Rounds, *r)
			if o.Rounds > 1 {
				o.progress("round %d/%d %-10s %s", round+1, o.Rounds, c.name, r.line())
			}
		}
	}
	report.summarise()
	return report, nil
}

// runCase measures one case once.
func runCase(ctx context.Context, m mode, o *Options, c caseDef) (*Result, error) {
	t, err := c.start()
	if err != nil {
		return nil, err
	}
	runtime.GC() // what the last case left is not this one's to collect
	r := &Result{}
	err = m.run(ctx, t, o, r)
	if err := errors.Join(err, t.profile.wait(), t.stop()); err != nil {
		return nil, err
	}
	return r, nil
}

// summarise fills in each case's medians and its ratios to the first case.
func (rep *Report) summarise() {
	if len(rep.Cases) == 0 {
		return
	}
	floor := rep.Cases[0].Rounds
	for i := range rep.Cases {
		c := &rep.Cases[i]
		get := func(f func(r *Result) float64) float64 { return medianOf(c.Rounds, f) }
		c.Rate = get(func(r *Result) float64 { return r.Rate })
		c.ServerCPU = get(func(r *Result) float64 { return r.ServerCPU })
		c.Latency = Latency{
			P50:  get(func(r *Result) float64 { return r.Latency.P50 }),
			P99:  get(func(r *Result) float64 { return r.Latency.P99 }),
			P999: get(func(r *Result) float64 { return r.Latency.P999 }),
			Max:  get(func(r *Result) float64 { return r.Latency.Max }),
		}
		if i == 0 {
			continue
		}
		var rates, cpus []float64
		for k := range c.Rounds {
			if floor[k].Rate > 0 {
				rates = append(rates, c.Rounds[k].Rate/floor[k].Rate)
			}
			if floor[k].ServerCPU > 0 {
				cpus = append(cpus, c.Rounds[k].ServerCPU/floor[k].ServerCPU)
			}
		}
		c.RateRatio, c.CPURatio = median(rates), median(cpus)
	}
}

// medianOf returns the median of one figure over the rounds.
func medianOf(rounds []Result, f func(r *Result) float64) float64 {
	values := make([]float64, 0, len(rounds))
	for i := range rounds {
		values = append(values, f(&rounds[i]))
	}
	return median(values)
}

// median returns the middle value, the mean of the two middle ones when their
// number is even, and 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
