package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
)

// TestResumingLosesNothing: a reader that comes back after more than a page of messages,
// while more are being said, gets each once and in order; cut off, it comes back again.
func TestResumingLosesNothing(t *testing.T) {
	w := newAPIWorld(t, server.Config{NoLimits: true})
	first := w.do("POST", "/api/rooms/garden/messages", bot, "", "first")
	last := first.v["id"].(string)
	const before, during = 430, 200
	send := func(i int) {
		w.juliet.Send(fmt.Sprintf(`<message type='groupchat' to='garden@conference.localhost'><body>m%d</body></message>`, i))
	}
	for i := range before {
		send(i)
	}
	w.said(fmt.Sprintf("m%d", before-1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	for next := 0; next < before+during; {
		in := w.follow(ctx, last)
		if next == 0 {
			go func() {
				defer close(done)
				for i := range during {
					send(before + i)
				}
			}()
		}
		for next < before+during {
			id, _, data, err := nextEvent(in)
			if err != nil {
				break // it was too slow, and comes back
			}
			if want := fmt.Sprintf(`"body":"m%d"`, next); !strings.Contains(data, want) {
				t.Fatalf("instead of %s came %s", want, data)
			}
			last = id
			next++
		}
	}
	<-done
}

// said reads until juliet has that message back from the room.
func (w *apiWorld) said(text string) {
	for !strings.Contains(w.juliet.Next(), "<body>"+text+"</body>") {
	}
}

// nextEvent is event for a stream that may end.
func nextEvent(in *bufio.Scanner) (id, name, data string, err error) {
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
			return id, name, data, nil
		}
	}
	return "", "", "", errors.Join(io.EOF, in.Err())
}

// TestEventsBeat: a quiet stream of events has a comment every 25 seconds, and long
// polling ends when its time is over.
func TestEventsBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		w := &apiWorld{Server: srv, t: t, juliet: srv.Login(t, "juliet@localhost/balcony")}
		w.enter(w.juliet, "juliet")
		w.configure("")
		tr := &http.Transport{DialContext: srv.DialHTTP}
		defer tr.CloseIdleConnections()
		client := &http.Client{Transport: tr}
		get := func(path string) *http.Response {
			resp, err := client.Get("http://localhost" + path)
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%v %v", resp, err)
			}
			return resp
		}
		begin := time.Now()
		resp := get("/api/rooms/garden/events")
		in := bufio.NewScanner(resp.Body)
		for beats := 0; beats < 3; {
			if !in.Scan() {
				t.Fatal("the stream ended")
			}
			if strings.HasPrefix(in.Text(), ": still here") {
				if beats++; time.Since(begin) != time.Duration(beats)*25*time.Second {
					t.Errorf("beat %d came after %v", beats, time.Since(begin))
				}
			}
		}
		resp.Body.Close()
		begin = time.Now()
		resp = get("/api/rooms/garden/messages?wait=30")
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(b), `"messages":[]`) || time.Since(begin) != 30*time.Second {
			t.Errorf("after %v: %s", time.Since(begin), b)
		}
	})
}

// TestSecretsOverHTTPSOnly: passwords and tokens are taken on this machine, asked by its
// own name with no proxy between, and from a trusted proxy that says https.
func TestSecretsOverHTTPSOnly(t *testing.T) {
	w := newAPIWorld(t, server.Config{TrustedProxies: []string{"127.0.0.1"}})
	token := w.token("bot")
	for _, row := range []struct {
		name   string
		host   string
		header []string
		status int
	}{
		{"this machine", "localhost", nil, 200},
		{"by its address", "127.0.0.1:80", nil, 200},
		{"a name of somewhere else", "rebind.example", nil, 422},
		{"a trusted proxy without TLS", "localhost", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "http"}, 422},
		{"a trusted proxy with TLS", "localhost", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, 200},
	} {
		for _, auth := range []string{bot, token} {
			req, err := http.NewRequest("GET", w.url+"/api/rooms/garden", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = row.host
			for i := 0; i < len(row.header); i += 2 {
				req.Header.Set(row.header[i], row.header[i+1])
			}
			w.authorize(req, auth)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != row.status || row.status != 200 && !strings.Contains(string(b), "https") {
				t.Errorf("%s: %s %s", row.name, resp.Status, b)
			}
		}
	}
}

// TestAPasswordIsCheckedOnceAMinute, and another one, or a disabled account, at once.
func TestAPasswordIsCheckedOnceAMinute(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	logins := func() string {
		_, text := get(site(w.Server), "/metrics", here)
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "natter_logins_total") && strings.Contains(line, "accepted") {
				return line
			}
		}
		t.Fatalf("no such metric in %s", text)
		return ""
	}
	status := func(auth string) int { return w.do("GET", "/api/rooms/garden", auth, "", "").status }
	if got := status(bot); got != 200 {
		t.Fatal(got)
	}
	before := logins()
	for range 5 {
		if got := status(bot); got != 200 {
			t.Fatal(got)
		}
	}
	if after := logins(); after != before {
		t.Errorf("it was checked again: %s, %s", before, after)
	}
	b, err := w.Core.Default().SetPassword("bot", "another")
	if err != nil || w.Core.Store.CommitWait(t.Context(), b) != nil {
		t.Fatal(err)
	}
	if got := status(bot); got != 401 {
		t.Errorf("the old password: %d", got)
	}
	if got := status("bot:another"); got != 200 {
		t.Errorf("the new password: %d", got)
	}
	if b, err = w.Core.Default().Disable("bot", true); err != nil || w.Core.Store.CommitWait(t.Context(), b) != nil {
		t.Fatal(err)
	}
	if got := status("bot:another"); got != 401 {
		t.Errorf("the password of a disabled account: %d", got)
	}
}

// TestPagesOfHistory: the last messages, those before one, those after one.
func TestPagesOfHistory(t *testing.T) {
	w := newAPIWorld(t, server.Config{NoLimits: true})
	var ids []string
	for i := range 7 {
		ids = append(ids, w.do("POST", "/api/rooms/garden/messages", bot, "", fmt.Sprint("m", i)).v["id"].(string))
	}
	for _, row := range []struct{ query, want string }{
		{"", "m0 m1 m2 m3 m4 m5 m6"},
		{"?limit=2", "m5 m6"},
		{"?limit=2&before=" + ids[5], "m3 m4"},
		{"?limit=3&after=" + ids[1], "m2 m3 m4"},
		{"?after=" + ids[6], ""},
		{"?limit=9&before=" + ids[1], "m0"},
	} {
		got := w.do("GET", "/api/rooms/garden/messages"+row.query, bot, "", "")
		var bodies []string
		list, _ := got.v["messages"].([]any)
		for _, m := range list {
			bodies = append(bodies, m.(map[string]any)["body"].(string))
		}
		if s := strings.Join(bodies, " "); s != row.want {
			t.Errorf("%q gives %q, not %q", row.query, s, row.want)
		}
	}
	for query, says := range map[string]string{"limit=0": "number of messages", "limit=x": "number of messages", "wait=-1": "seconds"} {
		if got := w.do("GET", "/api/rooms/garden/messages?"+query, bot, "", ""); got.status != 400 || !strings.Contains(got.raw, says) {
			t.Errorf("%s: %d %s", query, got.status, got.raw)
		}
	}
}

// TestNicksOfPosts: a token may be good for one name; who is in the room posts under its
// own; nobody under another's.
func TestNicksOfPosts(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	_, token, err := w.Core.Default().AddAPIToken(t.Context(), "bot", server.APIToken{Nick: "Nurse"})
	if err != nil {
		t.Fatal(err)
	}
	julia := "juliet:" + servertest.Password
	for _, row := range []struct {
		name, auth, nick string
		status           int
		as               string
	}{
		{"a token for one name", token, "", 201, "Nurse"},
		{"the same name said", token, "Nurse", 201, "Nurse"},
		{"another", token, "Friar", 403, ""},
		{"under somebody's name", bot, "juliet", 409, ""},
		{"under one's own name", julia, "", 201, "juliet"},
		{"a name that is none", bot, "a%00b", 400, ""},
	} {
		got := w.do("POST", "/api/rooms/garden/messages?nick="+row.nick, row.auth, "", row.name)
		if got.status != row.status || row.as != "" && got.v["nick"] != row.as {
			t.Errorf("%s: %d %s", row.name, got.status, got.raw)
		}
	}
}

// TestRoomsWithoutGuests: where the room takes none, they neither read nor write.
func TestRoomsWithoutGuests(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	w.configure(`<field var='{urn:natter:muc}roomconfig_guests'><value>0</value></field>`)
	for _, path := range []string{"", "/messages", "/events", "/occupants"} {
		if got := w.do("GET", "/api/rooms/garden"+path, "", "", ""); got.status != 401 || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("reading %s: %d %s", path, got.status, got.raw)
		}
	}
	if got := w.do("POST", "/api/rooms/garden/messages", "", "", "hi"); got.status != 401 {
		t.Errorf("writing: %d %s", got.status, got.raw)
	}
	if got := w.do("POST", "/api/rooms/garden/messages", bot, "", "hi"); got.status != 201 {
		t.Errorf("an account: %d %s", got.status, got.raw)
	}
}

// TestEventsOfOnesOwn: data passes from XMPP to readers over HTTP and back, to all in a
// room and to one, and what answers a post is its id in the archive.
func TestEventsOfOnesOwn(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in := w.follow(ctx, "")
	in.Scan()
	w.juliet.Send(`<message type='groupchat' id='e1' to='garden@conference.localhost'><payload xmlns='urn:xmpp:json-msg:0' datatype='urn:example:move'><json xmlns='urn:xmpp:json:0'>{"to":"e4"}</json></payload></message>`)
	w.juliet.Send(`<message type='groupchat' id='e2' to='garden@conference.localhost'><json xmlns='urn:xmpp:json:0'>[1, 2]</json></message>`)
	w.juliet.Send(`<message type='groupchat' id='e3' to='garden@conference.localhost'><body>no JSON</body><json xmlns='urn:xmpp:json:0'>{broken</json></message>`)
	for _, want := range []struct{ name, data string }{
		{"urn:example:move", `"event":"urn:example:move","data":{"to":"e4"}`},
		{"json", `"data":[1,2]`},
		{"", `"body":"no JSON"}`},
	} {
		if _, name, data := event(t, in); name != want.name || !strings.Contains(data, want.data) {
			t.Errorf("%q %s, not %q %s", name, data, want.name, want.data)
		}
	}
	if got := w.do("GET", "/api/rooms/garden/messages", bot, "", ""); !strings.Contains(got.raw, `"event":"urn:example:move","data":{"to":"e4"}`) {
		t.Errorf("the archive: %s", got.raw)
	}
	for range 3 {
		w.juliet.Next() // what it said itself
	}
	got := w.do("POST", "/api/rooms/garden/messages", bot, "application/json", `{"event":"urn:example:answer","data":{"ok":true},"id":"a-1"}`)
	if raw := w.juliet.Next(); !strings.Contains(raw, "datatype='urn:example:answer'") || !strings.Contains(raw, " id='a-1'") || !strings.Contains(raw, got.v["id"].(string)) {
		t.Errorf("to all: %s (%s)", raw, got.raw)
	}
	if id, name, _ := event(t, in); name != "urn:example:answer" || id != got.v["id"] {
		t.Errorf("and to readers: %s %s", id, name)
	}
	w.juliet.Send("<presence/>")
	w.juliet.Sync()
	got = w.do("POST", "/api/messages", bot, "application/json", `{"to":"juliet@localhost","event":"urn:example:whisper","data":"psst"}`)
	if got.status != 201 || got.v["id"] == nil {
		t.Fatalf("to one: %s", got.raw)
	}
	if raw := w.juliet.Next(); !strings.Contains(raw, "datatype='urn:example:whisper'") || !strings.Contains(raw, "from='bot@localhost'") {
		t.Errorf("to one: %s", raw)
	}
}

// TestOnlyWhatIsSaid: chat states, reactions and markers are no messages for who reads
// over HTTP; a page holds as many as were asked for all the same.
func TestOnlyWhatIsSaid(t *testing.T) {
	w := newAPIWorld(t, server.Config{NoLimits: true})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in := w.follow(ctx, "")
	in.Scan()
	quiet := func() {
		for _, what := range []string{"<composing xmlns='http://jabber.org/protocol/chatstates'/>",
			"<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>x</reaction></reactions><store xmlns='urn:xmpp:hints'/>"} {
			w.juliet.Send("<message type='groupchat' to='garden@conference.localhost'>" + what + "</message>")
		}
	}
	for i := range 5 {
		quiet()
		w.say(fmt.Sprint("m", i))
		quiet()
	}
	for i := range 5 {
		if _, _, data := event(t, in); !strings.Contains(data, fmt.Sprintf(`"body":"m%d"`, i)) {
			t.Errorf("event %d is %s", i, data)
		}
	}
	w.juliet.Sync()
	var ids []string
	all := w.do("GET", "/api/rooms/garden/messages", bot, "", "")
	list, _ := all.v["messages"].([]any)
	for _, m := range list {
		ids = append(ids, m.(map[string]any)["id"].(string))
	}
	if len(ids) != 5 {
		t.Fatalf("all: %s", all.raw)
	}
	for _, row := range []struct{ query, first, last string }{
		{"?limit=2", "m3", "m4"}, {"?limit=2&before=" + ids[4], "m2", "m3"}, {"?limit=3&after=" + ids[0], "m1", "m3"},
	} {
		got := w.do("GET", "/api/rooms/garden/messages"+row.query, bot, "", "")
		list, _ := got.v["messages"].([]any)
		if len(list) < 2 || list[0].(map[string]any)["body"] != row.first || list[len(list)-1].(map[string]any)["body"] != row.last {
			t.Errorf("%s: %s", row.query, got.raw)
		}
	}
	answer := make(chan response, 1)
	go func() { answer <- w.do("GET", "/api/rooms/garden/messages?wait=30&after="+ids[4], bot, "", "") }()
	quiet() // wakes nobody
	w.say("m5")
	if got := <-answer; !strings.Contains(got.raw, `"body":"m5"`) {
		t.Errorf("waiting: %s", got.raw)
	}
}

// TestProblems: an error says what it is, in which status, and what to do (RFC 9457).
func TestProblems(t *testing.T) {
	w := newAPIWorld(t, server.Config{})
	got := w.do("POST", "/api/rooms/garden/messages?nick=juliet", bot, "", "hi")
	if got.header.Get("Content-Type") != "application/problem+json" || got.v["status"] != 409.0 || got.v["title"] != "Conflict" || got.v["condition"] != "conflict" || got.v["detail"] == "" {
		t.Errorf("%v %s", got.header, got.raw)
	}
	for range 45 {
		got = w.do("POST", "/api/rooms/garden/messages", bot, "", "spam")
	}
	if got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	for range 250 {
		if got = w.do("GET", "/api/rooms/garden", bot, "", ""); got.status == 429 {
			break
		}
	}
	if got.status != 429 || !strings.Contains(got.raw, "too many requests") {
		t.Errorf("reading without an end: %d %s", got.status, got.raw)
	}
	if got = w.do("POST", "/api/rooms/garden/messages", "juliet:"+servertest.Password, "", "me too"); got.status != 201 {
		t.Errorf("another account: %d %s", got.status, got.raw)
	}
}
