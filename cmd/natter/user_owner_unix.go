//go:build unix

package main

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// checkOwner refuses to open data that belong to another user: files made along
// the way would be in that user's way.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fail(exitUsage, "", "looking at the data: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == os.Geteuid() {
		return nil
	}
	name := strconv.Itoa(int(st.Uid))
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return fail(exitUsage, "Run it as that user: sudo -u "+name+" natter ...", "%s belongs to the user %s", dir, name)
}
