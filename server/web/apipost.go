package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"natter/server"
	"natter/stanza"
)

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
