package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
)

// apiWorld is a server with a room and somebody in it.
type apiWorld struct {
	*servertest.Server
	t      *testing.T
	url    string
	juliet *servertest.Client
}

func newAPIWorld(t *testing.T, cfg server.Config) *apiWorld {
	t.Helper()
	srv := servertest.New(t, servertest.Options{Config: cfg})
	w := &apiWorld{Server: srv, t: t, url: srv.HTTP(t), juliet: srv.Login(t, "juliet@localhost/balcony")}
	srv.Account(t, "bot@localhost")
	w.enter(w.juliet, "juliet")
	w.configure("")
	return w
}

func (w *apiWorld) enter(c *servertest.Client, nick string) {
	c.Send(`<presence to='garden@conference.localhost/` + nick + `'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	for !strings.Contains(c.Next(), "<subject") {
	}
}

// configure submits fields of the room's form.
func (w *apiWorld) configure(fields string) {
	w.t.Helper()
	w.juliet.Send(`<iq type='set' id='cfg' to='garden@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>` +
		`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>` + fields + `</x></query></iq>`)
	for {
		if got := w.juliet.Next(); strings.Contains(got, "id='cfg'") {
			if !strings.Contains(got, "type='result'") {
				w.t.Fatalf("configuring: %s", got)
			}
			return
		}
	}
}

type response struct {
	status int
	header http.Header
	raw    string
	v      map[string]any
}

// do makes a request; auth is "", name:password, or a token.
func (w *apiWorld) do(method, path, auth, kind, body string) response {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	w.authorize(req, auth)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	out := response{status: resp.StatusCode, header: resp.Header, raw: string(b)}
	json.Unmarshal(b, &out.v)
	return out
}

func (w *apiWorld) authorize(req *http.Request, auth string) {
	if name, password, ok := strings.Cut(auth, ":"); ok {
		req.SetBasicAuth(name, password)
	} else if auth != "" {
		req.Header.Set("Authorization", "Bearer "+auth)
	}
}

func (w *apiWorld) token(account string, rooms ...string) string {
	w.t.Helper()
	_, spelling, err := w.Core.Default().AddAPIToken(context.Background(), account, server.APIToken{Name: "test", Rooms: rooms})
	if err != nil {
		w.t.Fatal(err)
	}
	return spelling
}

const bot = "bot:" + servertest.Password

func TestPostToARoom(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	got := w.do("POST", "/api/rooms/garden/messages", bot, "text/plain", "the backup is done\n")
	if got.status != http.StatusCreated || got.v["id"] == "" {
		t.Fatalf("posting: %d %s", got.status, got.raw)
	}
	raw := w.juliet.Next()
	if !strings.Contains(raw, "from='garden@conference.localhost/bot'") || !strings.Contains(raw, "<body>the backup is done</body>") || !strings.Contains(raw, got.v["id"].(string)) {
		t.Errorf("the room gets %s", raw)
	}
	got = w.do("POST", "/api/rooms/garden@conference.localhost/messages", bot, "application/json", `{"body":"x","nick":"Nurse","event":"urn:example:alarm","data":{"level":3}}`)
	if raw = w.juliet.Next(); !strings.Contains(raw, "/Nurse'") || !strings.Contains(raw, `<payload xmlns='urn:xmpp:json-msg:0' datatype='urn:example:alarm'>`) || !strings.Contains(raw, `{&quot;level&quot;:3}`) && !strings.Contains(raw, `{"level":3}`) {
		t.Errorf("data: %s (%s)", raw, got.raw)
	}
	list := w.do("GET", "/api/rooms/garden/messages", bot, "", "")
	if !strings.Contains(list.raw, `"body":"the backup is done"`) || !strings.Contains(list.raw, `"event":"urn:example:alarm","data":{"level":3}`) {
		t.Errorf("history: %s", list.raw)
	}
	if got := w.do("GET", "/api/rooms/garden/occupants", bot, "", ""); got.v["count"] != 1.0 {
		t.Errorf("occupants: %s", got.raw)
	}
	if got := w.do("GET", "/api/rooms/garden", bot, "", ""); got.v["occupants"] != 1.0 || got.v["room"] != "garden@conference.localhost" {
		t.Errorf("the room: %s", got.raw)
	}
}

func TestWhoMayUseTheAPI(t *testing.T) {
	w := newAPIWorld(t, server.Config{Domains: []string{"localhost", "example.org"}})
	w.Account(t, "paris@example.org")
	room, wide := w.token("bot", "garden@conference.localhost"), w.token("bot")
	other := w.token("bot", "hall@conference.localhost")
	for _, row := range []struct {
		name, method, path, auth, kind, body string
		status                               int
		says                                 string
	}{
		{"a token for the room", "POST", "/api/rooms/garden/messages", room, "", "hi", 201, ""},
		{"a token for all", "POST", "/api/rooms/garden/messages", wide, "", "hi", 201, ""},
		{"a token for another room", "POST", "/api/rooms/garden/messages", other, "", "hi", 403, "not for this room"},
		{"a token for a room does not write to people", "POST", "/api/messages?to=juliet@localhost", room, "", "hi", 403, "rooms only"},
		{"a token that is none", "GET", "/api/rooms/garden", "natter_abcde_xyz", "", "", 401, "token"},
		{"a wrong password", "GET", "/api/rooms/garden", "bot:wrong", "", "", 401, "wrong"},
		{"nobody of that name", "GET", "/api/rooms/garden", "nobody:x", "", "", 401, "wrong"},
		{"an account of another domain", "GET", "/api/rooms/garden", "paris@example.org:" + servertest.Password, "", "", 401, "not an account"},
		{"a guest", "POST", "/api/rooms/garden/messages", "", "", "hi", 201, ""},
		{"a guest to a person", "POST", "/api/messages?to=juliet@localhost", "", "", "hi", 401, "guests"},
		{"a room there is not", "GET", "/api/rooms/cellar", bot, "", "", 404, ""},
		{"a room elsewhere", "GET", "/api/rooms/garden@conference.example.com", bot, "", "", 404, ""},
		{"nothing", "POST", "/api/rooms/garden/messages", bot, "", " ", 400, "empty"},
		{"a nick that is taken", "POST", "/api/rooms/garden/messages?nick=juliet", bot, "", "hi", 409, ""},
		{"what is not JSON", "POST", "/api/rooms/garden/messages", bot, "application/json", "{", 400, ""},
		{"an unknown field", "POST", "/api/rooms/garden/messages", bot, "application/json", `{"text":"x"}`, 400, "text"},
		{"another type", "POST", "/api/rooms/garden/messages", bot, "image/png", "x", 400, "text/plain"},
		{"too much", "POST", "/api/rooms/garden/messages", bot, "", strings.Repeat("x", 70_000), 413, "bytes"},
		{"data without a name", "POST", "/api/rooms/garden/messages", bot, "application/json", `{"data":1}`, 400, "event"},
		{"an event with a line break", "POST", "/api/rooms/garden/messages", bot, "application/json", `{"event":"a\nb","data":1}`, 400, "line breaks"},
		{"a made up id", "GET", "/api/rooms/garden/messages?after=AAAAAAAAAAAAAAAAAAAAAA", bot, "", "", 400, "no id"},
		{"no such thing", "GET", "/api/nothing", bot, "", "", 404, ""},
		{"somebody who is not there", "POST", "/api/messages?to=nobody@localhost", bot, "", "hi", 404, ""},
		{"somebody elsewhere", "POST", "/api/messages?to=x@example.com", bot, "", "hi", 404, ""},
	} {
		got := w.do(row.method, row.path, row.auth, row.kind, row.body)
		if got.status != row.status || !strings.Contains(got.raw, row.says) {
			t.Errorf("%s: %d %s", row.name, got.status, got.raw)
		}
		if got.status >= 400 && got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: it is %s", row.name, got.header.Get("Content-Type"))
		}
	}
	k, err := w.Core.Default().APITokens(t.Context(), "bot")
	if err != nil || len(k) != 3 {
		t.Fatalf("%v %v", k, err)
	}
	for _, token := range k {
		if _, err := w.Core.Default().RevokeAPIToken(t.Context(), token.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.do("GET", "/api/rooms/garden", wide, "", ""); got.status != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d", got.status)
	}
	// What is not for everybody.
	w.configure(`<field var='muc#roomconfig_membersonly'><value>1</value></field>`)
	for _, auth := range []string{bot, ""} {
		for _, path := range []string{"/api/rooms/garden", "/api/rooms/garden/messages", "/api/rooms/garden/events", "/api/rooms/garden/occupants"} {
			if got := w.do("GET", path, auth, "", ""); got.status != http.StatusForbidden {
				t.Errorf("%s of a members-only room for %q: %d %s", path, auth, got.status, got.raw)
			}
		}
	}
}

func TestMessagesToPeople(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	got := w.do("POST", "/api/messages", bot, "application/json", `{"to":"juliet@localhost/balcony","body":"Art thou there?","subject":"a question"}`)
	if got.status != http.StatusCreated || got.v["id"] == nil {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	if raw := w.juliet.Next(); !strings.Contains(raw, "from='bot@localhost'") || !strings.Contains(raw, "<body>Art thou there?</body>") {
		t.Errorf("juliet gets %s", raw)
	}
	// The id is that of the sender's archive.
	c := w.Login(t, "bot@localhost/x")
	c.Send(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`)
	if raw := c.Next(); !strings.Contains(raw, got.v["id"].(string)) {
		t.Errorf("the archive has %s, not %s", raw, got.v["id"])
	}
	// A blocked sender is refused as anywhere.
	w.juliet.Send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bot@localhost'/></block></iq>`)
	w.juliet.Sync()
	if got := w.do("POST", "/api/messages?to=juliet@localhost", bot, "", "hello?"); got.status != http.StatusNotFound {
		t.Errorf("to who has blocked it: %d %s", got.status, got.raw)
	}
}

// follow opens the stream of events and returns its lines.
func (w *apiWorld) follow(ctx context.Context, last string) *bufio.Scanner {
	w.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", w.url+"/api/rooms/garden/events", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.authorize(req, bot)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		b, _ := io.ReadAll(resp.Body)
		w.t.Fatalf("%s %s", resp.Status, b)
	}
	return bufio.NewScanner(resp.Body)
}

// event reads the next event: its id, name and data.
func event(t *testing.T, in *bufio.Scanner) (id, name, data string) {
	t.Helper()
	for in.Scan() {
		line := in.Text()
		switch {
		case strings.HasPrefix(line, "id: "):
			id = line[4:]
		case strings.HasPrefix(line, "event: "):
			name = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case line == "" && data != "":
			return id, name, data
		}
	}
	t.Fatalf("the stream ended: %v", in.Err())
	return
}

func (w *apiWorld) say(text string) {
	w.juliet.Send(`<message type='groupchat' to='garden@conference.localhost' id='` + text + `'><body>` + text + `</body></message>`)
	for !strings.Contains(w.juliet.Next(), "<body>"+text+"</body>") {
	}
}

func TestEventsComeAsTheyAreSaidAndAgain(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in := w.follow(ctx, "")
	in.Scan() // the first line: it follows now
	w.say("one")
	id, name, data := event(t, in)
	if name != "" || !strings.Contains(data, `"body":"one"`) || !strings.Contains(data, `"nick":"juliet"`) {
		t.Errorf("the first event is %s %s", name, data)
	}
	w.do("POST", "/api/rooms/garden/messages", bot, "application/json", `{"event":"alarm","data":{"level":2}}`)
	if _, name, data := event(t, in); name != "alarm" || !strings.Contains(data, `"data":{"level":2}`) {
		t.Errorf("data: %s %s", name, data)
	}
	// A reader that comes back misses nothing and gets nothing twice.
	w.say("three")
	again := w.follow(ctx, id)
	if _, name, _ := event(t, again); name != "alarm" {
		t.Errorf("after the first comes %s", name)
	}
	if _, _, data := event(t, again); !strings.Contains(data, `"body":"three"`) {
		t.Errorf("then %s", data)
	}
	w.say("four")
	if _, _, data := event(t, again); !strings.Contains(data, `"body":"four"`) {
		t.Errorf("then %s", data)
	}
	// The server says goodbye.
	event(t, in)
	event(t, in)
	w.Site.Drain()
	if _, name, _ := event(t, in); name != "goodbye" {
		t.Errorf("at the end comes %s", name)
	}
}

func TestLongPolling(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	first := w.do("POST", "/api/rooms/garden/messages", bot, "", "one")
	id := first.v["id"].(string)
	if got := w.do("GET", "/api/rooms/garden/messages?after="+id, bot, "", ""); strings.Contains(got.raw, "body") {
		t.Errorf("nothing has come: %s", got.raw)
	}
	answer := make(chan response, 1)
	go func() { answer <- w.do("GET", "/api/rooms/garden/messages?wait=30&after="+id, bot, "", "") }()
	w.say("two")
	if got := <-answer; !strings.Contains(got.raw, `"body":"two"`) || strings.Contains(got.raw, `"one"`) {
		t.Errorf("got %s", got.raw)
	}
}

func TestPagesOfOtherSites(t *testing.T) {
	w := newAPIWorld(t, server.Config{Origins: []string{"https://app.example"}})
	for origin, want := range map[string]int{"https://app.example": 200, "https://evil.example": 403, w.url: 200} {
		req, _ := http.NewRequest("GET", w.url+"/api/rooms/garden", nil)
		req.Header.Set("Origin", origin)
		w.authorize(req, bot)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want || want == 200 && resp.Header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("%s: %d %v", origin, resp.StatusCode, resp.Header)
		}
	}
}

func TestPostsAreLimited(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	refused := 0
	for range 60 {
		if got := w.do("POST", "/api/rooms/garden/messages", bot, "", "spam"); got.status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("sixty posts at once are taken")
	}
}
