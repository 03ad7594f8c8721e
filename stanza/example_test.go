package stanza_test

import (
	"fmt"

	"natter/stanza"
)

// A read loop keeps what Next doesn't take up and calls it again with more.
func ExampleScanner() {
	s := stanza.NewScanner(stanza.BeforeLogin)
	var buf []byte
	for _, read := range []string{
		"<?xml version='1.0'?><stream:stream to='example.com' xmlns='jabber:client' ",
		"xmlns:stream='http://etherx.jabber.org/streams'> <message to='romeo@exam",
		"ple.net'><body>Art thou not Romeo?</body></message><presence/><iq",
		"></message>",
	} {
		buf = append(buf, read...)
		for more := false; !more; {
			event, n, err := s.Next(buf)
			if err != nil {
				fmt.Println(err)
				return
			}
			switch event {
			case stanza.More:
				more = true
			case stanza.StreamOpen:
				fmt.Println("stream to", s.Header.To)
			case stanza.Element:
				fmt.Printf("%v to %q: %q\n", s.Stanza.Kind, s.Stanza.ToString(), s.Stanza.Body())
			}
			buf = buf[n:]
		}
	}
	// Output:
	// stream to example.com
	// message to "romeo@example.net": "Art thou not Romeo?"
	// presence to "": ""
	// stream error not-well-formed: end tag does not match
}

// What goes on to another stream has a new start tag; the rest is copied.
func ExampleStanza_AppendTo() {
	in := "<message from='somebody@else' to='Romeo@example.net'><body>Art thou not Romeo?</body></message>"
	st, err := stanza.ParseIn([]byte(in), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", st.AppendTo(nil, &stanza.Stamp{
		From: []byte("juliet@example.com/balcony"),
		To:   []byte("romeo@example.net"),
		Lang: []byte("en"),
		Tail: []byte("<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.net' id='1'/>"),
	}))
	// Output:
	// <message from='juliet@example.com/balcony' to='romeo@example.net' xml:lang='en'><body>Art thou not Romeo?</body><stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.net' id='1'/></message>
}

// Addresses are comparable values.
func ExampleParseJID() {
	online := map[stanza.JID]bool{}
	j, err := stanza.ParseJID("Juliet@EXAMPLE.com/balcony")
	if err != nil {
		fmt.Println(err)
		return
	}
	online[j] = true
	k, _ := stanza.ParseJID("juliet@example.com/balcony")
	fmt.Println(j, j.Bare(), online[k])
	// Output:
	// juliet@example.com/balcony juliet@example.com true
}
