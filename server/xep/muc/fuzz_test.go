package muc_test

import (
	"bytes"
	"io"
	"testing"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// FuzzRoom hands a room any stanza, from its owner, an occupant and a stranger: the
// server logs no error, which a panic would be, and the room goes on.
func FuzzRoom(f *testing.F) {
	for _, s := range []string{
		`<presence to='garden@conference.localhost/N'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='-1' since='x'/><password>p</password></x></presence>`,
		`<presence to='garden@conference.localhost/' type='unavailable'/>`,
		`<message to='garden@conference.localhost' type='groupchat'><body>hi</body><retract xmlns='urn:xmpp:message-retract:1' id='x'/></message>`,
		`<message to='garden@conference.localhost' type='groupchat'><subject/></message>`,
		`<message to='garden@conference.localhost'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@b'/><decline to='c'/></x></message>`,
		`<message to='garden@conference.localhost'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#request_allow'><value>1</value></field><field var='muc#role'><value>participant</value></field></x></message>`,
		`<iq type='set' id='1' to='garden@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='none' jid='owner@localhost'/><item role='none' nick='Owner'/></query></iq>`,
		`<iq type='set' id='1' to='garden@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_maxusers'><value>-1</value></field></x></query></iq>`,
		`<iq type='set' id='1' to='garden@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='@'/></query></iq>`,
		`<iq type='get' id='1' to='conference.localhost'><search xmlns='urn:xmpp:channel-search:0:search'><x xmlns='jabber:x:data' type='submit'><field var='q'><value> </value></field></x></search></iq>`,
		`<iq type='set' id='1' to='garden@conference.localhost'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:create'><x xmlns='jabber:x:data' type='submit'><field var='hats#hue'><value>NaN</value></field></x></command></iq>`,
		`<iq type='set' id='1' to='garden@conference.localhost'><request xmlns='urn:xmpp:muc-token-invite:0' delay='99999999999' counter='x'/></iq>`,
		`<iq type='set' id='1' to='garden@conference.localhost'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>!</BINVAL></PHOTO></vCard></iq>`,
		`<p:presence xmlns:p='jabber:client' to='garden@conference.localhost/N'><p:status>x</p:status><x xmlns='http://jabber.org/protocol/muc'/></p:presence>`,
	} {
		f.Add(s, uint8(len(s)))
	}
	var log bytes.Buffer
	srv, err := servertest.Start(servertest.Options{}, &log)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(srv.Close)
	var who []*server.Origin
	for _, name := range []string{"owner", "juliet", "stranger"} {
		c := srv.Login(f, name+"@localhost/x")
		go io.Copy(io.Discard, c.Conn)
		who = append(who, &srv.Core.Session(c.JID.String()).Origin)
	}
	send := func(o *server.Origin, element string) bool {
		st, err := stanza.ParseIn([]byte(element), stanza.NSClient, stanza.AfterLogin)
		if err != nil || st.Kind == stanza.Other {
			return false
		}
		srv.Core.Do(func(t *server.Turn) {
			if to, err := stanza.ParseJID(st.ToString()); err == nil && to.Domain() == "conference.localhost" {
				srv.Core.Route(t, o, st)
			}
		})
		return true
	}
	const join = `<presence to='garden@conference.localhost/%'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
	f.Fuzz(func(t *testing.T, element string, n uint8) {
		for i, nick := range []string{"Owner", "Juliet"} {
			send(who[i], string(bytes.Replace([]byte(join), []byte("%"), []byte(nick), 1)))
			if i == 0 {
				send(who[0], `<iq type='set' id='o' to='garden@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`)
			}
		}
		send(who[int(n)%len(who)], element)
		send(who[2], `<iq type='get' id='i' to='garden@conference.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
		if log.Len() > 0 {
			t.Fatalf("logged: %s", log.String())
		}
	})
}
