package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"natter/server"
	"natter/stanza"
)

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
