package main

import (
	"bytes"
	"regexp"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestBuild(t *testing.T) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	for _, row := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"a working tree without revision", debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}}, "devel (go1.26.8, " + platform + ")"},
		{"a release", debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3 (go1.26.8, " + platform + ")"},
		{"a revision that was changed", debug.BuildInfo{GoVersion: "go1.26.8", Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0ce5b7856f3c5c9f5b6d7e8f9a0b1c2d3e4f5a6b"}, {Key: "vcs.modified", Value: "true"},
		}}, "devel (go1.26.8, " + platform + ", revision 0ce5b7856f3c, modified)"},
		{"a short revision", debug.BuildInfo{GoVersion: "go1.26.8", Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "12"}}}, "devel (go1.26.8, " + platform + ", revision 12)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := buildOf(&row.info).String(); got != row.want {
				t.Errorf("%s, not %s", got, row.want)
			}
		})
	}
}

func TestVersionVerb(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"version"}, stdio{out: &out, err: &errs})
	if !regexp.MustCompile(`^natter \S+ \(go1\.\S+, \S+/\S+(, .*)?\)\n$`).MatchString(out.String()) || code != exitOK || errs.Len() > 0 {
		t.Errorf("%d, %q, %q", code, out.String(), errs.String())
	}
}
