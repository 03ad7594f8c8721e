package main

import (
	"os"
	"path/filepath"
)

// defaultDataDir returns where `natter serve` keeps its data when it is not
// told otherwise: $NATTER_DATA, else natter in $XDG_DATA_HOME, else
// ~/.local/share/natter. The clients look there for the certificate authority
// of a server on this machine. It is "" when there is no home directory either.
func defaultDataDir() string {
	if dir := os.Getenv("NATTER_DATA"); dir != "" {
		return dir
	}
	return xdgDir("XDG_DATA_HOME", ".local", "share")
}

// xdgDir returns natter's folder in the base directory that the environment
// variable names, or in the one below the home directory. As the XDG Base
// Directory Specification has it, a relative path in the variable is ignored.
func xdgDir(variable string, fallback ...string) string {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, "natter")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(append(append([]string{home}, fallback...), "natter")...)
}
