package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

// block is a header of version 2: version and command, family and protocol, and
// what follows the length.
func block(command, family byte, rest ...[]byte) string {
	body := bytes.Join(rest, nil)
	b := append(bytes.Clone(signature), command, family)
	return string(append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...))
}

// addrs are the addresses of a header of version 2.
func addrs(source, target string) []byte {
	s, t := netip.MustParseAddrPort(source), netip.MustParseAddrPort(target)
	b := append(s.Addr().AsSlice(), t.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, s.Port())
	return binary.BigEndian.AppendUint16(b, t.Port())
}

func tlv(kind byte, value ...byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value))), value...)
}

var (
	v4 = addrs("192.0.2.1:56324", "198.51.100.7:5222")
	v6 = addrs("[2001:db8::1]:56324", "[2001:db8::2]:5222")
	// mapped is how a proxy with one socket for both families may say 192.0.2.1.
	mapped = addrs("[::ffff:192.0.2.1]:56324", "[::ffff:198.51.100.7]:5222")
	unix   = bytes.Repeat([]byte("/run/x\x00\x00"), 27)
)

var rows = []struct {
	name, in string
	source   string // "" for none
	tls      bool
	err      error
}{
	{"version 1, IPv4", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5222\r\n", "192.0.2.1:56324", false, nil},
	{"the longest IPv4", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535", false, nil},
	{"the shortest ports", "PROXY TCP4 1.1.1.1 1.1.1.1 0 0\r\n", "1.1.1.1:0", false, nil},
	{"IPv6", "PROXY TCP6 2001:db8::1 2001:DB8::2 56324 5222\r\n", "[2001:db8::1]:56324", false, nil},
	{"the longest IPv6", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535", false, nil},
	{"IPv4 in IPv6 is IPv4", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6407 56324 5222\r\n", "192.0.2.1:56324", false, nil},
	{"unknown", "PROXY UNKNOWN\r\n", "", false, nil},
	{"unknown, with what is to be ignored", "PROXY UNKNOWN 192.0.2.1 \r\t\n <> 1 2 3 4 5 6\r\n", "", false, nil},
	{"the longest unknown", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", "", false, nil},
	{"unknown, a byte too long", "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", "", false, errLong},
	{"no end", "PROXY TCP4 " + strings.Repeat("1", 200), "", false, errLong},
	{"a line that ends in LF", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5222\nGET / HTTP/1.1\r\n", "", false, errLine},
	{"two spaces", "PROXY TCP4  192.0.2.1 198.51.100.7 56324 5222\r\n", "", false, errLine},
	{"a space at the end", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5222 \r\n", "", false, errLine},
	{"a field less", "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n", "", false, errLine},
	{"a zero in front of an address", "PROXY TCP4 192.0.02.1 198.51.100.7 56324 5222\r\n", "", false, errLine},
	{"a zero in front of a port", "PROXY TCP4 192.0.2.1 198.51.100.7 056324 5222\r\n", "", false, errLine},
	{"a port with a sign", "PROXY TCP4 192.0.2.1 198.51.100.7 +5632 5222\r\n", "", false, errLine},
	{"a port too great", "PROXY TCP4 192.0.2.1 198.51.100.7 65536 5222\r\n", "", false, errLine},
	{"no port", "PROXY TCP4 192.0.2.1 198.51.100.7  5222\r\n", "", false, errLine},
	{"a wrong target", "PROXY TCP4 192.0.2.1 localhost 56324 5222\r\n", "", false, errLine},
	{"IPv6 as TCP4", "PROXY TCP4 2001:db8::1 2001:db8::2 56324 5222\r\n", "", false, errLine},
	{"IPv4 as TCP6", "PROXY TCP6 192.0.2.1 198.51.100.7 56324 5222\r\n", "", false, errLine},
	{"an address with a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 56324 5222\r\n", "", false, errLine},
	{"UDP", "PROXY UDP4 192.0.2.1 198.51.100.7 56324 5222\r\n", "", false, errLine},
	{"small letters", "PROXY tcp4 192.0.2.1 198.51.100.7 56324 5222\r\n", "", false, errLine},

	{"version 2, IPv4", block(0x21, 0x11, v4), "192.0.2.1:56324", false, nil},
	{"IPv6", block(0x21, 0x21, v6), "[2001:db8::1]:56324", false, nil},
	{"IPv4 in IPv6 is IPv4", block(0x21, 0x21, mapped), "192.0.2.1:56324", false, nil},
	{"with TLVs", block(0x21, 0x11, v4, tlv(1, []byte("h2")...), tlv(2, []byte("example.org")...), tlv(4)), "192.0.2.1:56324", false, nil},
	{"over TLS", block(0x21, 0x11, v4, tlv(4, 0), tlv(0x20, append([]byte{1, 0, 0, 0, 0}, tlv(0x21, []byte("TLSv1.3")...)...)...)), "192.0.2.1:56324", true, nil},
	{"over none, in so many words", block(0x21, 0x11, v4, tlv(0x20, 0, 0, 0, 0, 0)), "192.0.2.1:56324", false, nil},
	{"as many TLVs as there may be", block(0x21, 0x11, v4, tlv(4, make([]byte, maxBlock-len(v4)-3)...)), "192.0.2.1:56324", false, nil},
	{"a byte more", block(0x21, 0x11, v4, tlv(4, make([]byte, maxBlock-len(v4)-2)...)), "", false, errLong},
	{"local", block(0x20, 0x00), "", false, nil},
	{"local, with what is to be ignored", block(0x20, 0x11, v4, tlv(0x20, 1, 0, 0, 0, 0)), "", false, nil},
	{"local, whatever the family", block(0x20, 0xff, []byte("x")), "", false, nil},
	{"unspecified", block(0x21, 0x00), "", false, nil},
	{"unspecified, with bytes of its own", block(0x21, 0x00, []byte("abc")), "", false, nil},
	{"a UNIX socket", block(0x21, 0x31, unix), "", false, nil},
	{"a UNIX socket, over TLS", block(0x21, 0x31, unix, tlv(0x20, 1, 0, 0, 0, 0)), "", true, nil},
	{"UDP is not what we are asked over", block(0x21, 0x12, v4), "", false, nil},
	{"an unspecified protocol", block(0x21, 0x10, v4), "", false, nil},
	{"a command that there is not", block(0x22, 0x11, v4), "", false, errVersion},
	{"a version that there is not", block(0x31, 0x11, v4), "", false, errVersion},
	{"a family that there is not", block(0x21, 0x41, v4), "", false, errBlock},
	{"a protocol that there is not", block(0x21, 0x13, v4), "", false, errBlock},
	{"too short for IPv4", block(0x21, 0x11, v4[:11]), "", false, errBlock},
	{"too short for IPv6", block(0x21, 0x21, v4), "", false, errBlock},
	{"too short for UNIX", block(0x21, 0x31, v6), "", false, errBlock},
	{"half a TLV", block(0x21, 0x11, v4, []byte{4, 0}), "", false, errBlock},
	{"a TLV beyond the end", block(0x21, 0x11, v4, []byte{4, 0, 9, 1}), "", false, errBlock},
	{"a TLV of TLS without its fields", block(0x21, 0x11, v4, tlv(0x20, 1)), "", false, errBlock},

	{"HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "", false, errNone},
	{"XMPP", "<?xml version='1.0'?><stream:stream>", "", false, errNone},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", false, errNone},
	{"almost version 1", "PROXZ TCP4 192.0.2.1 198.51.100.7 56324 5222\r\n", "", false, errNone},
	{"almost version 2", "\r\n\r\n\x00\r\nQUIT\r\x21\x11\x00\x0c", "", false, errNone},
	{"nothing", "", "", false, io.EOF},
	{"a piece of version 1", "PROXY TCP4 192.0.2.1", "", false, io.ErrUnexpectedEOF},
	{"a piece of version 2", block(0x21, 0x11, v4)[:20], "", false, io.ErrUnexpectedEOF},
}

// TestReadHeader: whole, byte by byte, and without a byte beyond it.
func TestReadHeader(t *testing.T) {
	const after = "<stream:stream>"
	for _, row := range rows {
		for _, how := range []struct {
			name string
			wrap func(io.Reader) io.Reader
		}{
			{"whole", func(r io.Reader) io.Reader { return r }},
			{"byte by byte", iotest.OneByteReader},
			{"in halves", iotest.HalfReader},
			{"with its end", iotest.DataErrReader},
		} {
			in := row.in
			if row.err == nil {
				in += after
			}
			src := strings.NewReader(in)
			h, err := ReadHeader(how.wrap(src))
			if !errors.Is(err, row.err) || err == nil && row.err != nil {
				t.Errorf("%s, %s: error %v, want %v", row.name, how.name, err, row.err)
				continue
			}
			got := ""
			if h.Source.IsValid() {
				got = h.Source.String()
			}
			if got != row.source || h.TLS != row.tls {
				t.Errorf("%s, %s: %q over TLS %v, want %q over TLS %v", row.name, how.name, got, h.TLS, row.source, row.tls)
			}
			if rest, _ := io.ReadAll(src); err == nil && how.name != "with its end" && string(rest) != after {
				t.Errorf("%s, %s: left %q unread", row.name, how.name, rest)
			}
		}
	}
}

// TestReadHeaderAtOnce: what cannot become a header is refused before more comes.
func TestReadHeaderAtOnce(t *testing.T) {
	for _, in := range []string{"<", "\x16\x03", "PROT", "\r\n\r\n\x01", "HELLO"} {
		if _, err := ReadHeader(io.MultiReader(strings.NewReader(in), iotest.ErrReader(errors.New("asked for more")))); err != errNone {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	for _, row := range rows {
		f.Add([]byte(row.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, slow := bytes.NewReader(in), bytes.NewReader(in)
		h, err := ReadHeader(whole)
		again, errAgain := ReadHeader(iotest.OneByteReader(slow))
		if h != again || (err == nil) != (errAgain == nil) {
			t.Fatalf("%q: %v, %v; byte by byte: %v, %v", in, h, err, again, errAgain)
		}
		used := len(in) - whole.Len()
		switch {
		case err != nil:
			if h != (Header{}) {
				t.Fatalf("%q: %v beside %v", in, h, err)
			}
			return
		case used > maxLine && in[0] == 'P', used > 16+maxBlock:
			t.Fatalf("%q: a header of %d bytes", in, used)
		case used != len(in)-slow.Len():
			t.Fatalf("%q: %d or %d bytes", in, used, len(in)-slow.Len())
		case h.Source.Addr().Is4In6() || h.Source.Addr().Zone() != "":
			t.Fatalf("%q: %v", in, h.Source)
		}
		if exact, err := ReadHeader(bytes.NewReader(in[:used])); err != nil || exact != h {
			t.Fatalf("%q: alone %v, %v", in[:used], exact, err)
		}
		if _, err := ReadHeader(bytes.NewReader(in[:used-1])); err == nil {
			t.Fatalf("%q: nor is the last byte needed", in[:used])
		}
	})
}
