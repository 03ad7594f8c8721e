package scs

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// job is one performance that a run of many scripts consists of.
type job struct {
	name   string // of the script
	title  string
	source string
	script *Script
	repeat int // from 1; 0 when each script is played once
}

// outcome is what became of a job.
type outcome struct {
	job
	err      error
	skipped  string // why it was not played; "" when it was
	started  time.Time
	duration time.Duration
}

// label names the job in reports.
func (o *outcome) label() string {
	if o.repeat > 0 {
		return fmt.Sprintf("%s #%d", o.name, o.repeat)
	}
	return o.name
}

// playAll plays the jobs, at most parallel at a time, and hands the outcomes
// to report in the order of the jobs, each as soon as those before it are
// known. Jobs not begun when ctx ends are skipped.
func playAll(ctx context.Context, jobs []job, parallel int, playOne func(context.Context, job) error, report func(outcome)) {
	outcomes := make([]chan outcome, len(jobs))
	for i := range outcomes {
		outcomes[i] = make(chan outcome, 1)
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(parallel, 1))
	wg.Go(func() {
		for i, j := range jobs {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				outcomes[i] <- playJob(ctx, j, playOne)
			})
		}
	})
	for i := range jobs {
		report(<-outcomes[i])
	}
	wg.Wait()
}

func playJob(ctx context.Context, j job, playOne func(context.Context, job) error) outcome {
	o := outcome{job: j, started: time.Now()}
	if ctx.Err() != nil {
		o.skipped = "interrupted"
		return o
	}
	o.err = playOne(ctx, j)
	o.duration = time.Since(o.started)
	return o
}
