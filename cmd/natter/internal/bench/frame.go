package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The kinds of top-level elements that the load tells apart.
type kind byte

const (
	kindOther    kind = iota // negotiation, errors, anything not below
	kindHeader               // the stream's start tag
	kindMessage              // RFC 6120 §8
	kindIQ                   //
	kindPresence             //
	kindAckAsk               // <r/>, XEP-0198 §4
	kindAck                  // <a/>, XEP-0198 §4
	kindClose                // </stream:stream>
)

// stanza says whether XEP-0198 counts elements of this kind.
func (k kind) stanza() bool { return k == kindMessage || k == kindIQ || k == kindPresence }

// maxElement is the longest element a frames takes, in bytes.
const maxElement = 4 << 20

var errTooLong = errors.New("an element longer than 4 MiB came in")

// frames cuts a byte stream into top-level elements, without checking that they
// are well-formed. An element ends with the first end tag of its name; that is
// right for everything a server sends here, where no stanza holds another of
// its own kind (carbons and archives are never asked for).
type frames struct {
	buf  []byte
	r, w int // unread bytes are buf[r:w]
}

// newFrames returns a frames whose buffer is of n bytes and grows when needed.
func newFrames(n int) frames { return frames{buf: make([]byte, n)} }

// fill reads once from src, behind the bytes not taken yet. Elements returned
// by next before are overwritten.
func (f *frames) fill(src io.Reader) error {
	if f.r == f.w {
		f.r, f.w = 0, 0
	} else if f.w == len(f.buf) {
		if f.r > 0 {
			f.w = copy(f.buf, f.buf[f.r:f.w])
			f.r = 0
		} else {
			if len(f.buf) >= maxElement {
				return errTooLong
			}
			f.buf = append(f.buf, make([]byte, max(len(f.buf), 512))...)
		}
	}
	n, err := src.Read(f.buf[f.w:])
	f.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// next returns the next whole element and what it is. ok is false when more
// bytes are needed. The bytes are the buffer's own, valid until fill.
func (f *frames) next() (elem []byte, k kind, ok bool) {
	for f.r < f.w {
		switch c := f.buf[f.r]; c {
		case ' ', '\t', '\r', '\n':
			f.r++
			continue
		}
		break
	}
	rest := f.buf[f.r:f.w]
	n, k := cut(rest)
	if n == 0 {
		return nil, kindOther, false
	}
	f.r += n
	return rest[:n], k, true
}

var (
	messageEnd = []byte("</message>")
	xmlDecl    = []byte("<?xml")
)

// cut returns the length of the element that b starts with, and its kind; 0
// when b does not hold all of it.
func cut(b []byte) (int, kind) {
	if len(b) == 0 {
		return 0, kindOther
	}
	if len(b) > 8 && string(b[:8]) == "<message" {
		i := bytes.IndexByte(b, '>')
		if i > 0 && b[i-1] != '/' {
			end := bytes.Index(b[i:], messageEnd)
			if end < 0 {
				return 0, kindOther
			}
			return i + end + len(messageEnd), kindMessage
		}
	}
	if bytes.HasPrefix(b, xmlDecl) {
		i := bytes.IndexByte(b, '>')
		if i < 0 {
			return 0, kindOther
		}
		return i + 1, kindOther
	}
	if b[0] != '<' { // text where none belongs: an element of its own
		if i := bytes.IndexByte(b, '<'); i > 0 {
			return i, kindOther
		}
		return len(b), kindOther
	}
	tag := startTag(b)
	if tag == 0 {
		return 0, kindOther
	}
	name := tagName(b[1:tag])
	k := kindOf(name)
	if k == kindHeader || len(name) == 0 || name[0] == '/' || b[tag-2] == '/' {
		return tag, k
	}
	for at := tag; ; {
		i := bytes.Index(b[at:], name)
		if i < 0 {
			return 0, kindOther
		}
		at += i
		end := at + len(name)
		if b[at-1] == '/' && b[at-2] == '<' && end < len(b) && b[end] == '>' {
			return end + 1, k
		}
		at = end
	}
}

// startTag returns the length of the tag that b starts with, 0 when it is not
// all there. A '>' within quotes does not end it.
func startTag(b []byte) int {
	var quote byte
	for i, c := range b {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '>' && i > 1:
			return i + 1
		}
	}
	return 0
}

// tagName returns the name at the start of what follows a '<'.
func tagName(b []byte) []byte {
	for i, c := range b {
		switch c {
		case ' ', '\t', '\r', '\n', '>':
			return b[:i]
		case '/':
			if i > 0 {
				return b[:i]
			}
		}
	}
	return b
}

// kindOf returns the kind of the element of this name, prefixes as servers use them.
func kindOf(name []byte) kind {
	switch string(name) {
	case "message":
		return kindMessage
	case "iq":
		return kindIQ
	case "presence":
		return kindPresence
	case "r":
		return kindAckAsk
	case "a":
		return kindAck
	case "stream:stream":
		return kindHeader
	case "/stream:stream":
		return kindClose
	}
	return kindOther
}

// attr returns the value of the attribute name in elem's start tag, unescaped
// only in so far as that no value here needs it, and "" when there is none.
func attr(elem []byte, name string) string {
	tag := elem[:startTag(elem)]
	for {
		i := bytes.Index(tag, []byte(name+"="))
		if i < 1 {
			return ""
		}
		isName := bytes.IndexByte([]byte(" \t\r\n"), tag[i-1]) >= 0
		tag = tag[i+len(name)+1:]
		if len(tag) < 2 || !isName {
			continue
		}
		if end := bytes.IndexByte(tag[1:], tag[0]); end >= 0 {
			return string(tag[1 : 1+end])
		}
		return ""
	}
}

// childText returns the text between the first <name ...> and the next '<'.
func childText(elem []byte, name string) string {
	i := bytes.Index(elem, []byte("<"+name))
	if i < 0 {
		return ""
	}
	rest := elem[i:]
	tag := startTag(rest)
	if tag == 0 || rest[tag-2] == '/' {
		return ""
	}
	text, _, _ := bytes.Cut(rest[tag:], []byte("<"))
	return string(text)
}

// isError says whether a stanza is of type error. The cheap look first: it is
// asked for every message.
func isError(elem []byte) bool {
	i := bytes.IndexByte(elem, '>')
	return i > 0 && bytes.Contains(elem[:i], []byte("error")) && attr(elem, "type") == "error"
}

// unexpected describes an element that should not have come, cut short.
func unexpected(doing string, elem []byte) error {
	const most = 300
	tail := ""
	if len(elem) > most {
		elem, tail = elem[:most], "..."
	}
	return fmt.Errorf("%s: the server sent %s%s", doing, elem, tail)
}
