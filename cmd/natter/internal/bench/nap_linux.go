package bench

import (
	"syscall"
	"time"
)

// nap sleeps for about d, more precisely than time.Sleep, which waits in whole
// milliseconds when the process is otherwise idle. It blocks the thread.
func nap(d time.Duration) {
	ts := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&ts, nil)
}
