package c2s

import (
	"bytes"
	"encoding/binary"

	"natter/stanza"
)

const nsFraming = "urn:ietf:params:xml:ns:xmpp-framing"

// framing says how elements lie in the output of a stream.
type framing uint8

const (
	// inStream: one after the other within <stream:stream> (RFC 6120 §4).
	inStream framing = iota
	// inMessages: each in a WebSocket message of its own, where it stands alone
	// (RFC 7395 §3.3). The queue holds whole frames, so that writing them takes
	// no more than writing bytes, and where an element ends is known.
	inMessages
)

// appendElement appends a whole element in the form in which a stream of XML has
// it. What is kept for resending is in that form too, whatever carries it later.
func (f framing) appendElement(dst, b []byte) []byte {
	if f == inStream {
		return append(dst, b...)
	}
	at, decl := undeclared(b)
	dst = appendFrameHead(dst, opText, len(b)+len(decl))
	dst = append(dst, b[:at]...)
	dst = append(dst, decl...)
	return append(dst, b[at:]...)
}

// appendEnd appends the end of the stream, and before it the error, if any.
func (f framing) appendEnd(dst []byte, err *stanza.StreamError) []byte {
	if err != nil {
		dst = f.appendElement(dst, err.AppendTo(nil))
	}
	if f == inStream {
		return append(dst, "</stream:stream>"...)
	}
	return f.appendElement(dst, []byte("<close xmlns='"+nsFraming+"'/>")) // RFC 7395 §3.6
}

// undeclared returns the namespace declaration that an element of a stream lacks
// to stand alone, and where it goes: that of the content namespace, or of the
// prefix stream. The element comes from our scanner or from ourselves.
func undeclared(b []byte) (at int, decl string) {
	at = 1
	for b[at] != ' ' && b[at] != '>' && b[at] != '/' && b[at] != '\t' && b[at] != '\n' && b[at] != '\r' {
		at++
	}
	attr := "xmlns"
	decl = " xmlns='" + stanza.NSClient + "'"
	if prefix, _, ok := bytes.Cut(b[1:at], []byte(":")); ok {
		if string(prefix) != "stream" {
			return at, "" // the scanner has seen its declaration
		}
		attr, decl = "xmlns:stream", " xmlns:stream='"+stanza.NSStream+"'"
	}
	for i := at; ; {
		for b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r' {
			i++
		}
		if b[i] == '>' || b[i] == '/' {
			return at, decl
		}
		name := i
		for b[i] != '=' && b[i] != ' ' && b[i] != '\t' && b[i] != '\n' && b[i] != '\r' {
			i++
		}
		if string(b[name:i]) == attr {
			return at, ""
		}
		for b[i] != '\'' && b[i] != '"' {
			i++
		}
		i += bytes.IndexByte(b[i+1:], b[i]) + 2
	}
}

// Opcodes of RFC 6455 §5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// appendFrameHead appends the head of a whole, unmasked frame (RFC 6455 §5.2,
// §5.1: what a server sends is not masked).
func appendFrameHead(dst []byte, op byte, n int) []byte {
	dst = append(dst, 0x80|op)
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
}

// appendFrame appends a whole, unmasked frame.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	return append(appendFrameHead(dst, op, len(payload)), payload...)
}

// cutFrame takes the first whole frame of ours from a queue; n is 0 when there is
// none.
func cutFrame(b []byte) (op byte, payload []byte, n int) {
	if len(b) < 2 {
		return 0, nil, 0
	}
	head, size := 2, uint64(b[1]&0x7F)
	switch {
	case size == 126 && len(b) >= 4:
		head, size = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case size == 127 && len(b) >= 10:
		head, size = 10, binary.BigEndian.Uint64(b[2:])
	case size >= 126:
		return 0, nil, 0
	}
	if size > uint64(len(b)-head) {
		return 0, nil, 0
	}
	n = head + int(size)
	return b[0] & 0x0F, b[head:n], n
}
