package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strconv"
)

// Header is what a proxy says of the connection that it passes on.
type Header struct {
	// Source is where the client is; IPv4 is never in the form of IPv6. It is invalid
	// where the header names no internet address: the proxy is the client itself
	// (LOCAL), or cannot tell (UNKNOWN, UNSPEC, UNIX). The connection's own address
	// counts then (§2.1, §2.2).
	Source netip.AddrPort
	// TLS says that the client speaks TLS with the proxy (§2.2.6).
	TLS bool
}

// Errors of ReadHeader, beside those of reading.
var (
	errNone    = errors.New("no PROXY header, which this proxy has to send")
	errVersion = errors.New("PROXY header of a version or for a purpose that is not known")
	errLine    = errors.New("malformed PROXY header of version 1")
	errBlock   = errors.New("malformed PROXY header of version 2")
	errLong    = errors.New("PROXY header that is too long")
)

const (
	maxLine  = 107     // bytes of version 1, with CRLF (§2.1)
	maxBlock = 4 << 10 // bytes of version 2 after the first 16: addresses and TLVs
)

// signature begins version 2, opening version 1. Neither can begin XML, TLS or HTTP.
var (
	signature = []byte("\r\n\r\n\x00\r\nQUIT\n")
	opening   = []byte("PROXY ")
)

// ReadHeader reads the header that begins a connection and nothing beyond it, so
// that what follows can be read by any means. It fails as soon as the header cannot
// become a right one. Deadlines are r's.
func ReadHeader(r io.Reader) (Header, error) {
	b := make([]byte, len(signature), maxLine)
	for n := 0; n < len(b); {
		k, err := r.Read(b[n:])
		n += k
		if !begins(signature, b[:n]) && !begins(opening, b[:n]) {
			return Header{}, errNone
		}
		if err != nil && n < len(b) {
			return Header{}, cut(err, n)
		}
	}
	if b[0] == opening[0] {
		return readLine(r, b)
	}
	return readBlock(r)
}

// begins reports whether b begins what, or what b.
func begins(what, b []byte) bool {
	n := min(len(what), len(b))
	return bytes.Equal(what[:n], b[:n])
}

// cut makes the end of input within a header an error of its own; before it, it
// stays io.EOF: somebody has looked whether the port is open.
func cut(err error, read int) error {
	if err == io.EOF && read > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readLine reads what is left of version 1; b is what is read already. Since the line
// ends with CRLF, two more bytes are due wherever it does not end in CR.
func readLine(r io.Reader, b []byte) (Header, error) {
	for need := 3; need > 0; { // "PROXY UNKNOWN\r\n" is the shortest
		n := len(b)
		if n+need > maxLine {
			return Header{}, errLong
		}
		b = b[:n+need]
		if _, err := io.ReadFull(r, b[n:]); err != nil {
			return Header{}, cut(err, n)
		}
		switch {
		case bytes.HasSuffix(b, []byte("\r\n")):
			need = 0
		case b[len(b)-1] == '\r':
			need = 1
		default:
			need = 2
		}
	}
	return parseLine(string(b[:len(b)-2]))
}

// parseLine reads a line of version 1 (§2.1).
func parseLine(line string) (Header, error) {
	var fields [6]string
	n := 0
	for from, i := 0, 0; i <= len(line); i++ {
		if i < len(line) && line[i] != ' ' {
			continue
		}
		if n < len(fields) {
			fields[n] = line[from:i]
		}
		n++
		from = i + 1
	}
	if fields[1] == "UNKNOWN" {
		return Header{}, nil // whatever follows
	}
	if n != len(fields) {
		return Header{}, errLine
	}
	v6 := fields[1] == "TCP6"
	if !v6 && fields[1] != "TCP4" {
		return Header{}, errLine
	}
	source, ok := endpoint(fields[2], fields[4], v6)
	if _, right := endpoint(fields[3], fields[5], v6); !ok || !right {
		return Header{}, errLine
	}
	return Header{Source: source}, nil
}

// endpoint reads an address and a port as version 1 has them.
func endpoint(addr, port string, v6 bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Is6() != v6 || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
}

// readBlock reads what is left of version 2, after its signature (§2.2).
func readBlock(r io.Reader) (Header, error) {
	var head [4]byte // version and command, family and protocol, length
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Header{}, cut(err, len(signature))
	}
	local := head[0] == 0x20
	family, protocol := head[1]>>4, head[1]&0xf
	switch {
	case !local && head[0] != 0x21:
		return Header{}, errVersion
	case !local && (family > 3 || protocol > 2):
		return Header{}, errBlock
	}
	size := int(binary.BigEndian.Uint16(head[2:]))
	if size > maxBlock {
		return Header{}, errLong
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return Header{}, cut(err, len(signature))
	}
	if local {
		return Header{}, nil // and no look at the rest
	}
	return parseBlock(family, protocol, b)
}

// parseBlock reads the addresses and what else a proxy says in version 2. What is
// valid and not TCP is as UNSPEC.
func parseBlock(family, protocol byte, b []byte) (Header, error) {
	size := [...]int{0, 4 + 4 + 2 + 2, 16 + 16 + 2 + 2, 108 + 108}[family]
	if len(b) < size {
		return Header{}, errBlock
	}
	var h Header
	if protocol == 1 && (family == 1 || family == 2) {
		ports := b[size-4:]
		a, _ := netip.AddrFromSlice(b[:(size-4)/2])
		h.Source = netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(ports))
	}
	if family == 0 {
		return h, nil // where its addresses end, if it has any, is unknown
	}
	secure, err := overTLS(b[size:])
	if err != nil {
		return Header{}, err
	}
	h.TLS = secure
	return h, nil
}

// overTLS looks into the TLVs for PP2_TYPE_SSL with PP2_CLIENT_SSL (§2.2.6); the
// others are skipped.
func overTLS(b []byte) (secure bool, err error) {
	for len(b) > 0 {
		if len(b) < 3 {
			return false, errBlock
		}
		size := int(binary.BigEndian.Uint16(b[1:]))
		if len(b) < 3+size {
			return false, errBlock
		}
		if value := b[3 : 3+size]; b[0] == 0x20 {
			if size < 5 {
				return false, errBlock
			}
			secure = value[0]&1 != 0
		}
		b = b[3+size:]
	}
	return secure, nil
}
