package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

const versionHelp = `
Prints natter's version, the revision of the source it was built from, where
that is known, and the Go release that built it.
`

func runVersion(_ context.Context, args []string, std stdio) int {
	fs := newFlags("version", versionHelp, std)
	if _, code, ok := fs.parse(args, 0, 0); !ok {
		return code
	}
	fmt.Fprintf(std.out, "natter %s\n", buildInfo())
	return exitOK
}

// A build says what this binary was built from and with.
type build struct {
	version  string // "devel" from a working tree
	revision string // "" where the build does not tell
	modified bool   // the working tree was not as committed
	release  string // of Go
}

// String returns the build in one line.
func (b build) String() string {
	words := []string{b.release, runtime.GOOS + "/" + runtime.GOARCH}
	if b.revision != "" {
		words = append(words, "revision "+b.revision)
	}
	if b.modified {
		words = append(words, "modified")
	}
	return b.version + " (" + strings.Join(words, ", ") + ")"
}

// buildInfo returns what the binary says of itself.
func buildInfo() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{version: "devel", release: runtime.Version()}
	}
	return buildOf(info)
}

func buildOf(info *debug.BuildInfo) build {
	b := build{version: strings.Trim(info.Main.Version, "()"), release: info.GoVersion}
	if b.version == "" {
		b.version = "devel"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	return b
}

// buildVersion returns the version of natter and the Go release it was built
// with.
func buildVersion() (version, goVersion string) {
	b := buildInfo()
	return b.version, b.release
}
