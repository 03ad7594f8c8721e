package web_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
	"natter/server/store"
	"natter/server/web"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func site(srv *servertest.Server) *web.Site {
	return web.New(srv.Core, srv.Clients, web.Options{Version: "1.2.3", MetricsFrom: loopback})
}

// get asks for a path, from the address, with headers in pairs.
func get(h http.Handler, path, from string, headers ...string) (int, string) {
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr = from
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const here = "127.0.0.1:40000"

func TestHealth(t *testing.T) {
	s := site(servertest.New(t))
	if code, said := get(s, "/healthz", "192.0.2.1:4"); code != 200 || said != "ok\n" {
		t.Errorf("a healthy server is %d: %s", code, said)
	}
	s.Drain()
	if code, said := get(s, "/healthz", here); code != 503 || said != "draining\n" {
		t.Errorf("a server that stops is %d: %s", code, said)
	}
}

// failing is a disk that can be made to fail or to stall.
type failing struct {
	fails atomic.Bool
	stall atomic.Pointer[chan struct{}]
}

func (f *failing) gate() error {
	if c := f.stall.Load(); c != nil {
		<-*c
	}
	if f.fails.Load() {
		return errors.New("the disk is full")
	}
	return nil
}

func TestHealthOfAFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var disk failing
		srv := servertest.New(t, servertest.Options{Store: store.Options{Gate: disk.gate}, Log: io.Discard})
		s := site(srv)
		expect := func(when string, code int) {
			t.Helper()
			if got, said := get(s, "/healthz", here); got != code {
				t.Errorf("%s: %d: %s", when, got, said)
			}
		}
		expect("at first", 200)
		disk.fails.Store(true)
		expect("within a second the answer stands", 200)
		pass(time.Second)
		expect("once the disk fails", 503)
		disk.fails.Store(false)
		pass(time.Second)
		expect("once it does not any more", 200)
		stall := make(chan struct{})
		disk.stall.Store(&stall)
		pass(time.Second)
		expect("while the disk stalls", 503) // after two seconds
		pass(time.Second)
		expect("while it stalls on", 503)
		disk.stall.Store(nil)
		close(stall)
		pass(time.Second)
		expect("when it is back", 200)
	})
}

// TestHealthOfAnAlmostFullDisk: the check's own write is small and may go through
// where others do not.
func TestHealthOfAnAlmostFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Log: io.Discard})
		s := site(srv)
		expect := func(when string, code int) {
			t.Helper()
			if got, said := get(s, "/healthz", here); got != code {
				t.Errorf("%s: %d: %s", when, got, said)
			}
		}
		juliet := srv.Login(t, "juliet@localhost/balcony")
		write := func(outcome string) {
			t.Helper()
			juliet.Send(`<iq type='set' id='p'><query xmlns='jabber:iq:private'><a xmlns='a:b'>` + strings.Repeat("x", 100_000) + `</a></query></iq>`)
			juliet.Expect(`<iq type='` + outcome + `' id='p'/>`)
		}
		expect("at first", 200)
		srv.Store.SetMaxBytes(4096) // no more than there is
		pass(time.Second)
		expect("while nobody writes much", 200)
		write("error")
		pass(time.Second)
		expect("after something found no room", 503)
		srv.Store.SetMaxBytes(0)
		write("result")
		pass(31 * time.Second)
		expect("half a minute later", 200)
	})
}

func TestManyHealthChecksAreOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		s := site(srv)
		before := srv.Store.Stats().Batches
		done := make(chan int)
		for range 50 {
			go func() {
				code, _ := get(s, "/healthz", here)
				done <- code
			}()
		}
		for range 50 {
			if code := <-done; code != 200 {
				t.Errorf("a check is answered %d", code)
			}
		}
		if n := srv.Store.Stats().Batches - before; n != 1 {
			t.Errorf("%d writes for 50 checks at a time", n)
		}
	})
}

func TestWhoMayReadMetrics(t *testing.T) {
	s := site(servertest.New(t))
	for _, row := range []struct {
		name, from string
		headers    []string
		code       int
	}{
		{"this machine", here, nil, 200},
		{"this machine by IPv6", "[::1]:40000", nil, 200},
		{"this machine by IPv4 in IPv6", "[::ffff:127.0.0.1]:40000", nil, 200},
		{"another machine", "192.0.2.1:40000", nil, 403},
		{"another machine by IPv6", "[2001:db8::1]:40000", nil, 403},
		{"somebody behind a proxy here", here, []string{"X-Forwarded-For", "192.0.2.1"}, 403},
		{"somebody behind a modern proxy here", here, []string{"Forwarded", "for=192.0.2.1"}, 403},
		{"no address at all", "@", nil, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			if code, said := get(s, "/metrics", row.from, row.headers...); code != row.code {
				t.Errorf("%d: %.80s", code, said)
			}
		})
	}
	s.SetMetricsFrom([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	if code, _ := get(s, "/metrics", "192.0.2.1:40000"); code != 200 {
		t.Errorf("who is let in is answered %d", code)
	}
	if code, _ := get(s, "/metrics", here); code != 403 {
		t.Errorf("who is not any more is answered %d", code)
	}
}

func TestOtherPathsAndMethods(t *testing.T) {
	s := site(servertest.New(t))
	if code, _ := get(s, "/nowhere", here); code != 404 {
		t.Errorf("/nowhere is %d", code)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("POST", "/healthz", nil))
	if w.Code != 405 {
		t.Errorf("POST is answered %d", w.Code)
	}
}

var sampleLine = regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="[^"]*"\})? (\S+)$`)

// scrape returns the samples of /metrics by name and label, and checks the text.
func scrape(t *testing.T, s *web.Site) map[string]float64 {
	t.Helper()
	code, text := get(s, "/metrics", here)
	if code != 200 || !strings.HasSuffix(text, "\n") {
		t.Fatalf("%d: %s", code, text)
	}
	samples := make(map[string]float64)
	family := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if words := strings.SplitN(line, " ", 4); words[0] == "#" {
			family = words[2]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(m[1], family) {
			t.Fatalf("not a sample of %s: %q", family, line)
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if _, twice := samples[m[1]+m[2]]; twice {
			t.Errorf("%s%s is there twice", m[1], m[2])
		}
		samples[m[1]+m[2]] = v
	}
	return samples
}

func TestMetricsTellWhatHappened(t *testing.T) {
	srv := servertest.New(t)
	s := site(srv)
	srv.Account(t, "nurse@localhost")
	juliet, romeo := srv.Online(t, "juliet@localhost/balcony"), srv.Online(t, "romeo@localhost/garden")
	srv.Connect(t)
	for _, to := range []string{"romeo", "nurse"} {
		juliet.Send(`<message to='` + to + `@localhost' type='chat'><body>hi</body></message>`)
	}
	romeo.Expect(`<message from='juliet@localhost/balcony'><body>hi</body></message>`)
	juliet.Sync()
	durable := make(chan error)
	srv.Store.Barrier(func(err error) { durable <- err })
	if err := <-durable; err != nil {
		t.Fatal(err)
	}
	got := scrape(t, s)
	for name, want := range map[string]float64{
		`natter_build_info{version="1.2.3"}`:            1,
		`natter_connections`:                            3,
		`natter_connections_before_login`:               1,
		`natter_sessions`:                               2,
		`natter_sessions_detached`:                      0,
		`natter_accounts{host="localhost"}`:             3,
		`natter_logins_total{outcome="accepted"}`:       2,
		`natter_logins_total{outcome="refused"}`:        0,
		`natter_stanzas_received_total{kind="message"}`: 2,
		`natter_stanzas_sent_total{kind="message"}`:     1,
		`natter_offline_messages_stored_total`:          1,
		`natter_offline_messages_delivered_total`:       0,
		`natter_store_queue_batches`:                    0,
		`natter_store_errors_total`:                     0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, not %v", name, v, want)
		}
	}
	if n := got["natter_commit_seconds_count"]; n == 0 || got[`natter_commit_seconds_bucket{le="+Inf"}`] != n || got["natter_commit_seconds_sum"] <= 0 {
		t.Errorf("%v commits, %v in the last bucket, took %v", n, got[`natter_commit_seconds_bucket{le="+Inf"}`], got["natter_commit_seconds_sum"])
	}
}

func TestMetricsAreInTheManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text := get(site(servertest.New(t)), "/metrics", here)
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(manual), "`"+m[1]+"`") {
			t.Errorf("docs/operations.md does not tell what %s is", m[1])
		}
	}
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }
