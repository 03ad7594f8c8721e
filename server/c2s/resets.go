package c2s

import (
	"sync"
	"syscall"
	"time"
)

// resetsAfter is how long after input a connection is looked at.
const resetsAfter = 250 * time.Millisecond

// resets finds connections that were reset right behind their last input. Waiting
// for a socket that a read has told to be empty (tcp.Serve) misses that when both
// were announced at once, as the reading end sees only the input; the end in order
// is told of with the input, a reset is not. One look for each while does, in
// place of a vain read after each input. Its timer runs only when there is
// somebody to look at.
type resets struct {
	mu    sync.Mutex
	list  []*tcp
	timer *time.Timer
	ended bool
}

// add has t looked at in a while, once.
func (r *resets) add(t *tcp) {
	if t.listed.Load() || t.listed.Swap(true) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, t)
	switch {
	case r.ended || len(r.list) > 1: // the timer runs
	case r.timer == nil:
		r.timer = time.AfterFunc(resetsAfter, r.run)
	default:
		r.timer.Reset(resetsAfter)
	}
}

// run looks at all that are listed and has the read loop of each that was reset end.
func (r *resets) run() {
	r.mu.Lock()
	list := r.list
	r.list = nil
	r.mu.Unlock()
	for _, t := range list {
		t.listed.Store(false)
		gone := false
		err := t.raw.Control(func(fd uintptr) { gone = wasReset(fd) })
		if err == nil && gone {
			t.SetDeadline(time.Unix(1, 0))
		}
	}
}

// wasReset reports whether reading would fail. What can be read stays, and so
// does the end of the input, which the read loop is told of otherwise.
func wasReset(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	return err != nil && err != syscall.EAGAIN && err != syscall.EINTR
}

// stop ends the looking; connections may go on.
func (r *resets) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.list = true, nil
	if r.timer != nil {
		r.timer.Stop()
	}
}
