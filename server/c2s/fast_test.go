package c2s_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

const fast = "<fast xmlns='urn:xmpp:fast:0'/>"

func askToken(mechanism string) string {
	return "<request-token xmlns='urn:xmpp:fast:0' mechanism='" + mechanism + "'/>"
}

// tokenOf returns the token in a <success/>, "" without one.
func tokenOf(success string) string {
	_, rest, ok := strings.Cut(success, " token='")
	if !ok {
		return ""
	}
	token, _, _ := strings.Cut(rest, "'")
	return token
}

// newToken logs a device in with the password and returns the token it is given.
func (w *world) newToken(t testing.TB, device string) string {
	t.Helper()
	p := w.dial(t)
	p.open()
	success, _ := p.login2(userAgent(device) + askToken("HT-SHA-256-NONE"))
	token := tokenOf(success)
	if token == "" {
		t.Fatalf("no token in %s", success)
	}
	p.Close()
	return token
}

// with token tries to log a device in with a token and returns the answer.
func (w *world) present(t testing.TB, device, token, attrs, inline string) string {
	t.Helper()
	p := w.dial(t)
	p.open()
	p.send(authenticate("HT-SHA-256-NONE", proof(token, "juliet", ""),
		userAgent(device)+"<fast xmlns='urn:xmpp:fast:0'"+attrs+"/>"+inline))
	got := p.next()
	p.Close()
	return got
}

func wantSuccess(t testing.TB, got string) {
	t.Helper()
	if !strings.HasPrefix(got, "<success xmlns='"+nsSASL2+"'>") {
		t.Fatalf("expected success, got %s", got)
	}
}

func TestTokenLogsIn(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.open()
	success, _ := p.login2(userAgent(phone) + bind2 + askToken("HT-SHA-256-NONE"))
	token := tokenOf(success)
	expiry, err := time.Parse(time.RFC3339, found(t, success, `<token xmlns='urn:xmpp:fast:0' expiry='([^']+)'`))
	if err != nil || time.Until(expiry) < 20*24*time.Hour {
		t.Errorf("expires %v, %v", expiry, err)
	}
	p.Close()
	got := w.present(t, phone, token, "", bind2)
	wantSuccess(t, got)
	with(t, got, "<bound xmlns='urn:xmpp:bind:0'>")
	without(t, got, "<token") // it is fresh enough
	want := proofOf("Responder", token, "")
	if data := unb64(t, found(t, got, `<additional-data>([^<]*)<`)); data != want {
		t.Errorf("the server's proof is %x, want %x", data, want)
	}
	w.untouched(t)
}

func TestTokenIsTheDevicesOwn(t *testing.T) {
	w := newWorld(t)
	token := w.newToken(t, phone)
	wantFailure2(t, w.present(t, tablet, token, "", ""), "not-authorized")
	w.newToken(t, tablet)
	wantFailure2(t, w.present(t, tablet, token, "", ""), "not-authorized")
	wantSuccess(t, w.present(t, strings.ToUpper(phone), token, "", ""))
}

// TestTokenIsAskedForProperly: none without a device, nor for a mechanism that was not
// offered; the login goes on without.
func TestTokenIsAskedForProperly(t *testing.T) {
	w := newWorld(t)
	for _, inline := range []string{
		askToken("HT-SHA-256-NONE"), userAgent("mine") + askToken("HT-SHA-256-NONE"),
		userAgent(phone) + askToken("HT-SHA-256-EXPR"), userAgent(phone) + askToken("PLAIN"), userAgent(phone) + askToken(""),
	} {
		p := w.dial(t)
		p.open()
		success, _ := p.login2(inline)
		without(t, success, "<token")
	}
}

// secure opens a stream over TLS; it returns the connection's exporter as well.
func (w *world) secure(t testing.TB) (p *peer, features, exporter string) {
	t.Helper()
	plain := w.dial(t)
	plain.open()
	plain.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	plain.expect("<proceed")
	conn := tls.Client(plain.Conn, w.TLS())
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	st := conn.ConnectionState()
	data, err := st.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	p = newPeer(t, conn)
	return p, p.open(), string(data)
}

func TestTokenIsBoundToItsMechanism(t *testing.T) {
	w := newWorld(t)
	p, features, _ := w.secure(t)
	with(t, features, "<mechanism>HT-SHA-256-EXPR</mechanism><mechanism>HT-SHA-256-ENDP</mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast>",
		"<mechanism>PLAIN</mechanism><inline>")
	plain := b64("\x00juliet\x00" + servertest.Password)
	p.send(authenticate("PLAIN", plain, userAgent(phone)+askToken("HT-SHA-256-EXPR")))
	bound := tokenOf(p.next())
	none := w.newToken(t, tablet)
	try := func(mechanism, device, token, binding string) string {
		p, _, exporter := w.secure(t)
		if binding == "exporter" {
			binding = exporter
		}
		p.send(authenticate(mechanism, proof(token, "juliet", binding), userAgent(device)+fast))
		return p.next()
	}
	wantSuccess(t, try("HT-SHA-256-EXPR", phone, bound, "exporter"))
	wantFailure2(t, try("HT-SHA-256-EXPR", phone, bound, "of another connection"), "not-authorized")
	wantFailure2(t, try("HT-SHA-256-NONE", phone, bound, ""), "not-authorized")
	wantFailure2(t, try("HT-SHA-256-EXPR", tablet, none, "exporter"), "not-authorized")
	wantFailure2(t, try("HT-SHA-256-UNIQ", phone, bound, ""), "invalid-mechanism") // TLS 1.3 has none
	wantSuccess(t, try("HT-SHA-256-NONE", tablet, none, ""))
}

func TestTokenIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := w.newToken(t, phone)
		wantSuccess(t, w.present(t, phone, old, "", ""))
		time.Sleep(25 * time.Hour)
		lost := tokenOf(w.present(t, phone, old, "", "")) // the answer never arrives
		if lost == "" {
			t.Fatal("the token is a day old and not replaced")
		}
		now := tokenOf(w.present(t, phone, old, "", ""))
		if now == "" || now == old || now == lost {
			t.Fatalf("tokens %s, %s, %s", old, lost, now)
		}
		// What was given out and not used is void once there is another; the
		// old one is once that is used.
		wantFailure2(t, w.present(t, phone, lost, "", ""), "not-authorized")
		wantSuccess(t, w.present(t, phone, now, "", ""))
		wantFailure2(t, w.present(t, phone, old, "", ""), "not-authorized")
		wantSuccess(t, w.present(t, phone, now, "", ""))
	})
}

func TestTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, servertest.Options{Config: server.Config{TokenLifetime: time.Hour}})
		token := w.newToken(t, phone)
		time.Sleep(time.Hour)
		wantFailure2(t, w.present(t, phone, token, "", ""), "credentials-expired")
		// Who has not got it does not hear that.
		wantFailure2(t, w.present(t, phone, "x"+token, "", ""), "not-authorized")
		wantSuccess(t, w.present(t, phone, w.newToken(t, phone), "", ""))
	})
}

func TestTokenIsInvalidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		token := w.newToken(t, phone)
		time.Sleep(25 * time.Hour)
		got := w.present(t, phone, token, " invalidate='true'", "")
		wantSuccess(t, got)
		without(t, got, "<token") // although it is due
		wantFailure2(t, w.present(t, phone, token, "", ""), "credentials-expired")
		// With a request for another one that is given.
		token = w.newToken(t, phone)
		next := tokenOf(w.present(t, phone, token, " invalidate='1'", askToken("HT-SHA-256-NONE")))
		wantFailure2(t, w.present(t, phone, token, "", ""), "credentials-expired")
		wantSuccess(t, w.present(t, phone, next, "", ""))
	})
}

func TestTokenEndsWithThePassword(t *testing.T) {
	w := newWorld(t)
	host := w.Core.Host("localhost")
	token := w.newToken(t, phone)
	b, err := host.SetPassword("juliet", "another")
	if err == nil {
		err = w.Store.CommitWait(context.Background(), b)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantFailure2(t, w.present(t, phone, token, "", ""), "credentials-expired")
}

func TestTokenEndsWithTheAccount(t *testing.T) {
	w := newWorld(t)
	token := w.newToken(t, phone)
	w.juliet.Send("<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>")
	w.juliet.Expect("<iq type='result' id='r'/>")
	wantFailure2(t, w.present(t, phone, token, "", ""), "not-authorized")
	w.juliet.Conn.Close()
	if err := w.Core.Host("localhost").Settled(context.Background(), "juliet"); err != nil {
		t.Fatal(err)
	}
	w.Account(t, "juliet@localhost") // somebody else takes the name
	wantFailure2(t, w.present(t, phone, token, "", ""), "not-authorized")
}

func TestTokenOfADisabledAccount(t *testing.T) {
	w := newWorld(t)
	token := w.newToken(t, phone)
	b, err := w.Core.Host("localhost").Disable("juliet", true)
	if err == nil {
		err = w.Store.CommitWait(context.Background(), b)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantFailure2(t, w.present(t, phone, token, "", ""), "account-disabled")
	wantFailure2(t, w.present(t, phone, "x"+token, "", ""), "not-authorized")
}

func TestTokenIsNotUsedTwiceWithOneCount(t *testing.T) {
	w := newWorld(t)
	token := w.newToken(t, phone)
	wantSuccess(t, w.present(t, phone, token, " count='7'", ""))
	wantFailure2(t, w.present(t, phone, token, " count='7'", ""), "not-authorized")
	wantFailure2(t, w.present(t, phone, token, " count='6'", ""), "not-authorized")
	wantSuccess(t, w.present(t, phone, token, " count='8'", ""))

	// Of many copies of one request, one gets in.
	var mu sync.Mutex
	var all sync.WaitGroup
	in := 0
	for range 8 {
		all.Go(func() {
			got := w.present(t, phone, token, " count='9'", "")
			mu.Lock()
			defer mu.Unlock()
			if strings.HasPrefix(got, "<success") {
				in++
			}
		})
	}
	all.Wait()
	if in != 1 {
		t.Errorf("%d of 8 copies got in", in)
	}
}

// TestGuessingTokensIsSlowedDown: as guessing passwords is.
func TestGuessingTokensIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.newToken(t, phone)
		began := time.Now()
		for range 40 {
			wantFailure2(t, w.present(t, phone, "guess", "", ""), "not-authorized")
		}
		if d := time.Since(began); d < 5*time.Second {
			t.Errorf("forty tries took %v", d)
		}
	})
}

// TestTokenIsNotAtRest: what is stored does not hold it, and on a copy of the store
// without the key, which is elsewhere, it is worth nothing. With the key it survives a
// restart.
func TestTokenIsNotAtRest(t *testing.T) {
	dir := t.TempDir()
	start := func(path, key string) *world {
		srv := servertest.New(t, servertest.Options{Store: store.Options{Path: path}})
		srv.Core.SetTokenKey([]byte(key))
		srv.Account(t, "juliet@localhost")
		return &world{Server: srv}
	}
	w := start(filepath.Join(dir, "natter.db"), "0123456789abcdef")
	token := w.newToken(t, phone)
	w.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(token)) || bytes.Contains(b, []byte(strings.TrimPrefix(token, "natter-fast-"))) || bytes.Contains(b, []byte(phone)) {
			t.Errorf("%s holds the token or the device's id", f)
		}
	}
	stolen := filepath.Join(dir, "copy.db")
	db, err := os.ReadFile(filepath.Join(dir, "natter.db"))
	if err == nil {
		err = os.WriteFile(stolen, db, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantFailure2(t, start(stolen, "another key, ...").present(t, phone, token, "", ""), "not-authorized")
	wantSuccess(t, start(filepath.Join(dir, "natter.db"), "0123456789abcdef").present(t, phone, token, "", ""))
}

// rounds counts round trips: how often the client has written after the server did.
type rounds struct {
	net.Conn
	n       int
	reading bool
}

func (r *rounds) Write(p []byte) (int, error) {
	if r.reading {
		r.n++
		r.reading = false
	}
	return r.Conn.Write(p)
}

func (r *rounds) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.reading = r.reading || n > 0
	return n, err
}

// TestBackInOneRoundTrip: a client that comes back with a token sends its header and
// the request at once after TLS, and is in its session with what the server answers to
// that, messages that waited included.
func TestBackInOneRoundTrip(t *testing.T) {
	w := newWorld(t)
	p, _, _ := w.secure(t)
	p.send(authenticate("PLAIN", b64("\x00juliet\x00"+servertest.Password),
		userAgent(phone)+askToken("HT-SHA-256-EXPR")+"<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>"))
	success := p.next()
	token, id := tokenOf(success), found(t, success, `<enabled [^>]*id='([^']+)'`)
	full := found(t, success, `<authorization-identifier>([^<]+)</`)
	p.expect("<stream:features>")
	p.send("<presence/>")
	p.expect("<presence from='" + full + "'")
	p.Close()
	w.romeo.Send("<message to='" + full + "' type='chat'><body>while away</body></message>")
	w.romeo.Sync()

	client, err := net.Dial("tcp", w.Listen(t).String())
	if err != nil {
		t.Fatal(err)
	}
	tlsConn := tls.Client(client, w.TLS()) // from the first byte
	if err := tlsConn.Handshake(); err != nil {
		t.Fatal(err)
	}
	st := tlsConn.ConnectionState()
	exporter, err := st.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	wire := &rounds{Conn: tlsConn}
	back := newPeer(t, wire)
	back.send(strings.Replace(header, " to=", " from='juliet@localhost' to=", 1) +
		authenticate("HT-SHA-256-EXPR", proof(token, "juliet", string(exporter)),
			userAgent(phone)+fast+"<resume xmlns='urn:xmpp:sm:3' previd='"+id+"' h='0'/>") +
		"<message to='romeo@localhost' type='chat'><body>I am back</body></message>")
	with(t, back.expect("<stream:features>"), nsSASL2)
	with(t, back.expect("<success"), "<resumed ")
	back.expect("<stream:features>")
	for got := back.next(); !strings.Contains(got, "while away"); got = back.next() {
	}
	w.romeo.Expect("<message from='" + full + "'><body>I am back</body></message>")
	if wire.n != 0 {
		t.Errorf("the client had to write %d times more after it heard from the server", wire.n)
	}
	back.send("</stream:stream>")
	if _, err := io.Copy(io.Discard, back); err != nil {
		t.Fatal(err)
	}
}
