package c2s

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// masked makes a frame as a client sends it.
func masked(first byte, payload string, key [4]byte) []byte {
	b := appendFrameHead(nil, first&0x0F, len(payload))
	b[0] = first
	b[1] |= 0x80
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i&3])
	}
	return b
}

func frame(first byte, payload string) []byte { return masked(first, payload, [4]byte{1, 2, 3, 0xFF}) }

// read feeds input in pieces of n bytes and returns what came out: opcode and
// payload, and the status code of the error.
func read(in []byte, n, limit int) (out []string, code int) {
	f := frames{limit: limit}
	for len(in) > 0 {
		piece := bytes.Clone(in[:min(n, len(in))])
		in = in[len(piece):]
		for len(piece) > 0 {
			op, payload, k, err := f.next(piece)
			var fe *frameError
			if errors.As(err, &fe) {
				return out, fe.code
			}
			if op != 0 {
				out = append(out, string('0'+rune(op))+string(payload))
			}
			piece = piece[k:]
		}
	}
	return out, 0
}

func TestFrames(t *testing.T) {
	big := strings.Repeat("x", 70_000)
	cat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, row := range []struct {
		name string
		in   []byte
		want []string
		code int
	}{
		{"a message", frame(0x81, "<a/>"), []string{"1<a/>"}, 0},
		{"an empty message", frame(0x81, ""), []string{"1"}, 0},
		{"lengths of two and of eight bytes", cat(frame(0x81, big[:300]), frame(0x81, big)), []string{"1" + big[:300], "1" + big}, 0},
		{"a message in parts, with a ping between", cat(frame(0x01, "<a"), frame(0x89, "hi"), frame(0x00, ">"), frame(0x80, "</a>")),
			[]string{"9hi", "1<a></a>"}, 0},
		{"parts that are empty", cat(frame(0x01, ""), frame(0x00, "<a/>"), frame(0x80, "")), []string{"1<a/>"}, 0},
		{"a pong and a close with a reason", cat(frame(0x8A, ""), frame(0x88, "\x03\xe8bye")), []string{":", "8\x03\xe8bye"}, 0},
		{"binary is no XMPP", frame(0x82, "<a/>"), nil, closeData},
		{"not masked", appendFrame(nil, opText, []byte("<a/>")), nil, closeProtocol},
		{"reserved bits", frame(0xC1, "<a/>"), nil, closeProtocol},
		{"an unknown opcode", frame(0x83, ""), nil, closeProtocol},
		{"an unknown control opcode", frame(0x8B, ""), nil, closeProtocol},
		{"a continuation of nothing", frame(0x80, "x"), nil, closeProtocol},
		{"a message within a message", cat(frame(0x01, "x"), frame(0x81, "y")), nil, closeProtocol},
		{"a ping in parts", frame(0x09, "x"), nil, closeProtocol},
		{"a ping that is too long", frame(0x89, big[:126]), nil, closeProtocol},
		{"half a status", frame(0x88, "\x03"), nil, closeProtocol},
		{"a status that is reserved", frame(0x88, "\x03\xed"), nil, closeProtocol},
		{"a reason that is not UTF-8", frame(0x88, "\x03\xe8\xff"), nil, closeText},
		{"a short length in two bytes", []byte{0x81, 0xFE, 0, 5, 0, 0, 0, 0}, nil, closeProtocol},
		{"a short length in eight bytes", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 500), 0), nil, closeProtocol},
		{"a negative length", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 1<<63), 0), nil, closeProtocol},
		{"too big is known from the head", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 1<<40), 0), nil, closeTooBig},
		{"too big in parts", cat(frame(0x01, big), frame(0x00, big)), nil, closeTooBig},
	} {
		for _, n := range []int{1, 2, 3, 7, 1 << 20} {
			got, code := read(row.in, n, 100_000)
			if code != row.code || strings.Join(got, "|") != strings.Join(row.want, "|") {
				t.Errorf("%s, in pieces of %d: got %.100q, status %d; want %.100q, status %d", row.name, n, got, code, row.want, row.code)
			}
		}
	}
}

// FuzzFrames: however the input is cut, the same comes out, and no more is held
// than the limit.
func FuzzFrames(f *testing.F) {
	f.Add(append(frame(0x01, "<a"), frame(0x80, "/>")...), uint8(3))
	f.Add(append(frame(0x89, "ping"), frame(0x88, "\x03\xe8")...), uint8(1))
	f.Add([]byte{0x81, 0xFE, 1, 0}, uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, n uint8) {
		const limit = 1000
		whole, code := read(in, len(in)+1, limit)
		parts, codeOfParts := read(in, int(n)+1, limit)
		if code != codeOfParts || strings.Join(whole, "|") != strings.Join(parts, "|") {
			t.Fatalf("whole: %q %d; in pieces of %d: %q %d", whole, code, n+1, parts, codeOfParts)
		}
		for _, m := range whole {
			if len(m) > limit+1 {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
	})
}

// TestStandAlone: elements of a stream get the declarations that they lack in a
// message, and those only.
func TestStandAlone(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{`<message/>`, `<message xmlns='jabber:client'/>`},
		{`<message><a xmlns='x'/></message>`, `<message xmlns='jabber:client'><a xmlns='x'/></message>`},
		{`<iq id=' xmlns=' to="a>b"/>`, `<iq xmlns='jabber:client' id=' xmlns=' to="a>b"/>`},
		{`<iq id='1' xmlns='jabber:client'/>`, `<iq id='1' xmlns='jabber:client'/>`},
		{"<iq\n\txmlns = 'jabber:client' />", "<iq\n\txmlns = 'jabber:client' />"},
		{`<r xmlns='urn:xmpp:sm:3'/>`, `<r xmlns='urn:xmpp:sm:3'/>`},
		{`<iq xmlns:x='y' id='1'/>`, `<iq xmlns='jabber:client' xmlns:x='y' id='1'/>`},
		{`<stream:features><a xmlns='x'/></stream:features>`, `<stream:features xmlns:stream='http://etherx.jabber.org/streams'><a xmlns='x'/></stream:features>`},
		{`<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>`, `<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>`},
		{`<x:a xmlns:x='y'/>`, `<x:a xmlns:x='y'/>`},
	} {
		op, got, n := cutFrame(inMessages.appendElement(nil, []byte(row.in)))
		if op != opText || n == 0 || string(got) != row.want {
			t.Errorf("%s: got %s, want %s", row.in, got, row.want)
		}
		if got := inStream.appendElement(nil, []byte(row.in)); string(got) != row.in {
			t.Errorf("%s: in a stream it is %s", row.in, got)
		}
	}
}
