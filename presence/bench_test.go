package presence

import (
	"fmt"
	"testing"

	"natter/roster"
)

// popular is an account with n contacts, all in mutual subscription.
func popular(b *testing.B, n int) *Account {
	a := &Account{JID: jid(b, "juliet@example.com"), Roster: roster.New(jid(b, "juliet@example.com"), "e", roster.DefaultLimits)}
	for i := range n {
		j := jid(b, fmt.Sprintf("contact%d@example.net", i))
		for _, step := range []string{">subscribe", "<subscribed", "<subscribe", ">subscribed"} {
			if _, err := exchange(b, a, j, step); err != nil {
				b.Fatal(err)
			}
		}
	}
	return a
}

func BenchmarkBroadcastTo100(b *testing.B) {
	a := popular(b, 100).with("balcony", "chamber")
	dst := make([]Action, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		dst = a.Broadcast(dst[:0], balcony, 0)
	}
}

func BenchmarkInitialPresenceWith100(b *testing.B) {
	a := popular(b, 100).with("(balcony)", "chamber")
	dst := make([]Action, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		dst = a.Broadcast(dst[:0], balcony, 0)
		a.Resources[balcony].Available = false
	}
}

func BenchmarkProbeAnswer(b *testing.B) {
	a := popular(b, 100).with("balcony")
	from := jid(b, "contact50@example.net")
	dst := make([]Action, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		dst = Answer(dst[:0], a, from, None)
	}
}
