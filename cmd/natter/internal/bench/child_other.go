//go:build !linux

package bench

import "syscall"

// childAttr asks for nothing: only Linux can tie a child's life to ours.
func childAttr() *syscall.SysProcAttr { return nil }
