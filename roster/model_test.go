package roster

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"natter/stanza"
)

// A party is one of two accounts that manage their subscriptions to each other,
// with what its server stores and a client that never goes offline.
type party struct {
	t      testing.TB
	jid    stanza.JID
	roster *Roster
	store  map[string][]byte
	client map[string]string            // the contact list as a client builds it from pushes
	past   map[string]map[string]string // that list at every version
	inbox  []Kind                       // what the other one's server has sent
	other  *party
	log    *[]string
}

func couple(t testing.TB) (a, b *party) {
	log := new([]string)
	one := func(name string) *party {
		j := jid(t, name+"@"+name+".example")
		p := &party{
			t: t, jid: j, roster: New(j, "e", DefaultLimits), store: map[string][]byte{},
			client: map[string]string{}, past: map[string]map[string]string{}, log: log,
		}
		p.past[p.roster.Version()] = map[string]string{}
		return p
	}
	a, b = one("romeo"), one("juliet")
	a.other, b.other = b, a
	return a, b
}

func (p *party) note(format string, args ...any) {
	*p.log = append(*p.log, p.jid.Local()+" "+fmt.Sprintf(format, args...))
}

func (p *party) state() State { return p.roster.State(p.other.jid) }

// sends is the owner sending a stanza to the other one.
func (p *party) sends(k Kind) {
	e, err := p.roster.Outbound(p.other.jid, k)
	if err != nil {
		p.fail("sending %v: %v", k, err)
	}
	p.note("sends %v: %v -> %v", k, e.Before, e.After)
	if e.Pass {
		p.other.inbox = append(p.other.inbox, k)
	}
	p.pushed(e.Pushed, e.Push)
	p.settle()
}

// receives is the first stanza of the inbox arriving.
func (p *party) receives() {
	k := p.inbox[0]
	p.inbox = p.inbox[1:]
	e, err := p.roster.Inbound(p.other.jid, k, []byte("<presence type='subscribe'/>"))
	if err != nil {
		p.fail("receiving %v: %v", k, err)
	}
	p.note("receives %v: %v -> %v", k, e.Before, e.After)
	if e.AutoReply != NoKind {
		p.other.inbox = append(p.other.inbox, e.AutoReply)
	}
	if e.Pass && (k == Subscribe) != (e.After.PendingIn() && !e.Before.PendingIn()) {
		p.fail("%v was delivered, but the owner is asked: %v", k, e.After.PendingIn())
	}
	p.pushed(e.Pushed, e.Push)
	p.settle()
}

func (p *party) sets(name string) {
	push, err := p.roster.Set(SetRequest{JID: p.other.jid, Name: name})
	if err != nil {
		p.fail("setting: %v", err)
	}
	p.note("sets %q", name)
	p.pushed(true, push)
	p.settle()
}

func (p *party) removes() {
	out, err := p.roster.Remove(p.other.jid)
	if err != nil {
		return
	}
	p.note("removes: %v -> %v", out.Before, p.state())
	if out.Unsubscribe {
		p.other.inbox = append(p.other.inbox, Unsubscribe)
	}
	if out.Unsubscribed {
		p.other.inbox = append(p.other.inbox, Unsubscribed)
	}
	p.pushed(true, out.Push)
	p.settle()
}

func (p *party) pushed(did bool, push Push) {
	if !did {
		return
	}
	if _, again := p.past[push.Version]; again {
		p.fail("a second push with version %s", push.Version)
	}
	apply(p.t, p.client, push)
	p.past[push.Version] = maps.Clone(p.client)
}

// apply is a client taking in a push.
func apply(t testing.TB, list map[string]string, push Push) {
	q := readAsClient(t, push.AppendTo(nil))
	if len(q.Items) != 1 || q.Ver != push.Version {
		t.Fatalf("pushed %s", push.AppendTo(nil))
	}
	if item := q.Items[0]; item.Subscription == "remove" {
		delete(list, item.JID)
	} else {
		list[item.JID] = fmt.Sprintf("%+v", item)
	}
}

// settle stores what changed and compares all that must agree at any time.
func (p *party) settle() {
	for _, d := range p.roster.Changes() {
		if d.Data == nil {
			delete(p.store, d.Key)
		} else {
			p.store[d.Key] = d.Data
		}
	}
	if len(p.store) > 0 {
		again, err := Load(p.jid, "x", DefaultLimits, maps.All(p.store))
		if err != nil {
			p.fail("loading: %v", err)
		}
		same(p.t, again, p.roster)
	}
	sound(p.t, p.roster)

	whole := map[string]string{}
	for _, item := range readAsClient(p.t, p.roster.AppendResult(nil)).Items {
		whole[item.JID] = fmt.Sprintf("%+v", item)
	}
	if !maps.Equal(whole, p.client) {
		p.fail("the pushes make %v, the roster is %v", p.client, whole)
	}
	if (p.roster.Request(p.other.jid) != nil) != p.state().PendingIn() {
		p.fail("in state %v the request is %s", p.state(), p.roster.Request(p.other.jid))
	}
	if p.t.Failed() {
		p.fail("see above")
	}
}

// catchesUp checks that a client that left at any earlier version gets to the
// same list by the changes it is told.
func (p *party) catchesUp() {
	for ver, list := range p.past {
		missed, ok := p.roster.Since(ver)
		if !ok {
			continue
		}
		list = maps.Clone(list)
		for _, push := range missed {
			apply(p.t, list, push)
		}
		if !maps.Equal(list, p.client) {
			p.fail("from version %s the changes make %v instead of %v", ver, list, p.client)
		}
	}
}

func (p *party) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s: %s\nafter %s", p.jid.Local(), fmt.Sprintf(format, args...), strings.Join(*p.log, "\n      "))
}

// random lets p do one thing that a client can do.
func (p *party) random(rng *rand.Rand) {
	switch n := rng.IntN(12); n {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		p.sends(Subscribe + Kind(n%4))
	case 8, 9:
		p.sets(fmt.Sprint("name ", rng.IntN(3)))
	default:
		p.removes()
	}
}

// deliver lets everything arrive that is under way, in order each way.
func deliver(rng *rand.Rand, a, b *party) {
	for n := 0; len(a.inbox)+len(b.inbox) > 0; n++ {
		if n > 1000 {
			a.fail("the two servers never stop answering each other")
		}
		p := a
		if len(a.inbox) == 0 || len(b.inbox) > 0 && rng.IntN(2) == 0 {
			p = b
		}
		p.receives()
	}
}

// agree is the two rosters telling the same story.
func agree(a, b *party) bool {
	half := func(a, b State) bool { return a.HasTo() == b.HasFrom() && a.Ask() == b.PendingIn() }
	return half(a.state(), b.state()) && half(b.state(), a.state())
}

func TestTwoRostersAgreeWhenEveryStanzaArrivesBeforeTheNext(t *testing.T) {
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a, b := couple(t)
		for range 30 {
			[]*party{a, b}[rng.IntN(2)].random(rng)
			deliver(rng, a, b)
			if !agree(a, b) {
				a.fail("romeo is in %v and juliet in %v", a.state(), b.state())
			}
		}
		a.catchesUp()
		b.catchesUp()
	}
}

// Stanzas that cross on the way can leave two servers with different stories:
// an answer to an old request may end a new one. What must hold all the same is
// that the servers stop talking, and that people can put it right by the means
// they have.
func TestTwoRostersCanBeBroughtToAgreeAfterStanzasHaveCrossed(t *testing.T) {
	crossed := 0
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 2))
		a, b := couple(t)
		for range 30 {
			switch p := []*party{a, b}[rng.IntN(2)]; {
			case len(p.inbox) > 0 && rng.IntN(3) > 0:
				p.receives()
			default:
				p.random(rng)
			}
		}
		deliver(rng, a, b)
		if !agree(a, b) {
			crossed++
		}
		if seed%2 == 0 { // both take back what they had, and start over
			for _, p := range []*party{a, b} {
				p.sends(Unsubscribe)
				deliver(rng, a, b)
			}
			if !agree(a, b) || a.state().Subscription() != None || a.state().Ask() || a.state().PendingIn() {
				a.fail("after unsubscribing romeo is in %v and juliet in %v", a.state(), b.state())
			}
		}
		for _, p := range []*party{a, b} { // ask, and be approved
			p.sends(Subscribe)
			deliver(rng, a, b)
			p.other.sends(Subscribed)
			deliver(rng, a, b)
			if !p.state().HasTo() || !p.other.state().HasFrom() {
				a.fail("after %v was approved romeo is in %v and juliet in %v", p.jid, a.state(), b.state())
			}
		}
		if !agree(a, b) || a.state() != StateBoth || b.state() != StateBoth {
			a.fail("after both were approved romeo is in %v and juliet in %v", a.state(), b.state())
		}
		a.catchesUp()
		b.catchesUp()
	}
	if crossed == 0 {
		t.Error("no stanzas ever crossed: the test tests nothing")
	}
}

// Every pair of states that two agreeing rosters can be in, and every stanza
// from there: nothing but agreement follows.
func TestEveryStanzaKeepsEveryAgreement(t *testing.T) {
	type pair struct{ a, b State }
	reached := map[pair]bool{{}: true}
	queue := []pair{{}}
	for len(queue) > 0 {
		from := queue[0]
		queue = queue[1:]
		for k := Subscribe; k <= Unsubscribed; k++ {
			next := exchange(t, from.a, from.b, k)
			for _, p := range []pair{{next[0], next[1]}, {next[1], next[0]}} {
				if !reached[p] {
					reached[p] = true
					queue = append(queue, p)
				}
			}
		}
	}
	seen := map[State]bool{}
	for p := range reached {
		seen[p.a] = true
		for _, s := range [][2]State{{p.a, p.b}, {p.b, p.a}} {
			if s[0].HasTo() != s[1].HasFrom() || s[0].Ask() != s[1].PendingIn() {
				t.Errorf("%v stands against %v", s[0], s[1])
			}
		}
	}
	if len(seen) != states {
		t.Errorf("only %v were reached", slices.Sorted(maps.Keys(seen)))
	}
}

// exchange lets the one in state a send k to the one in state b, by the tables
// alone, until neither has anything left to say.
func exchange(t *testing.T, a, b State, k Kind) [2]State {
	t.Helper()
	s := [2]State{a, b}
	sent := Outbound(a, k)
	s[0] = sent.Next
	to := 1
	for n := 0; sent.Route || n > 0; n++ {
		if n > 5 {
			t.Fatalf("%v sent in %v to %v is answered without end", k, a, b)
		}
		got := Inbound(s[to], k)
		s[to] = got.Next
		if got.AutoReply == NoKind {
			break
		}
		k, to = got.AutoReply, 1-to
	}
	return s
}

func TestReadingARosterChangesNothing(t *testing.T) {
	r := lively(t)
	r.Changes()
	var before bytes.Buffer
	for _, d := range r.Documents() {
		fmt.Fprintf(&before, "%q %q\n", d.Key, d.Data)
	}
	for range 2 {
		r.AppendResult(nil)
		r.Since("e1-1")
		for item := range r.All() {
			r.Get(item.JID)
			r.State(item.JID)
		}
		for j := range r.Requests() {
			r.Request(j)
		}
	}
	var after bytes.Buffer
	for _, d := range r.Documents() {
		fmt.Fprintf(&after, "%q %q\n", d.Key, d.Data)
	}
	if before.String() != after.String() || r.Changes() != nil {
		t.Errorf("before:\n%s\nafter:\n%s", &before, &after)
	}
}
