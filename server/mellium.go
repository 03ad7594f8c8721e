package server

import (
	"bytes"
	"encoding/xml"
	"fmt"

	"natter/stanza"

	"mellium.im/xmlstream"
	"mellium.im/xmpp/mux"
)

// Mux lets handlers written for mellium.im/xmpp/mux answer requests: the framed
// stanza is decoded, with the sender as the server knows it, and what the handler
// writes is the reply. It costs some 15 us and is for requests that are rare.
func Mux(opts ...mux.Option) func(*IQ) error {
	m := mux.New(stanza.NSClient, opts...)
	return func(q *IQ) (err error) {
		defer func() {
			if r := recover(); r != nil { // several of the library's handlers panic on odd input
				err = fmt.Errorf("handler panicked: %v", r)
			}
		}()
		stamp := stanza.Stamp{From: q.Origin.Attr, To: q.toAttr(), Declare: true}
		d := xml.NewDecoder(bytes.NewReader(q.Stanza.AppendTo(nil, &stamp)))
		tok, err := d.Token()
		if err != nil {
			return err
		}
		start := tok.(xml.StartElement)
		var out bytes.Buffer
		e := &encoder{xml.NewEncoder(&out)}
		rw := struct {
			xml.TokenReader
			xmlstream.Encoder
		}{xmlstream.Inner(d), e}
		if err := m.HandleXMPP(rw, &start); err != nil {
			return err
		}
		if err := e.Flush(); err != nil {
			return err
		}
		reply, err := stanza.Parse(out.Bytes(), stanza.AfterLogin)
		if err != nil {
			return fmt.Errorf("handler's reply: %w", err)
		}
		q.respond(q.Turn, reply.AppendTo(nil, &stanza.Stamp{From: reply.From()}))
		return nil
	}
}

// encoder is xml.Encoder without its habit of writing xmlns twice when a start
// element also carries it as an attribute, which is not well-formed.
type encoder struct{ *xml.Encoder }

// EncodeToken implements xmlstream.TokenWriter.
func (e *encoder) EncodeToken(t xml.Token) error {
	if start, ok := t.(xml.StartElement); ok {
		attrs := start.Attr[:0:0]
		for _, a := range start.Attr {
			if a.Name.Local != "xmlns" || a.Name.Space != "" {
				attrs = append(attrs, a)
			}
		}
		start.Attr = attrs
		t = start
	}
	return e.Encoder.EncodeToken(t)
}
