package bench

import (
	"bytes"
	"fmt"
)

// A mark is what a message of the load carries in its body: who sent it, its
// place in the sender's order, and when it was sent or should have been.
type mark struct {
	link int   // number of the sending link
	seq  int64 // 0, 1, 2 ... for each sender
	at   int64 // nanoseconds since the run began
}

// A mark in a body is fixed in width, so that writing and reading it is a
// matter of digits at known places:
//
//	m000012q000000000345t0000001234567890
const (
	linkDigits = 6
	seqDigits  = 12
	timeDigits = 16
	markLen    = 1 + linkDigits + 1 + seqDigits + 1 + timeDigits
	seqOffset  = 1 + linkDigits + 1
	timeOffset = seqOffset + seqDigits + 1
)

var bodyStart = []byte("<body>m")

// a template is one link's message with the places of its changing digits.
type template struct {
	bytes      []byte
	idSeq, seq int // offsets of the digits of the sequence number, in the id and in the body
	time       int // offset of the digits of the time
	link       int
}

// newTemplate returns the message of link, addressed to to, of type typ and of size bytes as
// sent, or longer when the addresses leave no room.
func newTemplate(link int, to, typ string, size int) *template {
	t := &template{link: link}
	var b bytes.Buffer
	fmt.Fprintf(&b, "<message to='%s' type='%s' id='m%0*dq", to, typ, linkDigits, link)
	t.idSeq = b.Len()
	fmt.Fprintf(&b, "%0*d'><body>", seqDigits, 0)
	start := b.Len()
	fmt.Fprintf(&b, "m%0*dq%0*dt%0*d", linkDigits, link, seqDigits, 0, timeDigits, 0)
	t.seq, t.time = start+seqOffset, start+timeOffset
	const tail = "</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>"
	if pad := size - b.Len() - len(tail); pad > 0 {
		b.Write(bytes.Repeat([]byte(" a word of chat"), pad/15+1)[:pad])
	}
	b.WriteString(tail)
	t.bytes = b.Bytes()
	return t
}

// append writes the message with its sequence number and time to dst.
func (t *template) append(dst []byte, seq, at int64) []byte {
	n := len(dst)
	dst = append(dst, t.bytes...)
	m := dst[n:]
	putDigits(m[t.seq:t.seq+seqDigits], seq)
	copy(m[t.idSeq:t.idSeq+seqDigits], m[t.seq:t.seq+seqDigits])
	putDigits(m[t.time:t.time+timeDigits], at)
	return dst
}

// readMark returns the mark in a message's body; ok is false when the body does
// not start with one.
func readMark(message []byte) (m mark, ok bool) {
	i := bytes.Index(message, bodyStart)
	if i < 0 {
		return mark{}, false
	}
	b := message[i+len(bodyStart)-1:]
	if len(b) < markLen || b[seqOffset-1] != 'q' || b[timeOffset-1] != 't' {
		return mark{}, false
	}
	link, ok1 := readDigits(b[1 : 1+linkDigits])
	seq, ok2 := readDigits(b[seqOffset : seqOffset+seqDigits])
	at, ok3 := readDigits(b[timeOffset : timeOffset+timeDigits])
	return mark{link: int(link), seq: seq, at: at}, ok1 && ok2 && ok3
}

// putDigits fills dst with v in decimal, leading zeros included.
func putDigits(dst []byte, v int64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + v%10)
		v /= 10
	}
}

// readDigits returns the decimal number that fills src.
func readDigits(src []byte) (v int64, ok bool) {
	for _, c := range src {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}

// A tracker follows the sequence numbers that one receiver sees of one sender
// and tells what is missing, doubled or out of order. The zero value expects 0
// first.
type tracker struct {
	next      int64              // one above the highest seen
	holes     map[int64]struct{} // below next and not seen
	doubled   int64
	reordered int64 // came after a higher one
	absurd    int64 // so far above the expected that they are noise, not counted further
}

// maxHoles bounds the memory spent on what is missing.
const maxHoles = 1 << 20

// see records that seq arrived and reports whether it is the first time.
func (t *tracker) see(seq int64) bool {
	switch {
	case seq == t.next:
		t.next++
		return true
	case seq > t.next:
		if seq-t.next > int64(maxHoles-len(t.holes)) {
			t.absurd++
			return false
		}
		if t.holes == nil {
			t.holes = make(map[int64]struct{})
		}
		for ; t.next < seq; t.next++ {
			t.holes[t.next] = struct{}{}
		}
		t.next++
		return true
	}
	if _, missing := t.holes[seq]; missing {
		delete(t.holes, seq)
		t.reordered++
		return true
	}
	t.doubled++
	return false
}

// lost returns how many of the first sent messages have not been seen.
func (t *tracker) lost(sent int64) int64 {
	return max(sent-t.next, 0) + int64(len(t.holes))
}
