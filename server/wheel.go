package server

import (
	"context"
	"sync"
	"time"
)

// Wheel is the one timer of a server for everything that waits seconds to hours
// and is usually put off or called off: heartbeats, resumption windows. It ticks
// once a second; an idle connection costs a slot, not a timer.
type Wheel struct {
	mu    sync.Mutex
	now   int64 // seconds since the wheel was started
	slots [512][]setting
	guard func() // deferred around each alarm; nil for none
}

// Alarm is one thing to do at its time. Its zero value with Run set is ready.
type Alarm struct {
	Run func() // called on the wheel's goroutine; must not block
	at  int64  // in seconds of the wheel; 0: not set. Under Wheel.mu
}

// setting is one setting of an alarm; it counts only while it is the last one.
type setting struct {
	alarm *Alarm
	at    int64
}

func newWheel() *Wheel { return &Wheel{} }

// Set has a run once after d, rounded up to whole seconds; an earlier setting is
// replaced.
func (w *Wheel) Set(a *Alarm, d time.Duration) {
	secs := int64((d + time.Second - 1) / time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	a.at = w.now + max(secs, 1)
	i := a.at % int64(len(w.slots))
	w.slots[i] = append(w.slots[i], setting{a, a.at})
}

// Stop calls a off; it may just be running.
func (w *Wheel) Stop(a *Alarm) {
	w.mu.Lock()
	a.at = 0
	w.mu.Unlock()
}

func (w *Wheel) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.tick()
		}
	}
}

func (w *Wheel) tick() {
	w.mu.Lock()
	w.now++
	i := w.now % int64(len(w.slots))
	list := w.slots[i]
	w.slots[i] = nil
	var due []*Alarm
	for _, e := range list {
		switch {
		case e.at > w.now: // another round
			w.slots[i] = append(w.slots[i], e)
		case e.alarm.at == e.at:
			e.alarm.at = 0
			due = append(due, e.alarm)
		}
	}
	w.mu.Unlock()
	for _, a := range due {
		w.ring(a)
	}
}

func (w *Wheel) ring(a *Alarm) {
	if w.guard != nil {
		defer w.guard()
	}
	a.Run()
}
