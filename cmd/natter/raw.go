package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"time"

	"mellium.im/xmlstream"
	"mellium.im/xmpp/stream"
)

const rawHelp = `
Logs in and then carries XML: what comes on standard input goes to the server as
it is, and every element from the server is printed on a line of its own, as it
came (a line break inside it becomes &#10;). Nothing else is sent: no presence,
no answers to pings.

  echo '<presence/>' | natter raw --wait 5s
  echo '<iq type="get" id="1"><query xmlns="jabber:iq:roster"/></iq>' | natter raw
`

func runRaw(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("raw", rawHelp, std)
	af := fs.accountFlags()
	wait := fs.Duration("wait", time.Second, "go on printing for `D` after standard input ends")
	if _, code, ok := fs.parse(args, 0, 0); !ok {
		return code
	}
	if af.passwordFile == "-" && isTerminal(std.in) {
		return fs.usageError("standard input is the terminal: leave --password-file out and type the password")
	}
	c, err := af.open(ctx, std)
	if err != nil {
		return report(std.err, "raw", err)
	}
	go c.serveRaw(func(element []byte) { fmt.Fprintf(std.out, "%s\n", element) })
	sent := make(chan error, 1)
	go func() { sent <- c.copyRaw(std.in) }()
	select {
	case err = <-sent:
	case <-c.done:
	case <-ctx.Done():
	}
	if err == nil {
		select {
		case <-time.After(*wait):
		case <-c.done:
		case <-ctx.Done():
		}
	}
	c.close()
	if err == nil && !errors.Is(c.err, errStreamClosed) && !errors.Is(c.err, errCut) {
		err = c.err
	}
	return report(std.err, "raw", err)
}

// copyRaw sends all of r, piece by piece as it comes.
func (c *client) copyRaw(r io.Reader) error {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := c.sendRaw(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fail(exitUsage, "", "reading standard input: %w", err)
		}
	}
}

// errStreamClosed is how a stream ends when the server closes it in order.
var errStreamClosed = errors.New("the server closed the stream")

// serveRaw is serve for someone who wants the bytes: show gets each element as
// it was on the wire, on one line, and the end of the stream too. The client
// itself answers nothing.
func (c *client) serveRaw(show func([]byte)) {
	var element []byte
	c.conn.record = func(b byte) { element = append(element, b) }
	r := c.session.TokenReader()
	defer r.Close()
	flush := func() {
		if text := bytes.TrimSpace(element); len(text) > 0 {
			show(joinLines(text))
		}
		element = element[:0]
		c.conn.renew()
	}
	for {
		tok, err := r.Token()
		if start, ok := tok.(xml.StartElement); ok && err == nil {
			_, err = xmlstream.Copy(xmlstream.Discard(), xmlstream.MultiReader(xmlstream.Token(start), xmlstream.InnerElement(r)))
		}
		if err != nil {
			flush()
			c.err = plainError(err)
			var streamErr stream.Error
			if errors.Is(err, io.EOF) && !errors.As(err, &streamErr) {
				c.err = errStreamClosed
			}
			break
		}
		flush()
	}
	close(c.done)
	c.conn.Close()
}

// joinLines puts an XML element on one line without changing what it means: a
// line break becomes a space inside a tag and a character reference elsewhere.
func joinLines(element []byte) []byte {
	if !bytes.ContainsAny(element, "\r\n") {
		return element
	}
	var out []byte
	const cdataStart, cdataEnd = "<![CDATA[", "]]>"
	inTag, inCDATA, quote := false, false, byte(0)
	for i, b := range element {
		switch {
		case inCDATA:
			inCDATA = !bytes.HasSuffix(element[:i+1], []byte(cdataEnd))
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case inTag && (b == '"' || b == '\''):
			quote = b
		case inTag && b == '>':
			inTag = false
		case b == '<':
			inCDATA = bytes.HasPrefix(element[i:], []byte(cdataStart))
			inTag = !inCDATA
		}
		switch {
		case b != '\n' && b != '\r':
			out = append(out, b)
		case b == '\r' && i+1 < len(element) && element[i+1] == '\n': // one break, XML 1.0 §2.11
		case inTag && quote == 0:
			out = append(out, ' ')
		case inCDATA:
			out = append(out, cdataEnd+"&#10;"+cdataStart...)
		default:
			out = append(out, "&#10;"...)
		}
	}
	return out
}
