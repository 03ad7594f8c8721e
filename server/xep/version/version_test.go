package version_test

import (
	"runtime/debug"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
	"natter/server/xep/version"
)

func TestTheHostNamesItsSoftware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(`<iq type='get' id='v1' to='localhost'><query xmlns='jabber:iq:version'/></iq>`)
		romeo.Expect(`<iq type='result' id='v1' from='localhost'><query xmlns='jabber:iq:version' scansion:strict='false'>` +
			`<name>natter</name><version>{scansion:regexp:.+}</version></query></iq>`)
		romeo.Send(`<iq type='set' id='v2' to='localhost'><query xmlns='jabber:iq:version'><name>mine</name></query></iq>`)
		romeo.Expect(`<iq type='error' id='v2'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	})
}

func TestOf(t *testing.T) {
	main := func(v string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: "natter", Version: v}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for name, c := range map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"without build information it is a development version":  {nil, "devel"},
		"a release is named by its module's version":             {main("v1.2.3"), "1.2.3"},
		"go run knows no more than that it is in development":    {main("(devel)"), "devel"},
		"a build from a work tree has its revision":              {main("(devel)", revision), "devel-0123456789ab"},
		"a build from a changed work tree says so":               {main("", revision, modified), "devel-0123456789ab+dirty"},
		"a revision that is no revision is left out":             {main("", debug.BuildSetting{Key: "vcs.revision", Value: "1"}), "devel"},
		"the version of a module goes before what the tree says": {main("v0.1.0", revision, modified), "0.1.0"},
	} {
		if got := version.Of(c.info); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
