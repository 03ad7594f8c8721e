package c2s

import (
	"bytes"
	"testing"
)

// FuzzRecord: however ciphertext arrives and is asked for, what is handed out is
// all of it, in order, and never crosses the end of a record.
func FuzzRecord(f *testing.F) {
	f.Add([]byte{0, 1, 5, 0, 200}, uint8(3), uint8(7))
	f.Add([]byte{255, 255, 1}, uint8(1), uint8(1))
	f.Add([]byte{}, uint8(0), uint8(255))
	f.Fuzz(func(t *testing.T, sizes []byte, arrive, ask uint8) {
		var all []byte
		ends := map[int]bool{}
		for i, n := range sizes {
			size := int(n) * (1 + i%3*40)
			all = append(all, 23, 3, 3, byte(size>>8), byte(size))
			all = append(all, bytes.Repeat([]byte{byte(i)}, size)...)
			ends[len(all)] = true
		}
		w := &wire{push: true}
		var got []byte
		p := make([]byte, int(ask)+1)
		for rest := all; len(rest) > 0; {
			n := min(int(arrive)+1, len(rest))
			w.in, rest = rest[:n], rest[n:]
			for len(w.in) > 0 {
				k, err := w.Read(p)
				if err != nil || k == 0 {
					t.Fatalf("read %d, %v with %d bytes there", k, err, len(w.in))
				}
				for i := 1; i < k; i++ {
					if ends[len(got)+i] {
						t.Fatalf("a read of %d bytes at %d goes over the end of a record", k, len(got))
					}
				}
				got = append(got, p[:k]...)
			}
		}
		if !bytes.Equal(got, all) {
			t.Errorf("%d bytes are handed out, not the %d that came", len(got), len(all))
		}
		if want := (record{}); w.at != want {
			t.Errorf("after whole records the place is %+v", w.at)
		}
	})
}
