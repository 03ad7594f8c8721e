package bench

import "syscall"

// childAttr makes the kernel end the child when this process dies.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
