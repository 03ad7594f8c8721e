package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
)

// secureSite serves the world's site over TLS and tells it so.
func (w *world) secureSite() {
	site := httptest.NewUnstartedServer(w.Site)
	site.TLS = w.Certs.Config("h2", "http/1.1")
	site.EnableHTTP2 = true
	site.StartTLS()
	w.t.Cleanup(site.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(site.URL, "https://"), ":")
	w.Core.SetSites("", "https://localhost:"+port)
}

func fileOf(t *testing.T, name string, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUpload(t *testing.T) {
	w := newWorld(t)
	w.secureSite()
	juliet := w.Online(t, "juliet@localhost/balcony")
	rose := fileOf(t, "a rose.png", 100_000)
	got := w.natter("romeo@localhost", "", "upload", rose)
	if got.code != exitOK || got.err != "" || !strings.HasSuffix(got.out, "/a%20rose.png\n") || !strings.HasPrefix(got.out, "https://localhost:") {
		t.Fatalf("%+v", got)
	}
	if res := w.get(t, strings.TrimSpace(got.out)); res.status != 200 || len(res.body) != 100_000 || res.header.Get("Content-Type") != "image/png" {
		t.Errorf("%d %v, %d bytes", res.status, res.header, len(res.body))
	}
	juliet.Silent()

	got = w.natter("romeo@localhost", "", "upload", rose, "juliet@localhost", "--name", "thorn.txt", "--type", "text/plain")
	if got.code != exitOK || got.err != "" || !strings.HasSuffix(got.out, "/thorn.txt\n") {
		t.Fatalf("%+v", got)
	}
	url := strings.TrimSpace(got.out)
	juliet.Expect(`<message from='{scansion:any}' type='chat'><body>` + url + `</body><x xmlns='jabber:x:oob'><url>` + url + `</url></x></message>`)
	if res := w.get(t, url); res.header.Get("Content-Type") != "text/plain" {
		t.Errorf("it is %v", res.header)
	}
}

type response struct {
	status int
	header http.Header
	body   string
}

func (w *world) get(t *testing.T, url string) response {
	t.Helper()
	r := httptest.NewRequest("GET", url, nil)
	rec := httptest.NewRecorder()
	w.Site.ServeHTTP(rec, r)
	return response{rec.Code, rec.Header(), rec.Body.String()}
}

func TestUploadExitCodes(t *testing.T) {
	w := newWorld(t, servertest.Options{Config: server.Config{UploadBytes: 1000}})
	small, empty, large := fileOf(t, "small", 10), fileOf(t, "empty", 0), fileOf(t, "large", 1001)
	for _, row := range []struct {
		name string
		args []string
		site string
		code int
		says string
	}{
		{"no file", []string{"upload"}, "", exitUsage, "it needs FILE [JID]"},
		{"a file that is not there", []string{"upload", small + "er"}, "", exitUsage, "no such file"},
		{"a directory", []string{"upload", t.TempDir()}, "", exitUsage, "not a file that can be uploaded"},
		{"an empty file", []string{"upload", empty}, "", exitUsage, "is empty"},
		{"to nobody's address", []string{"upload", small, "juliet"}, "", exitUsage, "Did you mean juliet@localhost?"},
		{"a file too large", []string{"upload", large}, "http://127.0.0.1:1", exitRefused, "the maximum is 1000 bytes"},
		{"a server without HTTP", []string{"upload", small}, "", exitRefused, "serves no HTTP"},
		{"a site that is not there", []string{"upload", small}, "https://127.0.0.1:1", exitConnect, "uploading to 127.0.0.1:1"},
		{"a site without encryption", []string{"upload", small}, "http://192.0.2.1", exitRefused, "without encryption"},
	} {
		w.Core.SetSites(row.site, "")
		if got := w.natter("romeo@localhost", "", row.args...); got.code != row.code || !strings.Contains(got.err, row.says) || got.out != "" {
			t.Errorf("%s: %+v; want code %d and %q", row.name, got, row.code, row.says)
		}
	}
	// A site that refuses what the slot was given for.
	strict := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		http.Error(rw, "the disk\x1b[2J is full", http.StatusInsufficientStorage)
	}))
	defer strict.Close()
	w.Core.SetSites(strict.URL, "")
	if got := w.natter("romeo@localhost", "", "upload", small); got.code != exitRefused || !strings.Contains(got.err, "507 Insufficient Storage the disk") || strings.Contains(got.err, "\x1b") {
		t.Errorf("%+v", got)
	}
	// One that sends elsewhere is not followed.
	away := httptest.NewServer(http.RedirectHandler("https://elsewhere.example/", http.StatusTemporaryRedirect))
	defer away.Close()
	w.Core.SetSites(away.URL, "")
	if got := w.natter("romeo@localhost", "", "upload", small); got.code != exitRefused || !strings.Contains(got.err, "307") {
		t.Errorf("%+v", got)
	}
}

func TestSlotHeaders(t *testing.T) {
	put, err := parseNode(`<put xmlns='urn:xmpp:http:upload:0' url='https://h/'><header name='authorization'>Basic a&#10;b</header>
		<header name='Cookie'>a=b</header><header name='COOKIE'>c=d</header><header name='Host'>evil</header><header name='X-A'>b</header></put>`)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(slotHeaders(&put)); got != "map[Authorization:[Basic ab] Cookie:[a=b c=d]]" {
		t.Error(got)
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	var out strings.Builder
	p := &progress{r: strings.NewReader(strings.Repeat("x", 1000)), size: 2000, name: "a\x1bb", w: &out}
	if _, err := io.ReadFull(p, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	p.end()
	if got := out.String(); !strings.Contains(got, "50 % of 2.0 kB") || strings.Contains(got, "\x1bb") {
		t.Errorf("%q", got)
	}
}
