package auth

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	home   = netip.MustParseAddr("192.0.2.1")
	enemy  = netip.MustParseAddr("198.51.100.7")
	enemy6 = netip.MustParseAddr("2001:db8:1:2::1")
)

// guess makes wrong tries at once and returns how many were judged and the
// longest wait among them.
func guess(t *Throttle, addr netip.Addr, account string, tries int) (judged int, longest time.Duration) {
	for range tries {
		wait, ok := t.Allow(addr, account)
		if !ok {
			continue
		}
		judged++
		longest = max(longest, wait)
		t.Failed(addr, account)
	}
	return judged, longest
}

func TestMistypingCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle()
		if judged, wait := guess(th, home, "romeo", 5); judged != 5 || wait != 0 {
			t.Errorf("five wrong tries: %d judged, wait %v", judged, wait)
		}
		if wait, ok := th.Allow(home, "romeo"); !ok || wait != time.Second {
			t.Errorf("the sixth: %v, %v", wait, ok)
		}
		th.Succeeded(home, "romeo")
		if judged, wait := guess(th, home, "romeo", 5); judged != 5 || wait != 0 {
			t.Errorf("after success: %d judged, wait %v", judged, wait)
		}
	})
}

func TestGuessingOnePasswordSlowsDownAndIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle()
		judged, longest := guess(th, enemy, "romeo", 1000)
		if judged < 6 || judged > 15 || longest > MaxWait {
			t.Errorf("%d of 1000 tries at once were judged, the longest wait is %v", judged, longest)
		}
		// Hammering on for an hour, ten tries a second.
		judged = 0
		for range 3600 {
			time.Sleep(time.Second)
			n, longest := guess(th, enemy, "romeo", 10)
			judged += n
			if longest > MaxWait {
				t.Fatalf("a wait of %v", longest)
			}
		}
		if judged < 100 || judged > 3600/10+1 {
			t.Errorf("%d guesses in an hour", judged)
		}
		// Left alone, it forgets.
		time.Sleep(time.Hour)
		if judged, wait := guess(th, enemy, "romeo", 5); judged != 5 || wait != 0 {
			t.Errorf("an hour later: %d judged, wait %v", judged, wait)
		}
	})
}

func TestGoingThroughAccountsSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, addrs := range [][]netip.Addr{
			{enemy}, {enemy6, netip.MustParseAddr("2001:db8:1:2:ffff::9")}, {enemy, netip.MustParseAddr("::ffff:198.51.100.7")},
		} {
			th := NewThrottle()
			judged := 0
			for i := range 1000 {
				n, _ := guess(th, addrs[i%len(addrs)], fmt.Sprint("user", i), 1)
				judged += n
			}
			if judged < 20 || judged > 40 {
				t.Errorf("%v: %d of 1000 accounts were tried at once", addrs, judged)
			}
			if _, ok := th.Allow(home, "user5"); !ok {
				t.Error("somebody else is refused")
			}
		}
	})
}

func TestOwnAccountDoesNotBuyGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle()
		judged := 0
		for i := range 1000 {
			n, _ := guess(th, enemy, fmt.Sprint("user", i), 1)
			judged += n
			if _, ok := th.Allow(enemy, "mallory"); ok {
				th.Succeeded(enemy, "mallory")
			}
		}
		if judged > 40 {
			t.Errorf("%d of 1000 accounts were tried at once", judged)
		}
	})
}

func TestOwnerIsNeverLockedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle()
		if wait, ok := th.Allow(home, "romeo"); !ok || wait != 0 {
			t.Fatal("the first login of all waits")
		}
		th.Succeeded(home, "romeo")
		// An hour under fire from a thousand addresses, and from the next room.
		for i := range 3600 {
			time.Sleep(time.Second)
			guess(th, netip.AddrFrom4([4]byte{203, 0, byte(i >> 8 & 3), byte(i)}), "romeo", 20)
			guess(th, home, fmt.Sprint("victim", i), 5)
			if wait, ok := th.Allow(home, "romeo"); !ok || wait != 0 {
				t.Fatalf("the owner at home after %d s: %v, %v", i, wait, ok)
			}
			away := netip.AddrFrom4([4]byte{100, 64, byte(i >> 8), byte(i)})
			if wait, ok := th.Allow(away, "romeo"); !ok || wait > MaxAccountWait {
				t.Fatalf("the owner on the road after %d s: %v, %v", i, wait, ok)
			}
		}
		// Even when the guesser shares the owner's address: slow, never refused.
		guess(th, home, "romeo", 1000)
		if wait, ok := th.Allow(home, "romeo"); !ok || wait > MaxWait {
			t.Errorf("the owner with a guesser at home: %v, %v", wait, ok)
		}
	})
}

func TestTrustInAnAddressRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle()
		th.Succeeded(home, "romeo")
		time.Sleep(trustFor + time.Second)
		for i := range 30 {
			guess(th, home, fmt.Sprint("user", i), 1)
		}
		if wait, ok := th.Allow(home, "romeo"); ok && wait == 0 {
			t.Error("an address is trusted for ever")
		}
	})
}

func TestThrottleMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle()
		guess(th, enemy, "romeo", 50)
		for i := range 3 * maxTrusted {
			addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			th.Failed(addr, fmt.Sprint("user", i))
			th.Succeeded(addr, fmt.Sprint("user", i))
			th.Failed(addr, fmt.Sprint("user", i))
		}
		for what, n := range map[string]int{"pairs": len(th.pairs.m), "addresses": len(th.addrs.m), "accounts": len(th.names.m)} {
			if n > maxBuckets {
				t.Errorf("%d %s are kept", n, what)
			}
		}
		if len(th.trusted) > maxTrusted {
			t.Errorf("%d trusted addresses are kept", len(th.trusted))
		}
		if judged, _ := guess(th, enemy, "romeo", 50); judged > 3 {
			t.Errorf("a flood of other names made it forget a guesser: %d judged", judged)
		}
	})
}

func TestPipesHaveNoAddressAndAreNeverRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle()
		if judged, wait := guess(th, netip.Addr{}, "romeo", 100); judged != 100 || wait > MaxAccountWait {
			t.Errorf("%d judged, wait %v", judged, wait)
		}
		th.Succeeded(netip.Addr{}, "romeo")
		if len(th.trusted) != 0 {
			t.Error("no address is trusted")
		}
	})
}

func TestExchangesAreThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig()
		c.Throttle = NewThrottle()
		from := func(addr netip.Addr) Channel { return Channel{Proxied: true, Addr: addr} }
		try := func(addr netip.Addr, mechanism, user, password string) (*Exchange, error) {
			if mechanism == "PLAIN" {
				return play(c, mechanism, from(addr), func(string) (string, error) { return "\x00" + user + "\x00" + password, nil })
			}
			return play(c, mechanism, from(addr), xdgClient(t, mechanism, user, password, "", nil))
		}
		for _, user := range []string{"romeo", "nobody"} {
			for i := range 5 {
				x, err := try(enemy, []string{"PLAIN", "SCRAM-SHA-256"}[i%2], user, "x")
				wantFailure(t, err, NotAuthorized)
				if x.Wait() != 0 {
					t.Errorf("try %d waits %v", i, x.Wait())
				}
			}
			x, err := try(enemy, "SCRAM-SHA-1", user, "x")
			wantFailure(t, err, NotAuthorized)
			if x.Wait() != time.Second {
				t.Errorf("the sixth try waits %v", x.Wait())
			}
			// Right or wrong, the answer is held back alike.
			if user == "romeo" {
				x, err = try(enemy, "SCRAM-SHA-1", user, testPassword)
				if err != nil || x.Wait() < time.Second {
					t.Errorf("the right password waits %v, %v", x.Wait(), err)
				}
				continue
			}
			for range 20 {
				_, err = try(enemy, "PLAIN", user, "x")
			}
			wantFailure(t, err, TemporaryAuthFailure)
		}
		if x, err := try(home, "SCRAM-SHA-256", "romeo", testPassword); err != nil || x.Wait() != 0 {
			t.Errorf("the owner: %v, %v", x.Wait(), err)
		}
		// A disabled account's right password is no guess, and no success either.
		for range 10 {
			_, err := try(home, "PLAIN", "tybalt", testPassword)
			wantFailure(t, err, AccountDisabled)
		}
	})
}

func TestThrottleIsSafeForManyGoroutines(t *testing.T) {
	th := NewThrottle()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(g)})
			for i := range 200 {
				account := fmt.Sprint("user", i%10)
				if _, ok := th.Allow(addr, account); ok && i%3 == 0 {
					th.Succeeded(addr, account)
				} else {
					th.Failed(addr, account)
				}
			}
		})
	}
	wg.Wait()
}
