package scs

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// read is the reader: it puts the elements of one stream into the mailbox.
// It stops by itself after the elements that are followed by a new stream or
// by TLS, so that it never takes bytes that are not XML.
func (l *link) read(done chan<- struct{}) {
	defer close(done)
	l.box.close(l.readStream())
}

var errRestart = errors.New("the stream is restarted")

func (l *link) readStream() error {
	tap := &tap{in: l.in}
	d := xml.NewDecoder(tap)
	for opened := false; ; {
		tap.start()
		tok, err := d.Token()
		if err != nil {
			return l.readError(err, opened)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if !opened {
				if t.Name.Space != nsStream || t.Name.Local != "stream" {
					return fmt.Errorf("<%s xmlns=%q> is no stream header", t.Name.Local, t.Name.Space)
				}
				l.trace('<', tap.text())
				opened = true
				continue
			}
			e, err := readElement(d, t)
			if err != nil {
				return l.readError(err, opened)
			}
			raw := strings.TrimSpace(tap.text())
			l.trace('<', raw)
			if err := l.box.put(entry{e, raw}); err != nil {
				return err
			}
			if e.is(nsTLS, "proceed") || e.is(nsSASL, "success") {
				return errRestart
			}
		case xml.EndElement:
			l.trace('<', "</stream:stream>")
			return errStreamEnd
		case xml.Directive:
			return errors.New("DTD in the stream")
		}
	}
}

// readError names the ways a connection ends.
func (l *link) readError(err error, opened bool) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return errors.New("the connection is closed")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &syntax) && syntax.Msg == "unexpected EOF":
		if opened {
			return errors.New("the server closed the connection without </stream:stream>")
		}
		return errors.New("the server closed the connection")
	case errors.As(err, &syntax):
		return fmt.Errorf("the server's XML is broken: %s", syntax.Msg)
	}
	return err
}

// tap hands bytes to the decoder one by one, so that the decoder never reads
// ahead, keeps those of the element being read and bounds their number.
type tap struct {
	in   *bufio.Reader
	kept []byte
}

var errTooLong = fmt.Errorf("element is longer than %d bytes", maxElementBytes)

func (t *tap) start() { t.kept = t.kept[:0] }

func (t *tap) text() string { return string(t.kept) }

func (t *tap) ReadByte() (byte, error) {
	b, err := t.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if len(t.kept) >= maxElementBytes {
		return 0, errTooLong
	}
	t.kept = append(t.kept, b)
	return b, nil
}

// Read is there because xml.NewDecoder asks for it; it uses ReadByte.
func (t *tap) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := t.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}
