package server

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// asks returns how many of n requests are allowed.
func asks(l *addressLimit, addr string, n int) (allowed int) {
	a, _ := netip.ParseAddr(addr)
	for range n {
		if l.allow(a) {
			allowed++
		}
	}
	return allowed
}

func TestLimit(t *testing.T) {
	type ask struct {
		addr string
		n    int
		want int
	}
	const wait = "wait"
	for name, asked := range map[string][]ask{
		"an address asks ten times":                  {{"192.0.2.1", 15, 10}},
		"addresses do not share":                     {{"192.0.2.1", 15, 10}, {"192.0.2.2", 15, 10}},
		"an IPv4 address is the same mapped to IPv6": {{"192.0.2.1", 6, 6}, {"::ffff:192.0.2.1", 6, 4}},
		"a /64 of IPv6 is one":                       {{"2001:db8::1", 6, 6}, {"2001:db8::ffff:2", 6, 4}, {"2001:db8:0:1::1", 6, 6}},
		"a zone does not make another":               {{"fe80::1%eth0", 6, 6}, {"fe80::1%eth1", 6, 4}},
		"what has no address is one":                 {{"", 15, 10}},
		"one more each five minutes":                 {{"192.0.2.1", 15, 10}, {wait, 12, 0}, {"192.0.2.1", 15, 2}},
		"no more than ten after a long time":         {{"192.0.2.1", 15, 10}, {wait, 1000, 0}, {"192.0.2.1", 15, 10}},
		"what is refused does not count":             {{"192.0.2.1", 1000, 10}, {wait, 5, 0}, {"192.0.2.1", 15, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newAddressLimit()
				for _, a := range asked {
					if a.addr == wait {
						time.Sleep(time.Duration(a.n) * time.Minute)
					} else if got := asks(l, a.addr, a.n); got != a.want {
						t.Errorf("%d of %d requests of %s are allowed, not %d", got, a.n, a.addr, a.want)
					}
				}
			})
		})
	}
}

func TestNoLimitAllowsAll(t *testing.T) {
	if got := asks(nil, "192.0.2.1", 1000); got != 1000 {
		t.Errorf("%d of 1000 requests are allowed", got)
	}
}

// TestAFloodOfAddressesIsBounded, and does not make the worst of them forgotten.
func TestAFloodOfAddressesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newAddressLimit()
		asks(l, "192.0.2.1", 10)
		for i := range maxSignUps + 100 {
			a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			if !l.allow(a) {
				t.Fatalf("%s is refused", a)
			}
		}
		if len(l.full) > maxSignUps {
			t.Errorf("%d addresses are remembered", len(l.full))
		}
		if asks(l, "192.0.2.1", 1) > 0 {
			t.Error("who had asked most is forgotten")
		}
		time.Sleep(2 * signUpBurst * signUpInterval)
		asks(l, "192.0.2.2", 1)
		if len(l.full) != 1 {
			t.Errorf("%d addresses are remembered that have nothing to remember", len(l.full)-1)
		}
	})
}
