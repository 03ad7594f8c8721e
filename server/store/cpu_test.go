//go:build unix

package store_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// cpuTime is the processor time the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bytesWritten is what the process has written so far, 0 where the system does
// not tell.
func bytesWritten() (n int64) {
	data, _ := os.ReadFile("/proc/self/io")
	if _, rest, ok := strings.Cut(string(data), "wchar: "); ok {
		fmt.Sscan(rest, &n)
	}
	return n
}
