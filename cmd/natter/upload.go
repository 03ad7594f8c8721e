package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

const uploadHelp = `
Uploads FILE to the server (XEP-0363) and prints the address that it can be got
from. With JID the address is sent there too, as clients send pictures; it
returns when the server has taken the message.

  natter upload rose.jpg
  natter upload rose.jpg juliet@localhost
  curl -O $(natter upload backup.tar.gz)

Exit codes: as for send; 4 also means that the server did not take the file.
`

const (
	nsUpload = "urn:xmpp:http:upload:0"
	nsOOB    = "jabber:x:oob"
)

// uploader is one run of the verb.
type uploader struct {
	client  *client
	file    *os.File
	name    string
	typ     string // media type
	size    int64
	timeout time.Duration // of each request
}

func runUpload(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("upload", uploadHelp, std)
	af := fs.accountFlags()
	u := &uploader{}
	fs.StringVar(&u.name, "name", "", "call the file `NAME` instead of what it is called here")
	fs.StringVar(&u.typ, "type", "", "say that it is of this media `TYPE`, such as image/png")
	fs.DurationVar(&u.timeout, "timeout", 30*time.Second, "wait at most `D` for each of the server's answers")
	pos, code, ok := fs.parse(args, 1, 2)
	if !ok {
		return code
	}
	to := ""
	if len(pos) == 2 {
		to = pos[1]
	}
	return report(std.err, "upload", u.run(ctx, af, pos[0], to, std))
}

func (u *uploader) run(ctx context.Context, af *accountFlags, file, to string, std stdio) error {
	s := &sender{kind: "chat", timeout: u.timeout}
	if to != "" {
		var err error
		if s.to, err = parsePeer(to, "localhost"); err != nil {
			return err
		}
	}
	if err := u.open(file); err != nil {
		return err
	}
	defer u.file.Close()
	var err error
	if u.client, err = af.open(ctx, std); err != nil {
		return err
	}
	s.client = u.client
	go u.client.serve(s.handle)
	defer u.client.close()
	if err := u.client.enableManagement(false); err != nil {
		return err
	}
	service, err := u.service(ctx)
	if err != nil {
		return err
	}
	sl, err := u.slot(ctx, service)
	if err != nil {
		return err
	}
	if err := u.put(ctx, sl, std); err != nil {
		return err
	}
	fmt.Fprintln(std.out, sl.get)
	if to == "" {
		return nil
	}
	if err := s.send(sl.get, el(nsOOB, "x").with(el("", "url").text(sl.get))); err != nil { // XEP-0066 §3
		return err
	}
	return s.settle(ctx, "")
}

// open opens the file and finds out what it is.
func (u *uploader) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fail(exitUsage, "", "%w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a file that can be uploaded", path)
	case info.Size() == 0:
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		f.Close()
		return fail(exitUsage, "", "%w", err)
	}
	u.file, u.size = f, info.Size()
	u.name = firstSet(u.name, filepath.Base(path))
	if u.typ == "" {
		u.typ = mime.TypeByExtension(filepath.Ext(u.name))
	}
	if u.typ == "" {
		head := make([]byte, 512)
		n, _ := f.ReadAt(head, 0) // less, at the end of the file
		u.typ = http.DetectContentType(head[:n])
	}
	return nil
}

// service finds what takes files, among the server's services (XEP-0363 §3).
func (u *uploader) service(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	domain := u.client.account.jid.Domainpart()
	items, err := u.client.discoItems(ctx, domain, "")
	if err != nil {
		return "", asking(err, domain, u.timeout)
	}
	for _, item := range items {
		if _, err := jid.Parse(item.JID); err != nil || item.Node != "" {
			continue
		}
		info, err := u.client.discoInfo(ctx, item.JID, "")
		if err != nil {
			continue // another may do
		}
		for _, f := range info.Features {
			if f == nsUpload {
				return item.JID, nil
			}
		}
	}
	if ctx.Err() != nil {
		return "", asking(ctx.Err(), domain, u.timeout)
	}
	return "", fail(exitRefused, "", "%s has no service for uploads", domain)
}

// slot is where the file goes.
type slot struct {
	put, get string
	header   http.Header
}

// slot asks the service for a slot (XEP-0363 §4).
func (u *uploader) slot(ctx context.Context, service string) (slot, error) {
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	answer, err := u.client.iq(ctx, el(nsClient, "iq", "type", "get", "to", service).with(
		el(nsUpload, "request", "filename", u.name, "size", strconv.FormatInt(u.size, 10), "content-type", u.typ)))
	var refused *stanzaError
	if errors.As(err, &refused) {
		return slot{}, fail(exitRefused, "", "%s did not take the file: %w", service, err)
	}
	if err != nil {
		return slot{}, asking(err, service, u.timeout)
	}
	given := answer.child(nsUpload, "slot")
	put := given.child(nsUpload, "put")
	s := slot{put.attr("url"), given.child(nsUpload, "get").attr("url"), slotHeaders(put)}
	for _, at := range []string{s.put, s.get} {
		if err := u.mayUse(at); err != nil {
			return slot{}, err
		}
	}
	return s, nil
}

// slotHeaders returns the headers that go with a PUT: those that XEP-0363 §4 allows,
// without newlines, in their order.
func slotHeaders(put *node) http.Header {
	h := make(http.Header)
	strip := strings.NewReplacer("\r", "", "\n", "")
	for _, n := range put.all(nsUpload, "header") {
		switch name := http.CanonicalHeaderKey(strip.Replace(n.attr("name"))); name {
		case "Authorization", "Cookie", "Expires":
			h.Add(name, strip.Replace(n.Text))
		}
	}
	return h
}

// mayUse refuses URLs that the file would go to in the clear.
func (u *uploader) mayUse(at string) error {
	r, err := http.NewRequest("PUT", at, nil)
	switch {
	case err != nil || r.URL.Host == "":
		return fail(exitRefused, "", "the server named %q, which is no address for a file", at)
	case r.URL.Scheme == "https", r.URL.Scheme == "http" && (u.client.account.insecure || isLoopback(r.URL.Hostname())):
		return nil
	}
	return fail(exitRefused, "Go on with --insecure if that is all right.", "the server wants the file without encryption, at %s", at)
}

// put uploads the file (XEP-0363 §7).
func (u *uploader) put(ctx context.Context, s slot, std stdio) error {
	config, err := u.client.account.webTLS()
	if err != nil {
		return err
	}
	web := &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ResponseHeaderTimeout: u.timeout, TLSHandshakeTimeout: u.timeout, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	defer web.CloseIdleConnections()
	bar := &progress{r: io.LimitReader(u.file, u.size), size: u.size, name: u.name}
	if isTerminal(std.err) {
		bar.w = std.err
	}
	r, err := http.NewRequestWithContext(ctx, "PUT", s.put, io.NopCloser(bar))
	if err != nil {
		return fail(exitRefused, "", "%w", err)
	}
	r.Header, r.ContentLength = s.header, u.size
	r.Header.Set("Content-Type", u.typ)
	res, err := web.Do(r)
	bar.end()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fail(exitConnect, tlsHint(err, r.URL.Hostname()), "uploading to %s: %w", r.URL.Host, tlsCause(errors.Unwrap(err)))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated && res.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		return fail(exitRefused, "", "%s did not take the file: %s %s", r.URL.Host, res.Status, oneLine(strings.TrimSpace(string(why))))
	}
	return nil
}

// progress shows how much of a file has been read, on a terminal.
type progress struct {
	r          io.Reader
	w          io.Writer // nil: nobody looks
	name       string
	size, done int64
	shown      time.Time
}

// Read implements io.Reader.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.done += int64(n)
	if p.w != nil && time.Since(p.shown) > 100*time.Millisecond {
		p.shown = time.Now()
		p.show()
	}
	return n, err
}

func (p *progress) show() {
	fmt.Fprintf(p.w, "\r%s  %d %% of %s", oneLine(p.name), p.done*100/p.size, bytesInWords(p.size))
}

// end takes the line away.
func (p *progress) end() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// bytesInWords writes a size for people.
func bytesInWords(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
