package upload_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

const service = "upload.localhost"

// request asks for a slot; attrs are added to the request, inner is its content.
func request(name, size, attrs, inner string) string {
	return `<iq type='get' id='slot' to='` + service + `'><request xmlns='urn:xmpp:http:upload:0' filename='` + name + `' size='` + size + `' ` + attrs + `>` + inner + `</request></iq>`
}

// slot asks for a slot and returns its URL.
func slot(t *testing.T, c *servertest.Client, name, size, attrs, inner string) string {
	t.Helper()
	c.Send(request(name, size, attrs, inner))
	return urlIn(t, c.Expect(`<iq type='result' id='slot' from='`+service+`'/>`))
}

func urlIn(t *testing.T, answer string) string {
	t.Helper()
	st, err := stanza.ParseIn([]byte(answer), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := st.Child("urn:xmpp:http:upload:0", "slot")
	put, _ := st.Find(s, "urn:xmpp:http:upload:0", "put")
	get, _ := st.Find(s, "urn:xmpp:http:upload:0", "get")
	to, _ := st.ChildAttr(put, "url")
	if from, _ := st.ChildAttr(get, "url"); from != to || to == "" {
		t.Fatalf("put %q and get %q", to, from)
	}
	return to
}

// do makes a request to the server's site, without a socket. headers come in pairs.
func do(srv *servertest.Server, method, url string, body []byte, headers ...string) *http.Response {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req := httptest.NewRequest(method, url, r)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	srv.Site.ServeHTTP(w, req)
	return w.Result()
}

// wants makes a request and checks the status; it returns the body.
func wants(t *testing.T, srv *servertest.Server, status int, method, url string, body []byte, headers ...string) (string, http.Header) {
	t.Helper()
	res := do(srv, method, url, body, headers...)
	got, _ := io.ReadAll(res.Body)
	if res.StatusCode != status {
		t.Fatalf("%s %s: %d %s, want %d", method, url, res.StatusCode, got, status)
	}
	return string(got), res.Header
}

// start runs a server that is known by a URL, with its files below a directory of
// the test's.
func start(t *testing.T, cfg server.Config) (*servertest.Server, string) {
	t.Helper()
	if cfg.Files == "" {
		cfg.Files = t.TempDir()
	}
	srv := servertest.New(t, servertest.Options{Config: cfg})
	srv.Core.SetSites("http://localhost:5280", "https://localhost:5281")
	return srv, cfg.Files
}

// onDisk lists the files below a directory.
func onDisk(t *testing.T, dir string) (files []string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return nil
	})
	return files
}

func repeat(n int) []byte { return []byte(strings.Repeat("natter ", n/7+1)[:n]) }
