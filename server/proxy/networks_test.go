package proxy

import (
	"net/netip"
	"testing"
)

func TestNetworks(t *testing.T) {
	n, err := ParseNetworks([]string{"127.0.0.1", "10.1.2.3/8", "2001:db8::/32", "::ffff:192.0.2.0/120", "::ffff:198.51.100.7", "fe80::1%eth0"})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::ffff:127.0.0.1": true, "127.0.0.2": false,
		"10.200.0.1": true, "::ffff:10.0.0.1": true, "11.0.0.1": false,
		"2001:db8:1::5": true, "2001:db9::1": false,
		"192.0.2.77": true, "::ffff:192.0.2.77": true, "192.0.3.1": false,
		"198.51.100.7": true, "198.51.100.8": false, "fe80::1%eth1": true, "::1": false,
	} {
		if got := n.Contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if n.Contains(netip.Addr{}) || Networks(nil).Contains(netip.MustParseAddr("127.0.0.1")) {
		t.Error("an address of nothing")
	}
	for _, wrong := range []string{"", "localhost", "10.0.0.0/33", "10.0.0.1:80", "10.0.0"} {
		if _, err := ParseNetworks([]string{"127.0.0.1", wrong}); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}
