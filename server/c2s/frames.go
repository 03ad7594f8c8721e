package c2s

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Status codes of RFC 6455 §7.4.1.
const (
	closeNormal    = 1000
	closeGoingAway = 1001
	closeProtocol  = 1002
	closeData      = 1003
	closeText      = 1007
	closeTooBig    = 1009
)

// frameError is a violation of RFC 6455, upon which the connection fails with a
// status code (§7.1.7).
type frameError struct {
	code int
	text string
}

func (e *frameError) Error() string { return fmt.Sprintf("websocket: %s (%d)", e.text, e.code) }

// frames reads what a WebSocket client sends: masked frames (RFC 6455 §5). It
// resumes on partial input and holds memory only for a message or a control
// frame that is under way, no more than limit.
type frames struct {
	limit int // of a message, in bytes

	head  [14]byte
	heads int // bytes of head that are there

	op     byte // of the frame under way
	fin    bool
	within bool   // … its head is complete
	left   uint64 // of its payload
	mask   [4]byte
	at     int // offset in the payload, for the mask

	skip    bool // a message was too big: they are passed over from now on
	begun   bool // a message is under way, over several frames
	message []byte
	control []byte
}

// next reads from b, which it changes, and says how many bytes it took. op is
// opText when payload is a whole message, opPing, opPong or opClose when it is
// that of a control frame; 0 when more input is needed. payload is valid until the
// next call. An error is final; only what is too big is passed over then.
func (f *frames) next(b []byte) (op byte, payload []byte, n int, err error) {
	if !f.within {
		for {
			need := f.headLen()
			if f.heads >= need {
				break
			}
			k := copy(f.head[f.heads:need], b[n:])
			f.heads += k
			n += k
			if f.heads < need {
				return 0, nil, n, nil
			}
		}
		if err := f.begin(); err != nil {
			return 0, nil, n, err
		}
	}
	take := min(uint64(len(b)-n), f.left)
	part := b[n : n+int(take)]
	f.unmask(part)
	n += int(take)
	f.left -= take
	whole := f.left == 0
	if f.op >= opClose {
		if !whole {
			f.control = append(f.control, part...)
			return 0, nil, n, nil
		}
		if len(f.control) > 0 {
			part = append(f.control, part...)
		}
		f.control, f.within, f.heads = nil, false, 0
		if f.op == opClose {
			if err := checkClose(part); err != nil {
				return 0, nil, n, err
			}
		}
		return f.op, part, n, nil
	}
	if f.skip {
		part = nil
	} else if !whole || !f.fin || len(f.message) > 0 {
		f.message = append(f.message, part...)
		part = f.message
	}
	if !whole {
		return 0, nil, n, nil
	}
	f.within, f.heads = false, 0
	if f.begun = !f.fin; f.begun {
		return 0, nil, n, nil
	}
	if f.message = nil; f.skip {
		return 0, nil, n, nil
	}
	return opText, part, n, nil
}

// headLen is how long the head is, as far as that is known.
func (f *frames) headLen() int {
	if f.heads < 2 {
		return 2
	}
	switch f.head[1] & 0x7F {
	case 126:
		return 2 + 2 + 4
	case 127:
		return 2 + 8 + 4
	}
	return 2 + 4
}

// begin takes in the head of a frame.
func (f *frames) begin() error {
	f.fin, f.op = f.head[0]&0x80 != 0, f.head[0]&0x0F
	size, ext := uint64(f.head[1]&0x7F), f.head[2:]
	minimal := true
	switch size {
	case 126:
		size, ext = uint64(binary.BigEndian.Uint16(ext)), ext[2:]
		minimal = size >= 126
	case 127:
		size, ext = binary.BigEndian.Uint64(ext), ext[8:]
		minimal = size >= 1<<16
	}
	copy(f.mask[:], ext)
	switch {
	case f.head[0]&0x70 != 0: // no extension was negotiated
		return &frameError{closeProtocol, "reserved bits are set"}
	case f.head[1]&0x80 == 0: // §5.1
		return &frameError{closeProtocol, "a frame of a client has to be masked"}
	case !minimal || size >= 1<<63: // §5.2
		return &frameError{closeProtocol, "a length is not written as it has to be"}
	case f.op == opClose || f.op == opPing || f.op == opPong:
		if !f.fin || size > 125 { // §5.5
			return &frameError{closeProtocol, "a control frame is in parts or too long"}
		}
	case f.op == opBinary: // RFC 7395 §3.3
		return &frameError{closeData, "XMPP is text"}
	case f.op > opBinary:
		return &frameError{closeProtocol, "an opcode that means nothing"}
	case (f.op == opContinuation) != f.begun: // §5.4
		return &frameError{closeProtocol, "parts of messages are mixed up"}
	case !f.skip && size > uint64(max(f.limit-len(f.message), 0)):
		f.within, f.left, f.skip, f.message = true, size, true, nil
		return &frameError{closeTooBig, "the message is too big"}
	}
	f.within, f.left, f.at = true, size, 0
	return nil
}

// unmask undoes the masking of the next bytes of a payload (RFC 6455 §5.3).
func (f *frames) unmask(b []byte) {
	var key [8]byte
	for i := range key {
		key[i] = f.mask[(f.at+i)&3]
	}
	f.at += len(b)
	wide := binary.LittleEndian.Uint64(key[:])
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i]
	}
}

// checkClose checks the payload of a close frame (RFC 6455 §5.5.1, §7.4).
func checkClose(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if len(b) == 1 {
		return &frameError{closeProtocol, "half a status code"}
	}
	code := binary.BigEndian.Uint16(b)
	switch {
	case code >= 3000 && code < 5000:
	case code < 1000 || code > 1014 || code >= 1004 && code <= 1006:
		return &frameError{closeProtocol, "a status code that is not for frames"}
	}
	if !utf8.Valid(b[2:]) {
		return &frameError{closeText, "a reason that is not UTF-8"}
	}
	return nil
}

// closing passes over input and reports whether the client has closed its side.
func (f *frames) closing(b []byte) bool {
	for len(b) > 0 {
		op, _, n, err := f.next(b)
		switch {
		case err != nil, op == opClose:
			return true
		}
		b = b[n:]
	}
	return false
}
