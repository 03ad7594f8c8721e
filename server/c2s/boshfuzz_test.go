package c2s_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/c2s"
	"natter/server/servertest"
	"natter/stanza"
)

// FuzzBOSH sends any requests, a line each, to a session that waits for login and to one
// that is not there: whatever comes, the server answers with a body of BOSH or says that it
// was none, and leaves nothing behind.
func FuzzBOSH(f *testing.F) {
	const ns = "xmlns='http://jabber.org/protocol/httpbind'"
	for _, seed := range []string{
		"<body " + ns + " rid='2' sid='SID'/>", "<body " + ns + " rid='2' sid='SID' key='x' newkey='y'/>",
		"<body " + ns + " rid='1' to='localhost' wait='1' hold='1' ver='1.6' ack='1' content='text/html; charset=utf-8'/>",
		"<body " + ns + " rid='2' sid='SID' pause='10'/>\n<body " + ns + " rid='3' sid='SID' type='terminate'/>",
		"<body " + ns + " rid='4' sid='SID'/>\n<body " + ns + " rid='2' sid='SID'/>\n<body " + ns + " rid='3' sid='SID' ack='2'/>",
		"<body " + ns + " rid='2' sid='SID'><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/></body>\n<body " + ns + " rid='3' sid='SID' xmlns:x='urn:xmpp:xbosh' x:restart='true'/>",
		"<body " + ns + " rid='2' sid='SID'><presence xmlns='jabber:client'/>text</body>", "<body/>", "<?xml version='1.0'?><body " + ns + "/>", "",
		"<body " + ns + " rid='2' sid='SID'><stream:features xmlns:stream='http://etherx.jabber.org/streams'/></body>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			srv := servertest.New(t, servertest.Options{Config: server.Config{NoLimits: true}})
			via := c2s.Via{Addr: netip.MustParseAddr("127.0.0.1"), Local: true}
			ask := func(raw string) {
				var out []byte
				var content string
				var err error
				done := make(chan struct{})
				go func() {
					defer close(done)
					out, content, err = srv.Clients.ServeBOSH(context.Background(), []byte(raw), via)
				}()
				select {
				case <-done:
				case <-time.After(time.Hour):
					panic(fmt.Sprintf("%q has no answer", raw)) // a failure would wait for it
				}
				if err != nil {
					return
				}
				body, err := stanza.Parse(out, stanza.Limits{Bytes: 1 << 20})
				if err != nil || !body.Is("http://jabber.org/protocol/httpbind", "body") || content == "" || strings.ContainsAny(content, "\r\n") {
					t.Fatalf("%q was answered with %q as %q: %v", raw, out, content, err)
				}
			}
			out, _, err := srv.Clients.ServeBOSH(context.Background(), []byte("<body "+ns+" rid='1' to='localhost' wait='1' hold='1'/>"), via)
			if err != nil {
				t.Fatal(err)
			}
			st, err := stanza.Parse(out, stanza.Limits{Bytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			sid, _ := st.AttrString("", "sid")
			for i, line := range bytes.Split(data, []byte("\n")) {
				if i == 20 {
					break
				}
				ask(strings.ReplaceAll(string(line), "SID", sid))
			}
			ask("<body " + ns + " sid='" + sid + "' rid='" + strconv.Itoa(1<<40) + "'/>") // ends it
			srv.Close()
		})
	})
}
