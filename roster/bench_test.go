package roster

import (
	"fmt"
	"testing"
)

// contacts is a roster of n contacts in mutual subscription.
func contacts(b *testing.B, n int) *Roster {
	r := romeos(b)
	for i := range n {
		j := jid(b, fmt.Sprintf("contact%d@example.net", i))
		if _, err := r.Put(Item{JID: j, Name: "Contact", Groups: []string{"Friends"}, State: StateBoth}, nil); err != nil {
			b.Fatal(err)
		}
	}
	r.Changes()
	return r
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := contacts(b, n)
			docs := r.Documents()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Load(r.owner, "e", r.limits, documents(docs)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendResult(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := contacts(b, n)
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = r.AppendResult(dst[:0])
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

func BenchmarkSetAndChangesIn10000(b *testing.B) {
	r := contacts(b, 10_000)
	req := SetRequest{JID: jid(b, "contact77@example.net"), Name: "Another", Groups: []string{"Friends"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Set(req); err != nil {
			b.Fatal(err)
		}
		if len(r.Changes()) != 1 {
			b.Fatal("not one document")
		}
	}
}

func BenchmarkStateIn10000(b *testing.B) {
	r := contacts(b, 10_000)
	j := jid(b, "contact77@example.net/home")
	b.ReportAllocs()
	for b.Loop() {
		if r.State(j) != StateBoth {
			b.Fatal("not found")
		}
	}
}

func BenchmarkSinceIn10000(b *testing.B) {
	r := contacts(b, 10_000)
	ver := r.Version()
	for i := range 10 {
		set(b, r, fmt.Sprintf("contact%d@example.net", i), "x")
	}
	b.ReportAllocs()
	for b.Loop() {
		if missed, ok := r.Since(ver); !ok || len(missed) != 10 {
			b.Fatal("wrong answer")
		}
	}
}

func BenchmarkParseSet(b *testing.B) {
	st := iq(b, "<query xmlns='jabber:iq:roster'><item jid='nurse@example.com' name='Nurse'><group>Servants</group></item></query>")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseSet(st); err != nil {
			b.Fatal(err)
		}
	}
}
