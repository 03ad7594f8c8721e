//go:build !linux || 386 || s390x

package c2s

import "syscall"

// receive is what reading needs beside the bytes: nothing here.
type receive struct{}

// tellMore has reads of a socket tell whether there is more, which Linux knows, and
// is asked for where recvmsg is a system call of its own.
func tellMore(uintptr) bool { return false }

// read reads into b, without blocking; more is always true.
func (b *Buffer) read(fd uintptr, _ bool) (n int, more bool, err error) {
	n, err = syscall.Read(int(fd), b.B[:])
	return max(n, 0), true, err
}
