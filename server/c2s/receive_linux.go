//go:build linux && !386 && !s390x

package c2s

import (
	"syscall"
	"unsafe"
)

// tcpInq is TCP_INQ, the option to be told with each read how much is left, and
// the type of the control message that says it (linux/tcp.h, since Linux 4.18).
const tcpInq = 36

// receive is what recvmsg(2) needs beside the bytes.
type receive struct {
	msg     syscall.Msghdr
	iov     syscall.Iovec
	control struct {
		syscall.Cmsghdr
		inq int32
		_   [4]byte
	}
}

// tellMore has reads of a TCP socket tell whether there is more; false where it
// is not one, or an old kernel's.
func tellMore(fd uintptr) bool {
	return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpInq, 1) == nil
}

// read reads into b, without blocking and without looking at b.N. With tells it
// says whether more is left to be read, be it the end (for which Linux tells of
// one byte); else more is always true.
func (b *Buffer) read(fd uintptr, tells bool) (n int, more bool, err error) {
	if !tells {
		n, err = syscall.Read(int(fd), b.B[:])
		return max(n, 0), true, err
	}
	r := &b.receive
	r.iov.Base = &b.B[0]
	r.iov.SetLen(len(b.B))
	r.msg.Iov, r.msg.Iovlen = &r.iov, 1
	r.msg.Control = (*byte)(unsafe.Pointer(&r.control))
	r.msg.SetControllen(int(unsafe.Sizeof(r.control)))
	got, _, errno := syscall.Syscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.msg)), 0)
	if errno != 0 {
		return 0, true, errno
	}
	c := &r.control
	told := r.msg.Controllen >= syscall.SizeofCmsghdr+4 && c.Level == syscall.IPPROTO_TCP && c.Type == tcpInq
	return int(got), !told || c.inq != 0, nil
}
