package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"natter/server"
	"natter/stanza"
)

// Bounds of requests and answers of the API.
const (
	maxPost    = 64 << 10 // bytes of a post
	maxBatch   = 200      // messages in one answer
	maxWait    = 60       // seconds that an answer is waited for
	maxNickLen = 64
)

// Namespaces of application data (XEP-0432, XEP-0335).
const (
	nsJSONMessage = "urn:xmpp:json-msg:0"
	nsJSON        = "urn:xmpp:json:0"
)

// mountAPI serves rooms and messages to what is no XMPP client: JSON over plain
// requests, long polling, and server-sent events. docs/api.md is its manual.
func (s *Site) mountAPI(mux *http.ServeMux, h *server.Host) {
	if h.Rooms == nil {
		return
	}
	a := &roomAPI{site: s, host: h, hub: newHub(h)}
	for pattern, fn := range map[string]func(http.ResponseWriter, *http.Request, principal) error{
		"GET /api/rooms/{room}":           a.info,
		"GET /api/rooms/{room}/occupants": a.occupants,
		"GET /api/rooms/{room}/messages":  a.messages,
		"POST /api/rooms/{room}/messages": a.post,
		"GET /api/rooms/{room}/events":    a.events,
		"POST /api/messages":              a.send,
	} {
		mux.HandleFunc(pattern, a.handle(fn))
	}
	mux.HandleFunc("OPTIONS /api/", a.preflight)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, problem{Status: http.StatusNotFound, Detail: "there is no such thing; docs/api.md lists what there is"})
	})
}

type roomAPI struct {
	site *Site
	host *server.Host
	hub  *hub
}

// handle finds out who asks, and answers errors.
func (a *roomAPI) handle(fn func(http.ResponseWriter, *http.Request, principal) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !a.cross(w, r) {
			writeProblem(w, problem{Status: http.StatusForbidden, Detail: "pages of other sites may not use this; the administrator can list theirs in origins"})
			return
		}
		p, err := a.site.who(r, a.host)
		of, what := readRate, "requests"
		if r.Method == http.MethodPost {
			of, what = postRate, "messages"
		}
		if err == nil && !a.site.mayAskNow(p, of) {
			writeProblem(w, problem{Status: http.StatusTooManyRequests, Detail: "that is too many " + what + " at once; wait a moment"})
			return
		}
		if err == nil {
			err = fn(w, r, p)
		}
		if err != nil {
			a.site.fail(w, err)
		}
	}
}

// cross sets the headers of CORS for pages that may ask; false for others.
func (a *roomAPI) cross(w http.ResponseWriter, r *http.Request) bool {
	if !a.site.mayAsk(r) {
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Add("Vary", "Origin")
	}
	return true
}

func (a *roomAPI) preflight(w http.ResponseWriter, r *http.Request) {
	if !a.cross(w, r) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID")
	w.Header().Set("Access-Control-Max-Age", "3600")
	w.WriteHeader(http.StatusNoContent)
}

// room reads the room of a request, and checks that the principal may read it, or
// with speak, write to it.
func (a *roomAPI) room(r *http.Request, p principal, speak bool) (stanza.JID, error) {
	name := r.PathValue("room")
	if !strings.Contains(name, "@") {
		name += "@" + a.host.Rooms.Domain
	}
	j, err := stanza.ParseJID(name)
	if err != nil || !j.IsBare() || j.Local() == "" || j.Domain() != a.host.Rooms.Domain {
		return j, stanza.ItemNotFound("that is not a room of this server")
	}
	if p.token != nil && !p.token.May(j) {
		return j, stanza.Forbidden("the token is not for this room")
	}
	a.site.core.Do(func(t *server.Turn) {
		if p.guest {
			var info server.RoomInfo
			if info, err = a.host.Rooms.Info(t, j); err == nil && !info.Guests {
				err = stanza.NotAuthorized("the room takes no guests: say who you are, with a token or a password")
			}
		}
		if err == nil {
			err = a.host.Rooms.May(t, j, p.jid, speak)
		}
	})
	return j, err
}

func (a *roomAPI) info(w http.ResponseWriter, r *http.Request, p principal) error {
	j, err := a.room(r, p, false)
	if err != nil {
		return err
	}
	var info server.RoomInfo
	a.site.core.Do(func(t *server.Turn) { info, err = a.host.Rooms.Info(t, j) })
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, map[string]any{
		"room": j.String(), "name": info.Name, "description": info.Description, "subject": info.Subject,
		"occupants": info.Occupants, "guests": info.Guests, "archived": info.Archived,
	})
	return nil
}

func (a *roomAPI) occupants(w http.ResponseWriter, r *http.Request, p principal) error {
	j, err := a.room(r, p, false)
	if err != nil {
		return err
	}
	var list []server.RoomOccupant
	a.site.core.Do(func(t *server.Turn) { list, err = a.host.Rooms.Occupants(t, j) })
	if err != nil {
		return err
	}
	type occupant struct {
		Nick string `json:"nick"`
		Role string `json:"role"`
	}
	out := []occupant{}
	for _, o := range list {
		out = append(out, occupant{o.Nick, o.Role})
	}
	reply(w, http.StatusOK, map[string]any{"room": j.String(), "count": len(out), "occupants": out})
	return nil
}

// apiMessage is a message as the API tells it.
type apiMessage struct {
	ID      string          `json:"id"`
	Time    time.Time       `json:"time"`
	Nick    string          `json:"nick,omitempty"`
	Body    string          `json:"body,omitempty"`
	Subject *string         `json:"subject,omitempty"`
	Event   string          `json:"event,omitempty"` // of application data: its name
	Data    json.RawMessage `json:"data,omitempty"`
}

// message makes what the API tells of a room's message.
func (a *roomAPI) message(room stanza.JID, m *server.RoomMessage) apiMessage {
	out := apiMessage{
		ID:   string(a.host.AppendArchiveID(nil, room.String(), m.ID)),
		Time: m.Time.UTC().Truncate(time.Millisecond), Nick: m.Nick, Body: m.Body,
	}
	if m.HasSubject {
		out.Subject = &m.Subject
	}
	if st, err := stanza.Parse(m.Stanza, stanza.Limits{Bytes: len(m.Stanza) + 1}); err == nil {
		out.Event, out.Data = dataOf(st)
	}
	return out
}

// says reports whether there is anything in the message for a reader over HTTP: not
// with chat states, reactions and the like.
func (m *apiMessage) says() bool { return m.Body != "" || m.Subject != nil || m.Event != "" }

// dataOf returns the application data in a message: with its name (XEP-0432), or
// without (XEP-0335), which is the event "json".
func dataOf(st *stanza.Stanza) (event string, data json.RawMessage) {
	c, ok := st.Child(nsJSONMessage, "payload")
	if ok {
		event, _ = st.ChildAttr(c, "datatype")
		c, ok = st.Find(c, nsJSON, "json")
	} else if c, ok = st.Child(nsJSON, "json"); ok {
		event = "json"
	}
	if !ok || event == "" {
		return "", nil
	}
	if text := st.Text(c); json.Valid([]byte(text)) {
		return event, json.RawMessage(text)
	}
	return "", nil
}

// messages answers with messages: those after one, or before one, or the last; with
// wait, when there are none after it, as soon as there are (long polling).
func (a *roomAPI) messages(w http.ResponseWriter, r *http.Request, p principal) error {
	j, err := a.room(r, p, false)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	after, err := a.archiveID(j, q.Get("after"))
	if err != nil {
		return err
	}
	before, err := a.archiveID(j, q.Get("before"))
	if err != nil {
		return err
	}
	n, wait := 50, 0
	if v := q.Get("limit"); v != "" {
		if n, err = strconv.Atoi(v); err != nil || n < 1 {
			return stanza.BadRequest("limit is a number of messages")
		}
		n = min(n, maxBatch)
	}
	if v := q.Get("wait"); v != "" {
		if wait, err = strconv.Atoi(v); err != nil || wait < 0 {
			return stanza.BadRequest("wait is a number of seconds")
		}
		wait = min(wait, maxWait)
	}
	var sub *subscriber
	if wait > 0 {
		if sub, err = a.hub.subscribe(a.site.core, j); err != nil { // before looking: nothing falls in between
			return err
		}
		defer a.hub.leave(j, sub)
	}
	list, err := a.page(j, after, before, n)
	if err == nil && len(list) == 0 && sub != nil {
		a.site.alive(w)
		timer := time.NewTimer(time.Duration(wait) * time.Second)
		defer timer.Stop()
		for over := false; err == nil && len(list) == 0 && !over; {
			select {
			case _, more := <-sub.out:
				over = !more
				list, err = a.page(j, after, before, n)
			case <-timer.C:
				over = true
			case <-r.Context().Done():
				return nil
			case <-a.site.drained:
				over = true
			}
		}
	}
	if err != nil {
		return err
	}
	if list == nil {
		list = []apiMessage{}
	}
	reply(w, http.StatusOK, map[string]any{"room": j.String(), "messages": list})
	return nil
}

// maxLook bounds how many pages are looked through for messages that say something.
const maxLook = 50

// page returns up to n messages after one, or before one, in order.
func (a *roomAPI) page(j stanza.JID, after, before uint64, n int) (out []apiMessage, err error) {
	for range maxLook {
		list, err := a.read(j, after, before, n)
		if err != nil {
			return nil, err
		}
		var said []apiMessage
		for i := range list {
			if m := a.message(j, &list[i]); m.says() {
				said = append(said, m)
			}
		}
		if after != 0 {
			out = append(out, said...)
			out = out[:min(n, len(out))]
		} else {
			out = append(said, out...)
			out = out[max(0, len(out)-n):]
		}
		if len(out) == n || len(list) < n {
			break
		}
		if after != 0 {
			after = list[len(list)-1].ID
		} else {
			before = list[0].ID
		}
	}
	return out, nil
}

func (a *roomAPI) read(j stanza.JID, after, before uint64, n int) (list []server.RoomMessage, err error) {
	a.site.core.Do(func(t *server.Turn) {
		if after != 0 {
			list, err = a.host.Rooms.After(t, j, after, n)
		} else {
			list, err = a.host.Rooms.History(t, j, before, n)
		}
	})
	return list, err
}

// archiveID reads an id of the room's archive, 0 for "".
func (a *roomAPI) archiveID(j stanza.JID, s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	id, ok := a.host.ParseArchiveID(j.String(), s)
	if !ok {
		return 0, stanza.BadRequest("that is no id of a message of this room")
	}
	return id, nil
}

// posted is what is posted: as JSON, or its body as plain text.
type posted struct {
	To      string          `json:"to"`
	Nick    string          `json:"nick"`
	Body    string          `json:"body"`
	Subject string          `json:"subject"`
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Event   string          `json:"event"`
	Data    json.RawMessage `json:"data"`
}

func readPost(w http.ResponseWriter, r *http.Request) (v posted, err error) {
	kind := r.Header.Get("Content-Type")
	media, _, merr := mime.ParseMediaType(kind)
	body, rerr := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPost))
	var big *http.MaxBytesError
	switch {
	case errors.As(rerr, &big):
		return v, errTooBig
	case rerr != nil:
		return v, stanza.BadRequest("the request did not arrive in whole")
	}
	switch {
	case kind == "" || merr == nil && (media == "text/plain" || media == "application/x-www-form-urlencoded"):
		v.Body = strings.TrimRight(string(body), "\r\n") // curl -d says form where it means text
		v.To, v.Nick = r.URL.Query().Get("to"), r.URL.Query().Get("nick")
	case merr == nil && media == "application/json":
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			return v, stanza.BadRequest("the request is not the JSON that is expected: " + err.Error())
		}
	default:
		return v, stanza.BadRequest("send text/plain or application/json")
	}
	switch {
	case !utf8.ValidString(v.Body):
		return v, stanza.BadRequest("the text is not UTF-8")
	case v.Data != nil && v.Event == "":
		return v, stanza.BadRequest("data needs the name of its event")
	case strings.TrimSpace(v.Body) == "" && v.Event == "":
		return v, stanza.BadRequest("the message is empty: write something")
	case len(v.Event) > 256 || strings.ContainsAny(v.Event, "\r\n\x00"):
		return v, stanza.BadRequest("an event's name has up to 256 bytes and no line breaks")
	case len(v.Nick) > maxNickLen || len(v.ID) > 256:
		return v, stanza.BadRequest("the nick or the id is too long")
	}
	return v, nil
}

// payload is the application data as an element (XEP-0432 §3).
func (v *posted) payload() []byte {
	if v.Event == "" {
		return nil
	}
	data := v.Data
	if data == nil {
		data = json.RawMessage("null")
	}
	b := stanza.AppendOpen(nil, "payload", "xmlns", nsJSONMessage, "datatype", v.Event)
	b = stanza.AppendElement(b, "json", string(data), "xmlns", nsJSON)
	return stanza.AppendClose(b, "payload")
}

// post says something in a room. The answer comes when the room has it for good, with
// its id in the room's archive.
func (a *roomAPI) post(w http.ResponseWriter, r *http.Request, p principal) error {
	j, err := a.room(r, p, true)
	if err != nil {
		return err
	}
	v, err := readPost(w, r)
	if err != nil {
		return err
	}
	nick := p.nick
	switch {
	case v.Nick == "":
	case p.token != nil && p.token.Nick != "" && v.Nick != p.token.Nick:
		return stanza.Forbidden("the token speaks as " + p.token.Nick + " only")
	default:
		nick = v.Nick
	}
	type outcome struct {
		m   server.RoomMessage
		err error
	}
	done := make(chan outcome, 1)
	a.site.core.Do(func(t *server.Turn) {
		a.host.Rooms.Post(t, j, server.RoomPost{As: nick, From: p.jid, Body: v.Body, Payload: v.payload(), ID: v.ID},
			func(_ *server.Turn, m server.RoomMessage, err error) { done <- outcome{m, err} })
	})
	select {
	case o := <-done:
		if o.err != nil {
			return o.err
		}
		m := a.message(j, &o.m)
		reply(w, http.StatusCreated, map[string]any{"id": m.ID, "time": m.Time, "nick": nick, "room": j.String()})
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

// send sends a message to somebody, from the account's bare JID.
func (a *roomAPI) send(w http.ResponseWriter, r *http.Request, p principal) error {
	switch {
	case p.guest:
		return stanza.NotAuthorized("guests write to rooms only: say who you are, with a token or a password")
	case p.token != nil && !p.token.May(stanza.JID{}):
		return stanza.Forbidden("the token is for rooms only")
	}
	v, err := readPost(w, r)
	if err != nil {
		return err
	}
	to, err := stanza.ParseJID(v.To)
	if err != nil || v.To == "" {
		return stanza.BadRequest("say whom it is for in 'to': an address such as juliet@" + a.host.Name)
	}
	switch v.Type {
	case "":
		v.Type = "chat"
	case "chat", "normal", "headline":
	default:
		return stanza.BadRequest("type is chat, normal or headline")
	}
	if v.ID == "" {
		v.ID = server.NewID()
	}
	b := stanza.AppendOpen(nil, "message", "type", v.Type, "id", v.ID)
	if v.Subject != "" {
		b = stanza.AppendElement(b, "subject", v.Subject)
	}
	if v.Body != "" {
		b = stanza.AppendElement(b, "body", v.Body)
	}
	if pl := v.payload(); pl != nil {
		b = append(append(b, pl...), "<store xmlns='urn:xmpp:hints'/>"...)
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxWait*time.Second)
	defer cancel()
	id, err := a.host.PostMessage(ctx, p.jid.Local(), to, stanza.AppendClose(b, "message"))
	if err != nil {
		return err
	}
	out := map[string]any{"to": to.String(), "stanza": v.ID}
	if id != "" {
		out["id"] = id
	}
	reply(w, http.StatusCreated, out)
	return nil
}
