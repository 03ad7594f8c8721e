package c2s_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"

	xdg "github.com/xdg-go/scram"
)

// boshPeer is a BOSH client that sends whatever requests it likes.
type boshPeer struct {
	t    testing.TB
	http *http.Client
	sid  string
	rid  uint64
}

func newBOSH(t testing.TB, srv *servertest.Server) *boshPeer {
	tr := &http.Transport{DialContext: srv.DialHTTP}
	t.Cleanup(tr.CloseIdleConnections)
	return &boshPeer{t: t, http: &http.Client{Transport: tr}, rid: 1000}
}

// post sends a request with this number and returns the response.
func (b *boshPeer) post(ctx context.Context, rid uint64, attrs, payload string) (string, error) {
	if b.sid != "" {
		attrs += " sid='" + b.sid + "'"
	}
	body := "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='" + strconv.FormatUint(rid, 10) + "' " + attrs + ">" + payload + "</body>"
	req, err := http.NewRequestWithContext(ctx, "POST", "http://localhost/http-bind", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return string(out), err
}

// ask sends the next request.
func (b *boshPeer) ask(attrs, payload string) string {
	b.t.Helper()
	b.rid++
	return b.at(b.rid, attrs, payload)
}

func (b *boshPeer) at(rid uint64, attrs, payload string) string {
	b.t.Helper()
	out, err := b.post(b.t.Context(), rid, attrs, payload)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// later sends the next request and returns where its response comes.
func (b *boshPeer) later(attrs, payload string) <-chan string {
	b.rid++
	rid, c := b.rid, make(chan string, 1)
	go func() {
		out, err := b.post(b.t.Context(), rid, attrs, payload)
		if err != nil {
			out = err.Error()
		}
		c <- out
	}()
	return c
}

func (b *boshPeer) open(attrs string) string {
	b.t.Helper()
	out := b.ask("to='localhost' ver='1.11' xmpp:version='1.0' "+attrs, "")
	st, err := stanza.Parse([]byte(out), stanza.AfterLogin)
	if err != nil {
		b.t.Fatalf("%v in %s", err, out)
	}
	b.sid, _ = st.AttrString("", "sid")
	return out
}

// login logs in and binds a resource.
func (b *boshPeer) login(srv *servertest.Server, user, attrs string) {
	b.t.Helper()
	srv.Account(b.t, user+"@localhost")
	b.open(attrs)
	client, err := xdg.SHA256.NewClient(user, servertest.Password, "")
	if err != nil {
		b.t.Fatal(err)
	}
	conv := client.NewConversation()
	out, _ := conv.Step("")
	tag := "auth mechanism='SCRAM-SHA-256'"
	for !conv.Done() {
		name, _, _ := strings.Cut(tag, " ")
		got := b.ask("", "<"+tag+" xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"+base64.StdEncoding.EncodeToString([]byte(out))+"</"+name+">")
		st, err := stanza.Parse([]byte(got), stanza.AfterLogin)
		if err != nil || st.NumChildren() != 1 {
			b.t.Fatalf("login: %s", got)
		}
		in, _ := base64.StdEncoding.DecodeString(st.Text(st.ChildAt(0)))
		if out, err = conv.Step(string(in)); err != nil {
			b.t.Fatalf("login: %v: %s", err, got)
		}
		tag = "response"
	}
	if got := b.ask("xmpp:restart='true' to='localhost'", ""); !strings.Contains(got, "<bind ") {
		b.t.Fatalf("restart: %s", got)
	}
	if got := b.ask("", "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>"); !strings.Contains(got, "<jid>"+user+"@localhost/web</jid>") {
		b.t.Fatalf("bind: %s", got)
	}
	if got := b.ask("", "<presence xmlns='jabber:client'/>"); !strings.Contains(got, "<presence ") {
		b.t.Fatalf("presence: %s", got)
	}
}

func mustHave(t testing.TB, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Fatalf("expected %s in %s", w, got)
		}
	}
}

func gone(t testing.TB, got, condition string) {
	t.Helper()
	mustHave(t, got, "type='terminate'", "condition='"+condition+"'")
}

func say(id string) string {
	return "<message to='romeo@localhost/web' type='chat' id='" + id + "'><body>" + id + "</body></message>"
}

// TestBOSHSession: what the session is told (XEP-0124 §7, XEP-0206 §2), how it is
// held (§8), and how it ends (§13).
func TestBOSHSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		b := newBOSH(t, srv)
		got := newBOSH(t, srv).open("wait='1000' hold='9' ack='1'")
		mustHave(t, got, "wait='60'", "hold='2'", "requests='3'", "ack='1001'", "from='localhost'", "xmpp:version='1.0'", "inactivity='60'", "<stream:features", "SCRAM-SHA-256<")
		b.login(srv, "romeo", "wait='60' hold='1'")
		// Nothing to say: the request is held, and given back when its time is over.
		begin := time.Now()
		if got := b.ask("", ""); strings.Contains(got, "type=") || time.Since(begin) != time.Minute {
			t.Fatalf("after %v: %s", time.Since(begin), got)
		}
		// Something to say comes at once.
		c := b.later("", "")
		synctest.Wait()
		juliet.Send(say("now"))
		mustHave(t, <-c, "<body>now</body>", "<message xmlns='jabber:client' from='juliet@localhost/balcony'")
		// A second request has the first one answered.
		c = b.later("", "")
		synctest.Wait()
		d := b.later("", "<message xmlns='jabber:client' to='juliet@localhost/balcony' id='out'><body>hi</body></message>")
		if got := <-c; strings.Contains(got, "<message") {
			t.Fatalf("expected nothing: %s", got)
		}
		juliet.Expect("<message from='romeo@localhost/web' id='out'><body>hi</body></message>")
		mustHave(t, b.ask("type='terminate'", "<presence xmlns='jabber:client' type='unavailable'/>"), "type=")
		<-d
		gone(t, b.ask("", ""), "item-not-found")
		if srv.Core.Session("romeo@localhost/web") != nil {
			t.Error("the session goes on")
		}
	})
}

// TestBOSHLostResponse: whatever is lost on the way, each stanza comes once, in
// either direction (XEP-0124 §14).
func TestBOSHLostResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		b := newBOSH(t, srv)
		b.login(srv, "romeo", "wait='60' hold='1' ack='1'")
		juliet.Send(say("1"))
		juliet.Sync()
		first := b.ask("", "<message xmlns='jabber:client' to='juliet@localhost/balcony' id='once'><body>x</body></message>")
		mustHave(t, first, "<body>1</body>")
		// The response is asked for again: it is the same, and nothing is sent twice.
		if again := b.at(b.rid, "", "<message xmlns='jabber:client' to='juliet@localhost/balcony' id='once'><body>x</body></message>"); again != first {
			t.Fatalf("again: %s", again)
		}
		juliet.Expect("<message id='once'><body>x</body></message>")
		juliet.Silent()
		// A client goes away while its request is held, and asks again.
		ctx, cancel := context.WithCancel(t.Context())
		b.rid++
		lost := make(chan error, 1)
		go func() { _, err := b.post(ctx, b.rid, "", ""); lost <- err }()
		synctest.Wait()
		cancel()
		<-lost
		synctest.Wait()
		juliet.Send(say("2"))
		juliet.Sync()
		mustHave(t, b.at(b.rid, "", ""), "<body>2</body>")
		// Requests that overtake each other are handled in their order.
		b.rid += 2
		late := make(chan string, 1)
		go func() {
			out, _ := b.post(t.Context(), b.rid, "", "<message xmlns='jabber:client' to='juliet@localhost/balcony' id='b'/>")
			late <- out
		}()
		synctest.Wait()
		early := make(chan string, 1)
		go func() {
			out, _ := b.post(t.Context(), b.rid-1, "", "<message xmlns='jabber:client' to='juliet@localhost/balcony' id='a'/>")
			early <- out
		}()
		synctest.Wait()
		juliet.Expect("<message id='a'/>")
		juliet.Expect("<message id='b'/>")
		<-early
		juliet.Send(say("3"))
		mustHave(t, <-late, "<body>3</body>")
		// It is never seen again: what had not arrived waits for the account. The response
		// to 3 was given and not confirmed.
		juliet.Send(say("4"))
		juliet.Sync()
		time.Sleep(2 * time.Minute)
		again := srv.Login(t, "romeo@localhost/phone")
		again.Send("<presence/>")
		synctest.Wait() // what had waited is on its way
		all := strings.Join(append(again.Sync(), again.Sync()...), "")
		mustHave(t, all, "<body>3</body>", "<body>4</body>")
		if strings.Contains(all, "<body>2</body>") || strings.Index(all, ">3<") > strings.Index(all, ">4<") {
			t.Fatalf("received %s", all)
		}
	})
}

// TestBOSHRules: what ends a session, and with which condition.
func TestBOSHRules(t *testing.T) {
	key := func(k string) string { h := sha1.Sum([]byte(k)); return hex.EncodeToString(h[:]) }
	for _, row := range []struct {
		name, open string
		run        func(t *testing.T, b *boshPeer) string
		condition  string
	}{
		{"a number beyond the window", "hold='1'", func(t *testing.T, b *boshPeer) string { return b.at(b.rid+10, "", "") }, "item-not-found"},
		{"a number of long ago", "hold='1'", func(t *testing.T, b *boshPeer) string { return b.at(5, "", "") }, "item-not-found"},
		{"a host that is not here", "hold='1'", func(t *testing.T, b *boshPeer) string {
			b.sid = ""
			return b.at(1, "to='example.net' xmpp:version='1.0'", "")
		}, "host-unknown"},
		{"a stanza before login", "hold='1'", func(t *testing.T, b *boshPeer) string {
			return b.ask("", "<presence xmlns='jabber:client'/>")
		}, "remote-stream-error"},
		{"a stanza in BOSH's own namespace", "hold='1'", func(t *testing.T, b *boshPeer) string { return b.ask("", "<presence/>") }, "remote-stream-error"},
		{"a stanza that is too big", "hold='1'", func(t *testing.T, b *boshPeer) string {
			return b.ask("", "<presence xmlns='jabber:client'><status>"+strings.Repeat("x", 20_000)+"</status></presence>")
		}, "policy-violation"},
		{"polling too often", "wait='0'", func(t *testing.T, b *boshPeer) string {
			time.Sleep(3 * time.Second)
			mustHave(t, b.ask("", ""), "<body")
			time.Sleep(time.Second)
			return b.ask("", "")
		}, "policy-violation"},
		{"a key that does not fit", "hold='1' newkey='" + key("b") + "'", func(t *testing.T, b *boshPeer) string { return b.ask("key='c'", "") }, "item-not-found"},
		{"no key", "hold='1' newkey='" + key("b") + "'", func(t *testing.T, b *boshPeer) string { return b.ask("", "") }, "item-not-found"},
		{"keys in a row, and then an old one", "wait='1' newkey='" + key(key("a")) + "'", func(t *testing.T, b *boshPeer) string {
			mustHave(t, b.ask("key='"+key("a")+"'", ""), "<body")
			mustHave(t, b.ask("key='a' newkey='"+key("z")+"'", ""), "<body")
			mustHave(t, b.ask("key='z'", ""), "<body")
			return b.ask("key='a'", "")
		}, "item-not-found"},
		{"too long without a request", "hold='1'", func(t *testing.T, b *boshPeer) string {
			time.Sleep(2 * time.Minute)
			return b.ask("", "")
		}, "item-not-found"},
		{"no login in time", "wait='10' hold='1'", func(t *testing.T, b *boshPeer) string {
			for range 4 {
				if got := b.ask("", ""); strings.Contains(got, "terminate") {
					return got
				}
			}
			return "still there"
		}, "item-not-found"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				b := newBOSH(t, srv)
				b.open(row.open)
				gone(t, row.run(t, b), row.condition)
				if all, early := srv.Clients.Connections(); all+early != 0 && row.condition != "host-unknown" {
					synctest.Wait()
					time.Sleep(10 * time.Second)
					if all, early = srv.Clients.Connections(); all+early != 0 {
						t.Errorf("%d connections, %d before login, are left", all, early)
					}
				}
			})
		})
	}
}

// TestBOSHNegotiates: what both sides speak, and the type of the responses (XEP-0124
// §7.1, §7.2, §17.2).
func TestBOSHNegotiates(t *testing.T) {
	srv := servertest.New(t)
	client := &http.Client{Transport: &http.Transport{DialContext: srv.DialHTTP, DisableKeepAlives: true}}
	for _, row := range []struct {
		name, attrs, content string
		want                 []string
	}{
		{"nothing asked", "", "text/xml; charset=utf-8", []string{"ver='1.11'"}},
		{"an old client", "ver='1.6'", "text/xml; charset=utf-8", []string{"ver='1.6'"}},
		{"one of the future", "ver='2.0'", "text/xml; charset=utf-8", []string{"ver='1.11'"}},
		{"a version that is none", "ver='one'", "text/xml; charset=utf-8", []string{"ver='1.11'"}},
		{"a client that takes only pages", "content='text/html; charset=utf-8'", "text/html; charset=utf-8", []string{"sid="}},
		{"a type that would run", "content='text/javascript'", "text/xml; charset=utf-8", []string{"type='terminate'", "condition='bad-request'"}},
		{"a type with a line break", "content='text/html&#10;X: y'", "text/xml; charset=utf-8", []string{"condition='bad-request'"}},
		{"another charset", "content='text/html; charset=utf-7'", "text/xml; charset=utf-8", []string{"condition='bad-request'"}},
		{"no number", "rid=''", "text/xml; charset=utf-8", []string{"condition='bad-request'"}},
		{"a number that is too big", "rid='9007199254740992'", "text/xml; charset=utf-8", []string{"condition='bad-request'"}},
	} {
		if !strings.Contains(row.attrs, "rid=") {
			row.attrs += " rid='77'"
		}
		resp, err := client.Post("http://localhost/http-bind", "text/xml", strings.NewReader("<body xmlns='http://jabber.org/protocol/httpbind' to='localhost' "+row.attrs+"/>"))
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		out, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); got != row.content || resp.StatusCode != 200 {
			t.Errorf("%s: %s, %s", row.name, resp.Status, got)
		}
		if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: as a page it may do what it likes", row.name)
		}
		mustHave(t, string(out), row.want...)
	}
}

// TestBOSHAcknowledges: a response to an older request says which requests have come
// (§9.1), and one that is asked for twice over goes to who asked last (§14.3).
func TestBOSHAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		b := newBOSH(t, srv)
		b.login(srv, "romeo", "wait='60' hold='2' ack='1'")
		c := b.later("", "")
		synctest.Wait()
		d := b.later("", "")
		synctest.Wait()
		juliet.Send(say("1"))
		mustHave(t, <-c, "<body>1</body>", fmt.Sprintf(" ack='%d'", b.rid))
		juliet.Send(say("2"))
		if got := <-d; !strings.Contains(got, "<body>2</body>") || strings.Contains(got, " ack=") {
			t.Fatalf("the last one: %s", got)
		}
		c = b.later("", "")
		synctest.Wait()
		b.rid--
		d = b.later("", "") // the same again, over another connection
		if got := <-c; !strings.Contains(got, "type='error'") || strings.Contains(got, "terminate") {
			t.Fatalf("who asked first got %s", got)
		}
		juliet.Send(say("3"))
		mustHave(t, <-d, "<body>3</body>")
	})
}

// TestBOSHPause: a session may be away for as long as it asked for (§10), and one
// that can be resumed goes on over another transport.
func TestBOSHPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{NoLimits: true}})
		juliet := srv.Online(t, "juliet@localhost/balcony")
		b := newBOSH(t, srv)
		b.login(srv, "romeo", "wait='60' hold='1'")
		c := b.later("", "")
		synctest.Wait()
		b.ask("pause='100'", "")
		<-c
		time.Sleep(90 * time.Second)
		juliet.Send(say("away"))
		juliet.Sync()
		mustHave(t, b.ask("", ""), "<body>away</body>")
		got := b.ask("", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
		_, id, _ := strings.Cut(got, " id='")
		id, _, _ = strings.Cut(id, "'")
		for i := range 3 {
			juliet.Send(say(fmt.Sprint("m", i)))
		}
		juliet.Sync()
		b.ask("", "")
		time.Sleep(2 * time.Minute) // it is never seen again
		p := newPeer(t, srv.Dial())
		p.open()
		p.login("romeo")
		p.send("<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='0'/>")
		p.expect("<resumed ")
		for i := range 3 {
			mustHave(t, p.next(), fmt.Sprintf("<body>m%d</body>", i))
		}
	})
}

// TestBOSHOverHTTP: methods, sizes, and who may ask.
func TestBOSHOverHTTP(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Config: server.Config{Origins: []string{"https://page.example"}}})
	client := &http.Client{Transport: &http.Transport{DialContext: srv.DialHTTP, DisableKeepAlives: true}}
	for _, row := range []struct {
		name, method, origin, body string
		status                     int
	}{
		{"GET", "GET", "", "", 405},
		{"no XML", "POST", "", "hello", 400},
		{"another namespace", "POST", "", "<body rid='1'/>", 400},
		{"a DTD", "POST", "", "<!DOCTYPE a><body xmlns='http://jabber.org/protocol/httpbind' rid='1'/>", 400},
		{"too much", "POST", "", strings.Repeat("x", 400<<10), 413},
		{"a session that is not there", "POST", "", "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='x'/>", 200},
		{"what a browser asks first", "OPTIONS", "https://page.example", "", 204},
		{"another page", "OPTIONS", "https://evil.example", "", 403},
		{"another page posts", "POST", "https://evil.example", "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='x'/>", 403},
	} {
		req, err := http.NewRequest(row.method, "http://localhost/http-bind", strings.NewReader(row.body))
		if err != nil {
			t.Fatal(err)
		}
		if row.origin != "" {
			req.Header.Set("Origin", row.origin)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		resp.Body.Close()
		if resp.StatusCode != row.status {
			t.Errorf("%s: %s, want %d", row.name, resp.Status, row.status)
		}
		allow := resp.Header.Get("Access-Control-Allow-Origin")
		if want := row.origin; row.status < 300 && allow != want || row.status == 403 && allow != "" {
			t.Errorf("%s: pages of %q may read it", row.name, allow)
		}
	}
}

// TestBOSHEndsUnderItsOwnHands: a session that another request ends while one of
// its own resumes or binds leaves nothing behind.
func TestBOSHEndsUnderItsOwnHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		for range 50 {
			b := newBOSH(t, srv)
			b.login(srv, "romeo", "wait='60' hold='1'")
			got := b.ask("", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
			_, id, _ := strings.Cut(got, " id='")
			id, _, _ = strings.Cut(id, "'")
			other := newBOSH(t, srv)
			other.open("wait='60' hold='1'")
			c := b.later("", "<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
			d := other.later("", "<resume xmlns='urn:xmpp:sm:3' previd='"+id+"' h='0'/>")
			other.at(other.rid+50, "", "") // far beyond the window
			b.at(b.rid+50, "", "")
			<-c
			<-d
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if all, _ := srv.Clients.Connections(); all != 0 || srv.Core.Session("romeo@localhost/web") != nil {
			t.Errorf("%d connections are left, or the session", all)
		}
	})
}
