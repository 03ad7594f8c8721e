package upload_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

func TestTheServiceIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _ := start(t, server.Config{UploadBytes: 5 << 20})
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(`<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
		romeo.Expect(`<iq type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#items' scansion:strict='false'><item jid='upload.localhost' name='HTTP File Upload'/></query></iq>`)
		romeo.Send(`<iq type='get' id='2' to='upload.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
		romeo.Expect(`<iq type='result' id='2' from='upload.localhost'><query xmlns='http://jabber.org/protocol/disco#info' scansion:strict='false'>
			<identity category='store' type='file' name='HTTP File Upload'/><feature var='urn:xmpp:http:upload:0'/>
			<feature var='urn:xmpp:http:upload:purpose:0#message'/><feature var='urn:xmpp:http:upload:purpose:0#profile'/>
			<feature var='urn:xmpp:http:upload:purpose:0#ephemeral'/><feature var='urn:xmpp:http:upload:purpose:0#permanent'/>
			<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:http:upload:0</value></field>
			<field var='max-file-size'><value>5242880</value></field></x></query></iq>`)
		for _, what := range []string{
			`<iq type='get' id='3' to='upload.localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='x'/></iq>`,
		} {
			romeo.Send(what)
			romeo.ExpectError("item-not-found")
		}
		for _, what := range []string{
			`<iq type='set' id='4' to='upload.localhost'><request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/></iq>`,
			`<iq type='get' id='5' to='upload.localhost'><x xmlns='a:b'/></iq>`,
			`<iq type='get' id='6' to='a@upload.localhost'><request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/></iq>`,
			`<message to='upload.localhost'><body>hi</body></message>`,
		} {
			romeo.Send(what)
			romeo.ExpectError("service-unavailable")
		}
		romeo.Send(`<presence to='upload.localhost'/>`, `<iq type='result' id='7' to='upload.localhost'/>`)
		romeo.Silent()
	})
}

func TestWhatASlotIsRefusedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _ := start(t, server.Config{UploadBytes: 20_000, Domains: []string{"localhost", "example.org"}})
		romeo := srv.Login(t, "romeo@localhost/garden")
		for name, c := range map[string]struct{ request, condition, says string }{
			"no name":                 {`<request xmlns='urn:xmpp:http:upload:0' size='1'/>`, "bad-request", ""},
			"a name of nothing":       {`<request xmlns='urn:xmpp:http:upload:0' filename='../..' size='1'/>`, "bad-request", ""},
			"no size":                 {`<request xmlns='urn:xmpp:http:upload:0' filename='a'/>`, "bad-request", ""},
			"size 0":                  {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='0'/>`, "bad-request", ""},
			"a negative size":         {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='-1'/>`, "bad-request", ""},
			"a size that is a word":   {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='big'/>`, "bad-request", ""},
			"too large":               {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='20001'/>`, "not-acceptable", "<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>20000</max-file-size></file-too-large>"},
			"far too large":           {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='99999999999999999999'/>`, "not-acceptable", "<max-file-size>20000</max-file-size>"},
			"what is no content type": {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1' content-type='a/b/c;'/>`, "not-acceptable", ""},
			"a content type of lines": {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1' content-type='text/plain&#10;X: y'/>`, "not-acceptable", ""},
			"two purposes":            {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'><message xmlns='urn:xmpp:http:upload:purpose:0'/><profile xmlns='urn:xmpp:http:upload:purpose:0'/></request>`, "bad-request", ""},
			"ephemeral without time":  {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'><ephemeral xmlns='urn:xmpp:http:upload:purpose:0'/></request>`, "bad-request", ""},
			"ephemeral and over":      {`<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'><ephemeral xmlns='urn:xmpp:http:upload:purpose:0' expire-before='1999-12-31T23:59:59Z'/></request>`, "not-acceptable", ""},
		} {
			romeo.Send(`<iq type='get' id='r' to='upload.localhost'>` + c.request + `</iq>`)
			if got := romeo.ExpectError(c.condition); !strings.Contains(got, c.says) {
				t.Errorf("%s: %s", name, got)
			}
		}
		// Who is not of the host may not, nor may a server.
		juliet := srv.Login(t, "juliet@example.org/balcony")
		juliet.Send(request("a", "1", "", ""))
		juliet.ExpectError("forbidden")
		juliet.Send(strings.ReplaceAll(request("a", "1", "", ""), "upload.localhost", "upload.example.org"))
		juliet.Expect(`<iq type='result' id='slot' from='upload.example.org'/>`)
	})
}

func TestWithoutHTTPThereAreNoSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(request("a", "1", "", ""))
		romeo.ExpectError("service-unavailable")
		srv.Core.SetSites("http://localhost:5280", "https://localhost:5281")
		if at := slot(t, romeo, "a", "1", "", ""); !strings.HasPrefix(at, "https://localhost:5281/upload/") {
			t.Errorf("the slot is at %s", at)
		}
	})
}

func TestHowAFileIsServed(t *testing.T) {
	for _, row := range []struct {
		name, typ    string
		url          string // end of it
		shown, start string
	}{
		{"rose.jpg", "image/jpeg", "rose.jpg", "image/jpeg", `inline; filename="rose.jpg"`},
		{"très cool.jpg", "image/jpeg", "tr%C3%A8s%20cool.jpg", "image/jpeg", `inline; filename="tr_s cool.jpg"; filename*=UTF-8''tr%C3%A8s%20cool.jpg`},
		{"Ж?#%.mp3", "audio/mpeg", "%D0%96%3F%23%25.mp3", "audio/mpeg", `inline; filename="_?#_.mp3"; filename*=UTF-8''%D0%96%3F#%25.mp3`},
		{"a.webm", "video/webm; codecs=vp9", "a.webm", "video/webm", `inline; filename="a.webm"`},
		{"a.pdf", "application/pdf", "a.pdf", "application/pdf", `inline; filename="a.pdf"`},
		{"a.txt", "Text/Plain; Charset=UTF-8", "a.txt", "text/plain; charset=UTF-8", `attachment; filename="a.txt"`},
		{"page.html", "text/html", "page.html", "application/octet-stream", `attachment; filename="page.html"`},
		{"page.xhtml", "application/xhtml+xml", "page.xhtml", "application/octet-stream", `attachment; filename="page.xhtml"`},
		{"pic.svg", "image/svg+xml", "pic.svg", "application/octet-stream", `attachment; filename="pic.svg"`},
		{"x.js", "text/javascript", "x.js", "application/octet-stream", `attachment; filename="x.js"`},
		{"x.css", "text/css", "x.css", "application/octet-stream", `attachment; filename="x.css"`},
		{"x", "", "x", "application/octet-stream", `attachment; filename="x"`},
		{"../../etc/passwd", "", "passwd", "application/octet-stream", `attachment; filename="passwd"`},
		{`C:\a\b&quot;c.txt`, "", "b%22c.txt", "application/octet-stream", `attachment; filename="b_c.txt"; filename*=UTF-8''b%22c.txt`},
		{"evil\u202egpj.exe", "", "evilgpj.exe", "application/octet-stream", `attachment; filename="evilgpj.exe"`},
		{"a&#10;b&#9;c", "", "abc", "application/octet-stream", `attachment; filename="abc"`},
		{strings.Repeat("ж", 200) + ".tar.gz", "", strings.Repeat("%D0%B6", 124) + ".tar.gz"[4:], "application/octet-stream", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, _ := start(t, server.Config{})
				romeo := srv.Login(t, "romeo@localhost/garden")
				attrs := ""
				if row.typ != "" {
					attrs = "content-type='" + row.typ + "'"
				}
				at := slot(t, romeo, row.name, "1000", attrs, "")
				if row.start == "" {
					u, err := url.Parse(at)
					if name := u.Path[strings.LastIndexByte(u.Path, '/')+1:]; err != nil || len(name) > 255 || len(name) < 250 || !strings.HasSuffix(name, ".gz") {
						t.Fatalf("%s: %d bytes", name, len(name))
					}
				} else if !strings.HasSuffix(at, "/"+row.url) {
					t.Fatalf("the URL is %s", at)
				}
				wants(t, srv, 404, "GET", at, nil)
				_, h := wants(t, srv, 201, "PUT", at, repeat(1000), "Content-Type", row.typ)
				if h.Get("Access-Control-Allow-Origin") != "*" {
					t.Error("a page elsewhere does not hear of its upload")
				}
				got, h := wants(t, srv, 200, "GET", at, nil)
				if got != string(repeat(1000)) {
					t.Errorf("got %d bytes", len(got))
				}
				for name, want := range map[string]string{
					"Content-Type": row.shown, "Content-Disposition": row.start, "X-Content-Type-Options": "nosniff",
					"Access-Control-Allow-Origin": "*", "Content-Length": "1000", "Accept-Ranges": "bytes", "Referrer-Policy": "no-referrer",
				} {
					if want != "" && h.Get(name) != want {
						t.Errorf("%s is %q, want %q", name, h.Get(name), want)
					}
				}
				policy := h.Get("Content-Security-Policy")
				if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") ||
					strings.Contains(policy, "sandbox") == (row.shown == "application/pdf") || strings.Contains(policy, "allow-") || strings.Contains(policy, "script") {
					t.Errorf("the policy is %q", policy)
				}
			})
		})
	}
}

func TestPartsAndConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _ := start(t, server.Config{})
		romeo := srv.Login(t, "romeo@localhost/garden")
		at := slot(t, romeo, "a.mp4", "10", "content-type='video/mp4'", "")
		wants(t, srv, 201, "PUT", at, []byte("0123456789"))
		_, h := wants(t, srv, 200, "HEAD", at, nil)
		tag, modified := h.Get("ETag"), h.Get("Last-Modified")
		if tag == "" || modified == "" || h.Get("Content-Length") != "10" {
			t.Fatalf("got %v", h)
		}
		for _, row := range []struct {
			name    string
			headers []string
			status  int
			body    string
		}{
			{"the first bytes", []string{"Range", "bytes=0-3"}, 206, "0123"},
			{"the last bytes", []string{"Range", "bytes=-2"}, 206, "89"},
			{"from the middle on", []string{"Range", "bytes=7-"}, 206, "789"},
			{"beyond the end", []string{"Range", "bytes=10-"}, 416, "invalid range: failed to overlap\n"},
			{"no range at all", []string{"Range", "bytes=x"}, 416, "invalid range\n"},
			{"the rest of what one has", []string{"Range", "bytes=8-", "If-Range", tag}, 206, "89"},
			{"the rest of another file", []string{"Range", "bytes=8-", "If-Range", `"other"`}, 200, "0123456789"},
			{"what one has", []string{"If-None-Match", tag}, 304, ""},
			{"what one does not have", []string{"If-None-Match", `"other"`}, 200, "0123456789"},
			{"what has not changed", []string{"If-Modified-Since", modified}, 304, ""},
			{"what has to be another", []string{"If-Match", `"other"`}, 412, ""},
		} {
			if got, _ := wants(t, srv, row.status, "GET", at, nil, row.headers...); got != row.body {
				t.Errorf("%s: got %q", row.name, got)
			}
		}
		wants(t, srv, 404, "GET", at+"x", nil)
		wants(t, srv, 404, "GET", strings.Replace(at, "/upload/", "/upload/a", 1), nil)
		wants(t, srv, 405, "POST", at, []byte("x"))
		wants(t, srv, 405, "DELETE", at, nil)
		_, h = wants(t, srv, 204, "OPTIONS", at, nil, "Origin", "https://web.example", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "content-type")
		if h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Content-Type") || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("preflight: %v", h)
		}
	})
}

// unsized is a body whose length nobody knows.
type unsized struct{ io.Reader }

func TestWhatAPutIsRefusedFor(t *testing.T) {
	srv, dir := start(t, server.Config{})
	base := srv.HTTP(t)
	romeo := srv.Login(t, "romeo@localhost/garden")
	at := slot(t, romeo, "a.jpg", "1000", "content-type='image/jpeg'", "")
	if !strings.HasPrefix(at, base) {
		t.Fatalf("the slot is at %s, the server at %s", at, base)
	}
	put := func(url string, body io.Reader, headers ...string) int {
		t.Helper()
		r, err := http.NewRequest("PUT", url, body)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for name, row := range map[string]struct{ got, want int }{
		"a byte short":     {put(at, bytes.NewReader(repeat(999))), 400},
		"a byte too long":  {put(at, bytes.NewReader(repeat(1001))), 413},
		"nothing":          {put(at, http.NoBody), 400},
		"of unknown size":  {put(at, unsized{bytes.NewReader(repeat(1000))}), 411},
		"another type":     {put(at, bytes.NewReader(repeat(1000)), "Content-Type", "text/html"), 415},
		"what is no type":  {put(at, bytes.NewReader(repeat(1000)), "Content-Type", ";"), 415},
		"a part":           {put(at, bytes.NewReader(repeat(1000)), "Content-Range", "bytes 0-999/2000"), 400},
		"compressed":       {put(at, bytes.NewReader(repeat(1000)), "Content-Encoding", "gzip"), 400},
		"another's name":   {put(at+"x", bytes.NewReader(repeat(1000))), 404},
		"a slot never had": {put(base+"/upload/aaaaaaaaaaaaaaaaaaaaaaaaaa/a.jpg", bytes.NewReader(repeat(1000))), 404},
	} {
		if row.got != row.want {
			t.Errorf("%s: %d, want %d", name, row.got, row.want)
		}
	}

	// One that breaks off leaves nothing, and is begun again.
	u, _ := url.Parse(at)
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "PUT "+u.EscapedPath()+" HTTP/1.1\r\nHost: "+u.Host+"\r\nContent-Length: 1000\r\n\r\nhalf of it")
	conn.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, conn) // until the server has given up on it
	conn.Close()
	if left := onDisk(t, dir); len(left) > 0 {
		t.Errorf("there is %v", left)
	}
	if got := put(at, bytes.NewReader(repeat(1000)), "Content-Type", "image/jpeg"); got != 201 {
		t.Fatalf("put again: %d", got)
	}
	if got := put(at, bytes.NewReader(repeat(1000)), "Content-Type", "image/jpeg"); got != 409 {
		t.Errorf("put twice: %d", got)
	}
	if left := onDisk(t, dir); len(left) != 1 {
		t.Errorf("there is %v", left)
	}
	res, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, _ := io.ReadAll(res.Body); !bytes.Equal(got, repeat(1000)) {
		t.Errorf("got %d bytes", len(got))
	}
}

// TestURLsCannotBeGuessed: each has 130 random bits (XEP-0363 §9).
func TestURLsCannotBeGuessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _ := start(t, server.Config{UploadRate: 1000})
		romeo := srv.Login(t, "romeo@localhost/garden")
		seen := make(map[string]bool)
		for range 200 {
			_, rest, _ := strings.Cut(slot(t, romeo, "a", "10", "", ""), "/upload/")
			id, _, _ := strings.Cut(rest, "/")
			if len(id) != 26 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" || seen[id[:10]] || seen[id[16:]] {
				t.Fatalf("the id %s", id)
			}
			seen[id[:10]], seen[id[16:]] = true, true
		}
	})
}

func TestOneOfTwoUploadsToASlotCounts(t *testing.T) {
	srv, dir := start(t, server.Config{})
	srv.HTTP(t)
	romeo := srv.Login(t, "romeo@localhost/garden")
	at := slot(t, romeo, "a", "100000", "", "")
	codes := make(chan int)
	bodies := [][]byte{bytes.Repeat([]byte("a"), 100000), bytes.Repeat([]byte("b"), 100000)}
	for _, body := range bodies {
		go func() {
			r, _ := http.NewRequest("PUT", at, bytes.NewReader(body))
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				codes <- 0
				return
			}
			res.Body.Close()
			codes <- res.StatusCode
		}()
	}
	if a, b := <-codes, <-codes; a+b != 201+409 {
		t.Errorf("answered %d and %d", a, b)
	}
	got, _ := wants(t, srv, 200, "GET", at, nil)
	if got != string(bodies[0]) && got != string(bodies[1]) {
		t.Error("the file is a mixture")
	}
	if left := onDisk(t, dir); len(left) != 1 {
		t.Errorf("there is %v", left)
	}
}

func TestRateAndQuotaSayWhenToTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _ := start(t, server.Config{UploadRate: 6, UploadBytes: 1000, UploadTotal: 2500, UploadKeep: 24 * time.Hour})
		romeo := srv.Login(t, "romeo@localhost/garden")
		begun := time.Now()
		for range 2 {
			wants(t, srv, 201, "PUT", slot(t, romeo, "a", "1000", "", ""), repeat(1000))
		}
		stamp := func(answer string) time.Time {
			t.Helper()
			_, after, _ := strings.Cut(answer, "<retry xmlns='urn:xmpp:http:upload:0' stamp='")
			at, err := time.Parse(time.RFC3339, strings.SplitN(after, "'", 2)[0])
			if err != nil || !strings.Contains(answer, "<error type='wait'>") {
				t.Fatalf("%s", answer)
			}
			return at
		}
		// Asked for at once, they are counted though none is stored yet.
		romeo.Send(request("b", "500", "", ""), request("c", "500", "", ""))
		answers := []string{romeo.Next(), romeo.Next()}
		if strings.Contains(answers[0], "error") { // it does not wait for the store
			slices.Reverse(answers)
		}
		if !strings.Contains(answers[0], "type='result'") {
			t.Fatal(answers)
		}
		at := stamp(answers[1])
		if wait := at.Sub(begun); wait < time.Minute || wait > slotValid+time.Minute {
			t.Errorf("a slot that is not used is said to count for %s", wait)
		}
		time.Sleep(slotValid + time.Second) // the slot was not used
		romeo = srv.Login(t, "romeo@localhost/later")
		wants(t, srv, 201, "PUT", slot(t, romeo, "d", "500", "", ""), repeat(500))
		romeo.Send(request("e", "1", "", ""))
		if at := stamp(romeo.ExpectError("resource-constraint")); at.Before(begun.Add(24*time.Hour)) || at.After(begun.Add(24*time.Hour+time.Minute)) {
			t.Errorf("there is said to be room at %s, and it is %s", at, begun)
		}
		time.Sleep(24*time.Hour - slotValid)
		romeo = srv.Login(t, "romeo@localhost/tomorrow")
		for range 6 {
			romeo.Send(request("f", "1", "", ""))
			romeo.Expect(`<iq type='result' id='slot'/>`)
		}
		romeo.Send(request("g", "1", "", ""))
		at = stamp(romeo.ExpectError("resource-constraint"))
		if wait := time.Until(at); wait < 9*time.Second || wait > 11*time.Second {
			t.Errorf("the rate is said to be over for %s", wait)
		}
		time.Sleep(time.Until(at))
		slot(t, romeo, "g", "1", "", "")
		slot(t, srv.Login(t, "juliet@localhost/balcony"), "h", "1", "", "") // has a rate of her own
	})
}

// slotValid is how long a slot may be used.
const slotValid = 5 * time.Minute

func TestHowLongAFileIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, dir := start(t, server.Config{UploadKeep: 48 * time.Hour})
		romeo := srv.Login(t, "romeo@localhost/garden")
		up := func(inner string) string {
			at := slot(t, romeo, "a", "10", "", inner)
			wants(t, srv, 201, "PUT", at, repeat(10))
			return at
		}
		const ns = ` xmlns='urn:xmpp:http:upload:purpose:0'`
		soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		late := time.Now().Add(1000 * time.Hour).UTC().Format(time.RFC3339)
		unused := slot(t, romeo, "a", "10", "", "")
		plain, message, profile, permanent := up(""), up("<message"+ns+"/>"), up("<profile"+ns+"/>"), up("<permanent"+ns+"/>")
		ephemeral, longer, odd := up("<ephemeral"+ns+" expire-before='"+soon+"'/>"), up("<ephemeral"+ns+" expire-before='"+late+"'/>"), up("<odd"+ns+"/><x xmlns='a:b'/>")
		there := func(want int, urls ...string) {
			t.Helper()
			for _, at := range urls {
				wants(t, srv, want, "GET", at, nil)
			}
		}
		there(200, plain, message, profile, permanent, ephemeral, longer, odd)
		time.Sleep(slotValid + time.Second)
		wants(t, srv, 410, "PUT", unused, repeat(10))
		_, h := wants(t, srv, 200, "GET", ephemeral, nil)
		if age, _ := strconv.Atoi(h.Get("Cache-Control")[strings.LastIndexByte(h.Get("Cache-Control"), '=')+1:]); age > 3600 || age < 3000 {
			t.Errorf("what is gone in an hour may be cached: %s", h.Get("Cache-Control"))
		}
		time.Sleep(time.Hour - slotValid)
		there(404, ephemeral)
		there(200, plain, message, profile, permanent, longer, odd)
		time.Sleep(47 * time.Hour)
		there(404, plain, message, ephemeral, longer, odd)
		there(200, profile, permanent)
		time.Sleep(2 * time.Hour) // and then the disk
		if left := onDisk(t, dir); len(left) != 2 {
			t.Errorf("there are %d files", len(left))
		}
		wants(t, srv, 404, "PUT", unused, repeat(10))
		there(200, profile, permanent)
	})
}

func TestWhatIsKeptOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	opts := servertest.Options{Config: server.Config{Files: filepath.Join(dir, "files")}, Store: store.Options{Path: filepath.Join(dir, "natter.db")}}
	srv, err := servertest.Start(opts, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	srv.Core.SetSites("http://localhost:5280", "")
	romeo := srv.Login(t, "romeo@localhost/garden")
	kept, open := slot(t, romeo, "a", "10", "", ""), slot(t, romeo, "b", "10", "", "")
	wants(t, srv, 201, "PUT", kept, repeat(10))
	romeo.Close()
	srv.Close()
	rubbish := leave(t, opts.Config.Files)

	srv = servertest.New(t, opts)
	wants(t, srv, 200, "GET", kept, nil)
	wants(t, srv, 201, "PUT", open, repeat(10))
	wants(t, srv, 200, "GET", open, nil)
	gone(t, rubbish)
	if left := onDisk(t, opts.Config.Files); len(left) != 2 {
		t.Errorf("there is %v", left)
	}
}

func TestInMemoryTheFilesGoWithTheServer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	srv, err := servertest.Start(servertest.Options{}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	srv.Core.SetSites("http://localhost:5280", "")
	romeo := srv.Login(t, "romeo@localhost/garden")
	at := slot(t, romeo, "a", "10", "", "")
	wants(t, srv, 201, "PUT", at, repeat(10))
	dir, err := srv.Core.Files()
	if err != nil || len(onDisk(t, dir)) != 1 {
		t.Fatalf("%v, %v", onDisk(t, dir), err)
	}
	romeo.Close()
	srv.Close()
	if left := onDisk(t, dir); len(left) != 0 {
		t.Errorf("there is %v", left)
	}
}

func TestAnyHostServesTheFilesOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _ := start(t, server.Config{Domains: []string{"localhost", "example.org"}})
		juliet := srv.Login(t, "juliet@example.org/balcony")
		juliet.Send(strings.ReplaceAll(request("a", "10", "", ""), "upload.localhost", "upload.example.org"))
		at := urlIn(t, juliet.Next())
		wants(t, srv, 201, "PUT", at, repeat(10))
		wants(t, srv, 200, "GET", at, nil)
		wants(t, srv, 200, "GET", strings.Replace(at, "localhost:5281", "example.org", 1), nil)
	})
}
