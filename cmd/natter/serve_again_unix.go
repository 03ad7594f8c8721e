//go:build unix

package main

import (
	"os"
	"syscall"
)

// again starts this program anew in the place of the process, with the same words;
// it returns only when that fails.
func again() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(exe, os.Args, os.Environ())
}
