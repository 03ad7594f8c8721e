package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"mellium.im/xmpp/stream"
)

// failure is an error as the person at the keyboard gets it: what was being
// done to what (err), what to do next (hint, may be empty), and the exit code.
type failure struct {
	code int
	err  error
	hint string
}

// Error implements error.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap implements errors.Unwrap.
func (f *failure) Unwrap() error { return f.err }

// fail returns a failure. The format works as fmt.Errorf's.
func fail(code int, hint, format string, args ...any) error {
	return &failure{code: code, err: fmt.Errorf(format, args...), hint: hint}
}

// report prints err on one line, with its hint on the next, and returns the
// exit code it stands for. An error that is no failure counts as a lost or
// refused connection, which is what nearly all unforeseen ones are.
func report(w io.Writer, verb string, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(w, "natter %s: interrupted\n", verb)
		return exitConnect
	}
	fmt.Fprintf(w, "natter %s: %s\n", verb, printable(err.Error()))
	var f *failure
	if !errors.As(err, &f) {
		return exitConnect
	}
	if f.hint != "" {
		fmt.Fprintln(w, f.hint)
	}
	return f.code
}

// stanzaError is an answer of type error: what RFC 6120 §8.3 calls a stanza
// error.
type stanzaError struct {
	from      string // who answered; "" for the own server
	condition string // the defined condition, for example item-not-found
	text      string // the human-readable text, may be empty
}

// Error implements error. It says the condition in plain words.
func (e *stanzaError) Error() string {
	said := e.text
	if plain, ok := conditionWords[e.condition]; ok && said == "" {
		said = plain
	}
	if said == "" {
		said = strings.ReplaceAll(e.condition, "-", " ")
	}
	return fmt.Sprintf("%s (%s)", said, e.condition)
}

// conditionWords says what the stanza errors people meet mean for them.
var conditionWords = map[string]string{
	"bad-request":             "the request was not understood",
	"conflict":                "the name is taken",
	"feature-not-implemented": "that is not offered there",
	"forbidden":               "that is not allowed",
	"gone":                    "the address is no longer in use",
	"internal-server-error":   "something went wrong in the server",
	"item-not-found":          "nothing is there under that name",
	"jid-malformed":           "that is not an address",
	"not-acceptable":          "it was not accepted",
	"not-allowed":             "nobody may do that there",
	"not-authorized":          "you are not known there",
	"policy-violation":        "it is against the rules there",
	"recipient-unavailable":   "the recipient is not there",
	"registration-required":   "you have to be a member first",
	"remote-server-not-found": "that server cannot be found",
	"remote-server-timeout":   "that server cannot be reached",
	"resource-constraint":     "the server has no room for it",
	"service-unavailable":     "nobody there takes it",
	"subscription-required":   "you have to be on their contact list",
	"undefined-condition":     "it failed",
	"unexpected-request":      "it came at the wrong moment",
}

// errorOf returns the stanza error in an answer of type error.
func errorOf(answer *node) *stanzaError {
	e := &stanzaError{from: answer.attr("from"), condition: "undefined-condition"}
	if inner := answer.child(nsClient, "error"); inner != nil {
		for _, c := range inner.Children {
			switch {
			case c.XMLName.Space != nsStanzas:
			case c.XMLName.Local == "text":
				e.text = oneLine(c.Text)
			default:
				e.condition = c.XMLName.Local
			}
		}
	}
	return e
}

// plainError words an error of the stream or the connection for people.
func plainError(err error) error {
	var streamErr stream.Error
	var syntax *xml.SyntaxError
	var unread xml.UnmarshalError
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the server closed the connection")
	case errors.As(err, &streamErr):
		end := &streamEnd{condition: streamErr.Err, words: streamWords[streamErr.Err]}
		for _, t := range streamErr.Text {
			end.words = firstSet(end.words, oneLine(t.Value))
		}
		return end
	case errors.As(err, &unread):
		// mellium cannot read a stream error with a condition of its own kind in it
		// (RFC 6120 §4.9.4), and tells no more than that.
		return errors.New("the server ended the stream with an error")
	case strings.Contains(err.Error(), "unexpected stream-level chardata"):
		return errors.New("what answers there is not an XMPP server")
	case errors.As(err, &syntax) && syntax.Msg == "unexpected EOF":
		return errors.New("the server dropped the connection")
	case errors.As(err, &syntax):
		return fmt.Errorf("the server sent something that is not XMPP: %w", err)
	case errors.Is(err, net.ErrClosed):
		return errCut
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("the server dropped the connection")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("the server does not answer")
	}
	return err
}

// streamEnd is a stream error of the server's (RFC 6120 §4.9).
type streamEnd struct{ condition, words string }

// Error implements error.
func (e *streamEnd) Error() string {
	return firstSet(e.words, "the server ended the stream") + " (" + e.condition + ")"
}

// errCut is how a stream ends that the client itself has cut off.
var errCut = errors.New("the connection was closed")

// streamWords says what the stream errors of RFC 6120 §4.9.3 people meet mean.
var streamWords = map[string]string{
	"conflict":            "another client took this session over",
	"connection-timeout":  "the server thought nobody was there",
	"host-gone":           "the server no longer serves this domain",
	"host-unknown":        "the server does not serve this domain",
	"not-authorized":      "the server no longer accepts this account",
	"policy-violation":    "the server says a rule was broken",
	"reset":               "the server wants a new connection",
	"resource-constraint": "the server has no room",
	"system-shutdown":     "the server is shutting down",
}

// errGone is what waiting for an answer ends with when the stream does.
type errGone struct{ err error }

func (e *errGone) Error() string { return "the connection was lost: " + e.err.Error() }
func (e *errGone) Unwrap() error { return e.err }
