package main

import (
	"strings"
	"testing"
)

// testOverHTTP: scripts are played over WebSocket and BOSH, with TLS and without,
// and those about what these do not have are left out.
func testOverHTTP(t *testing.T, p program) {
	s := p.serve(t, append(anyPorts, "--dev", "--https", "127.0.0.1:0")...)
	const scripts = "../../testdata/scripts/"
	files := []string{scripts + "login-scram-sha-256.scs", scripts + "sm-resume-live.scs", scripts + "login-plain-needs-tls.scs"}
	for _, row := range []struct{ transport, host, tls string }{
		{"ws", s.at("the same over TLS"), "starttls"},
		{"ws", s.at("web chat and API"), "none"},
		{"bosh", s.at("the same over TLS"), "starttls"},
		{"bosh", s.at("web chat and API"), "none"},
	} {
		args := []string{"test", "--insecure", "--fresh", "--transport", row.transport, "--host", row.host, "--tls", row.tls}
		did := p.run(t, "", append(args, files...)...)
		if did.code != exitOK || !strings.Contains(did.out, "2 passed, 0 failed, 1 skipped") {
			t.Errorf("over %s with --tls %s: %v", row.transport, row.tls, did)
		}
	}
	if did := p.run(t, "", "test", "--transport", "pigeon", files[0]); did.code != exitUsage || !strings.Contains(did.err, "none of tcp, ws, bosh") {
		t.Errorf("over pigeon: %v", did)
	}
	s.stop()
}
