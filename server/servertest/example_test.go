package servertest_test

import (
	"encoding/xml"
	"testing"

	"natter/server/servertest"

	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// echo is a bot: it sends back what it is told.
func echo(t xmlstream.TokenReadEncoder, start *xml.StartElement) error {
	if start.Name.Local != "message" {
		return nil
	}
	var msg struct {
		stanza.Message
		Body string `xml:"body"`
	}
	d := xml.NewTokenDecoder(xmlstream.MultiReader(xmlstream.Token(*start), t))
	if err := d.Decode(&msg); err != nil || msg.Body == "" {
		return err
	}
	msg.To, msg.From = msg.From, jid.JID{}
	return t.Encode(msg)
}

func TestEcho(t *testing.T) {
	srv := servertest.New(t) // a whole server, gone with the test

	bot := srv.Session(t.Context(), t, "bot@localhost")
	go bot.Serve(xmpp.HandlerFunc(echo))
	bot.Send(t.Context(), stanza.Presence{}.Wrap(nil))

	juliet := srv.Online(t, "juliet@localhost/balcony")
	juliet.Send(`<message type='chat' to='` + bot.LocalAddr().String() + `'><body>Ay me!</body></message>`)
	juliet.Expect(`<message type='chat' from='{scansion:any}'><body>Ay me!</body></message>`)
	bot.Close()
}
