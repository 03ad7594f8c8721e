package bench

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// stream is a server's side of a session, one element a row.
var stream = []struct {
	kind kind
	elem string
}{
	{kindOther, `<?xml version='1.0'?>`},
	{kindHeader, `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='a>b'>`},
	{kindOther, `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>`},
	{kindOther, `<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`},
	{kindIQ, `<iq type='result' id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@b/c</jid></bind></iq>`},
	{kindIQ, `<iq type="result" id="b"/>`},
	{kindPresence, `<presence from='a@b/"/>'><status>/presence></status></presence>`},
	{kindPresence, `<presence/>`},
	{kindAckAsk, `<r xmlns='urn:xmpp:sm:3'/>`},
	{kindAck, `<a xmlns='urn:xmpp:sm:3' h='12'/>`},
	{kindMessage, `<message from='a@b/c'><body>one</body></message>`},
	{kindMessage, `<message from='a@b/c'/>`},
	{kindMessage, `<message from='a/>b'><body>two &gt;</body></message>`},
	{kindOther, `<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`},
	{kindClose, `</stream:stream>`},
}

func TestFramesCutsElements(t *testing.T) {
	var all strings.Builder
	for _, row := range stream {
		all.WriteString(row.elem)
		all.WriteString(" \n") // as whitespace keepalives between any two
	}
	for name, src := range map[string]io.Reader{
		"all at once":   strings.NewReader(all.String()),
		"byte by byte":  iotest.OneByteReader(strings.NewReader(all.String())),
		"data with EOF": iotest.DataErrReader(strings.NewReader(all.String())),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFrames(16) // has to grow
			for _, want := range stream {
				elem, k, ok := f.next()
				for !ok {
					if err := f.fill(src); err != nil {
						t.Fatalf("before %s: %v", want.elem, err)
					}
					elem, k, ok = f.next()
				}
				if string(elem) != want.elem || k != want.kind {
					t.Errorf("got %s of kind %d, want %s of kind %d", elem, k, want.elem, want.kind)
				}
			}
			if elem, _, ok := f.next(); ok {
				t.Errorf("%s is left", elem)
			}
		})
	}
}

func TestFramesRefusesEndlessElements(t *testing.T) {
	f := newFrames(512)
	src := io.MultiReader(strings.NewReader("<message><body>"), endless{})
	var err error
	for range 2 * maxElement {
		if _, _, ok := f.next(); ok {
			t.Fatal("an element without an end was returned")
		}
		if err = f.fill(src); err != nil {
			break
		}
	}
	if !errors.Is(err, errTooLong) {
		t.Errorf("got %v", err)
	}
}

// endless is a reader of the letter a.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestAttr(t *testing.T) {
	elem := []byte(`<iq xml:id='no' type="result" to='it="x"' id='42'><q id='inner'/></iq>`)
	for name, want := range map[string]string{"type": "result", "id": "42", "to": `it="x"`, "from": "", "x": ""} {
		if got := attr(elem, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestIsError(t *testing.T) {
	for elem, want := range map[string]bool{
		`<message type='error'><body/></message>`:                  true,
		`<message from='a@b' type="error" id='x'/>`:                true,
		`<message from='error@b/error' type='chat'/>`:              false,
		`<message type='chat'><body>type='error'</body></message>`: false,
	} {
		if got := isError([]byte(elem)); got != want {
			t.Errorf("%s: %v", elem, got)
		}
	}
}

// FuzzFrames checks that cutting neither panics nor loses bytes, and that it
// does not depend on where the reads fall.
func FuzzFrames(f *testing.F) {
	var all strings.Builder
	for _, row := range stream {
		f.Add([]byte(row.elem), 1)
		all.WriteString(row.elem)
	}
	f.Add([]byte(all.String()), 7)
	f.Add([]byte("<>"), 1)
	f.Add([]byte("text <a"), 2)
	f.Add([]byte("</x><//>"), 1)
	f.Fuzz(func(t *testing.T, data []byte, split int) {
		cutAll := func(chunk int) (elems [][]byte) {
			fr := newFrames(8)
			var src io.Reader = bytes.NewReader(data)
			if chunk > 0 {
				src = &chunked{r: src, n: chunk}
			}
			for {
				elem, k, ok := fr.next()
				if ok {
					if len(elem) == 0 {
						t.Fatal("an element of no bytes")
					}
					if elem[0] == '<' {
						elems = append(elems, bytes.Clone(elem))
					}
					_, _, _ = attr(elem, "id"), childText(elem, "body"), isError(elem)
					_, _ = readMark(elem)
					_ = k
					continue
				}
				if err := fr.fill(src); err != nil {
					return elems
				}
			}
		}
		whole, parts := cutAll(0), cutAll(split%64)
		if len(whole) != len(parts) {
			t.Fatalf("%d elements at once, %d in parts", len(whole), len(parts))
		}
		for i := range whole {
			if !bytes.Equal(whole[i], parts[i]) {
				t.Fatalf("element %d: %q at once, %q in parts", i, whole[i], parts[i])
			}
		}
	})
}

// chunked reads at most n bytes at a time.
type chunked struct {
	r io.Reader
	n int
}

func (c *chunked) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), c.n)]) }
