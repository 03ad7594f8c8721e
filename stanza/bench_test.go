package stanza

import (
	"os"
	"strings"
	"testing"
)

// chatMessage is what the benchmarks measure with: body, chat state, receipt
// request.
var chatMessage = func() string {
	b, err := os.ReadFile("../testdata/stanzas/good/chat-message.xml")
	if err != nil {
		panic(err)
	}
	return string(b)
}()

func BenchmarkScan(b *testing.B) {
	for _, row := range []struct{ name, in string }{
		{"chat", chatMessage},
		{"presence", "<presence id='p1'><show>away</show><priority>5</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://gajim.org' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>"},
		{"text16K", "<message><body>" + strings.Repeat("All the world's a stage, and all the men and women merely players. ", 240) + "</body></message>"},
		{"cyrillic16K", "<message><body>" + strings.Repeat("Весь мир театр, в нём женщины, мужчины, все актёры. ", 170) + "</body></message>"},
	} {
		b.Run(row.name, func(b *testing.B) {
			s := NewScanner(AfterLogin)
			if ev, _, err := s.Next([]byte(openClient)); ev != StreamOpen {
				b.Fatal(err)
			}
			in := []byte(row.in)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if ev, _, err := s.Next(in); ev != Element {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendTo(b *testing.B) {
	st, err := ParseIn([]byte(chatMessage), NSClient, AfterLogin)
	if err != nil {
		b.Fatal(err)
	}
	stamp := &Stamp{From: []byte("juliet@example.com/balcony"), Lang: []byte("en"), NS: NSClient}
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = st.AppendTo(dst[:0], stamp)
	}
}

func BenchmarkParseJID(b *testing.B) {
	for name, s := range map[string]string{
		"normal": "juliet@example.com/balcony.4f1c", "caps": "Juliet@example.com/balcony", "unicode": "жюльет@пример.рф/балкон",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseJID(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("NormalJID", func(b *testing.B) {
		raw := []byte("juliet@example.com/balcony.4f1c")
		b.ReportAllocs()
		for b.Loop() {
			if !NormalJID(raw) {
				b.Fatal("not normal")
			}
		}
	})
}

func TestScanningAllocatesNothing(t *testing.T) {
	s := NewScanner(AfterLogin)
	if ev, _, err := s.Next([]byte(openClient)); ev != StreamOpen {
		t.Fatal(err)
	}
	in := []byte(chatMessage)
	if n := testing.AllocsPerRun(100, func() {
		if ev, _, err := s.Next(in); ev != Element {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
