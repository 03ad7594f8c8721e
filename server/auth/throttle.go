package auth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Throttle slows password guessing down without handing a guesser the means to
// lock somebody else out. Failed tries fill three leaky buckets:
//
//   - the address with the account (one client that guesses one password),
//   - the address (one client that goes through many accounts),
//   - the account (many clients after one account).
//
// What is in them beyond a free allowance delays the next try, the longer the
// fuller. The first two make tries queue up one behind the other, and refuse those
// that would have to queue for longer than MaxWait. The account's bucket never
// refuses and delays by MaxAccountWait at most, so its owner always gets in; and an
// address from which the owner has logged in before skips the account's and
// the address's bucket and never queues.
//
// IPv6 addresses count by their /64. Memory is bounded to about 4 MiB. All
// methods are safe for concurrent use and never block. The clock is time.Now.
type Throttle struct {
	mu      sync.Mutex
	seed    maphash.Seed
	pairs   buckets
	addrs   buckets
	names   buckets
	trusted map[uint64]time.Time // address and account -> last success
}

// MaxWait is the longest that an answer is ever held back, and MaxAccountWait the
// longest for tries that others have made on the account.
const (
	MaxWait        = 10 * time.Second
	MaxAccountWait = 3 * time.Second
)

const (
	maxBuckets = 16_384              // per kind
	maxTrusted = 65_536              // addresses with account
	trustFor   = 90 * 24 * time.Hour // since the last success
)

// kind says how one kind of bucket behaves.
type kind struct {
	free  float64       // failures without consequence
	drain time.Duration // one failure is forgiven in this time
	first time.Duration // delay at the first failure too many; doubles with each
	max   time.Duration // longest delay
}

var (
	pairKind = kind{free: 5, drain: time.Minute, first: time.Second, max: MaxWait}
	addrKind = kind{free: 20, drain: 15 * time.Second, first: time.Second / 4, max: MaxWait}
	nameKind = kind{free: 20, drain: 10 * time.Second, first: time.Second / 8, max: MaxAccountWait}
)

// NewThrottle returns an empty throttle.
func NewThrottle() *Throttle {
	return &Throttle{
		seed:    maphash.MakeSeed(),
		pairs:   buckets{kind: pairKind},
		addrs:   buckets{kind: addrKind},
		names:   buckets{kind: nameKind},
		trusted: make(map[uint64]time.Time),
	}
}

// Allow is called once before a try is judged. Not ok means: don't judge it,
// answer temporary-auth-failure. Otherwise judge it, report the outcome at once, and
// hold the answer, good or bad, back for wait: so the buckets are never behind,
// however many connections try at the same time.
func (t *Throttle) Allow(addr netip.Addr, account string) (wait time.Duration, ok bool) {
	now := time.Now()
	k := t.keys(addr, account)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !addr.IsValid() {
		return t.names.delay(k.name, now), true
	}
	if t.trusts(k.pair, now) {
		return t.pairs.delay(k.pair, now), true
	}
	queue := max(t.pairs.queue(k.pair, now), t.addrs.queue(k.addr, now))
	if queue > MaxWait {
		return 0, false
	}
	t.pairs.book(k.pair, now)
	t.addrs.book(k.addr, now)
	return max(queue, t.names.delay(k.name, now)), true
}

// Failed reports that the try was wrong.
func (t *Throttle) Failed(addr netip.Addr, account string) {
	now := time.Now()
	k := t.keys(addr, account)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names.add(k.name, now)
	if addr.IsValid() {
		t.pairs.add(k.pair, now)
		t.addrs.add(k.addr, now)
	}
}

// Succeeded reports that the try was right: the pair's failures are forgotten and
// the address is known as the account's. The address's own bucket stays, or a
// guesser could empty it by logging in to an account of his own.
func (t *Throttle) Succeeded(addr netip.Addr, account string) {
	if !addr.IsValid() {
		return
	}
	k := t.keys(addr, account)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pairs.m, k.pair)
	if _, ok := t.trusted[k.pair]; !ok && len(t.trusted) >= maxTrusted {
		t.forget()
	}
	t.trusted[k.pair] = time.Now()
}

func (t *Throttle) trusts(pair uint64, now time.Time) bool {
	last, ok := t.trusted[pair]
	return ok && now.Sub(last) < trustFor
}

// forget drops the oldest of a few trusted addresses.
func (t *Throttle) forget() {
	var oldest uint64
	var at time.Time
	n := 0
	for key, last := range t.trusted {
		if n == 0 || last.Before(at) {
			oldest, at = key, last
		}
		if n++; n == sample {
			break
		}
	}
	delete(t.trusted, oldest)
}

// throttleKeys are the three buckets' keys; hashed, so that long names that don't
// exist cost no memory.
type throttleKeys struct{ pair, addr, name uint64 }

func (t *Throttle) keys(addr netip.Addr, account string) throttleKeys {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	type pair struct {
		addr    netip.Addr
		account string
	}
	return throttleKeys{
		pair: maphash.Comparable(t.seed, pair{addr, account}),
		addr: maphash.Comparable(t.seed, addr),
		name: maphash.String(t.seed, account),
	}
}
