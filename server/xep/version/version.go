// Package version implements XEP-0092 Software Version, version 1.1, for the
// host: natter and which build of it is running. The operating system is not
// told: nobody has to know, and what is not told needs no switch (§5).
package version

import (
	"runtime/debug"
	"strings"

	"natter/server"
	"natter/stanza"

	"mellium.im/xmpp/version"
)

// New makes the module.
func New(*server.Host) *server.Module {
	info, _ := debug.ReadBuildInfo()
	answer := version.Query{Name: "natter", Version: Of(info)}
	return &server.Module{
		Name: "version", XEP: "0092 1.1", Summary: "which software the server runs",
		Features: []string{version.NS},
		IQ: []server.IQHandler{{
			Type: stanza.Get, NS: version.NS, Name: "query", To: server.AtHost,
			Handle: func(q *server.IQ) error { return q.ReplyTokens(q.Turn, answer.TokenReader()) },
		}},
	}
}

// Of names a build: the version of its module, or for a build from a work tree
// without one "devel" with the revision's first twelve digits, where they are
// known. info may be nil.
func Of(info *debug.BuildInfo) string {
	if info == nil {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	name := "devel"
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			name += "-" + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			name += "+dirty"
		}
	}
	return name
}
