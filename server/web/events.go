package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"natter/server"
	"natter/stanza"
)

// Bounds of streams of events.
const (
	eventQueue    = 64               // messages that wait for one reader
	eventBeat     = 25 * time.Second // between comments that keep proxies from giving up
	eventWrite    = 30 * time.Second // for one write
	maxSubscriber = 10_000           // readers of one host
)

// hub hands each message of a room to those who follow it over HTTP: the room is
// watched once, however many they are.
type hub struct {
	host  *server.Host
	mu    sync.Mutex
	feeds map[stanza.JID]*feed
	count int
}

type feed struct {
	subs   map[*subscriber]struct{}
	cancel func()
}

// subscriber is one follower. A slow one is cut off: its channel is closed, and it
// comes back with the id of the last message it got.
type subscriber struct {
	out    chan *roomEvent
	closed bool // under hub.mu
}

// roomEvent is a message on its way to its followers. The first that writes it makes
// the event for all of them.
type roomEvent struct {
	m    server.RoomMessage
	once sync.Once
	b    []byte
}

func (e *roomEvent) bytes(a *roomAPI, room stanza.JID) []byte {
	e.once.Do(func() { e.b = a.event(room, &e.m) })
	return e.b
}

func newHub(h *server.Host) *hub { return &hub{host: h, feeds: make(map[stanza.JID]*feed)} }

// subscribe follows a room until leave.
func (u *hub) subscribe(core *server.Server, room stanza.JID) (*subscriber, error) {
	sub := &subscriber{out: make(chan *roomEvent, eventQueue)}
	u.mu.Lock()
	if u.count >= maxSubscriber {
		u.mu.Unlock()
		return nil, stanza.ResourceConstraint("too many follow rooms at this moment; try again later")
	}
	u.count++
	f := u.feeds[room]
	if f != nil {
		f.subs[sub] = struct{}{}
		u.mu.Unlock()
		return sub, nil
	}
	f = &feed{subs: map[*subscriber]struct{}{sub: {}}}
	u.feeds[room] = f
	u.mu.Unlock()
	var cancel func()
	var err error
	core.Do(func(t *server.Turn) {
		cancel, err = u.host.Rooms.Watch(t, room, func(m server.RoomMessage) { u.tell(f, m) })
	})
	u.mu.Lock()
	if err != nil {
		if u.feeds[room] == f {
			delete(u.feeds, room)
		}
		for s := range f.subs { // whoever has joined it meanwhile tries again
			u.cut(f, s)
		}
		u.count--
		u.mu.Unlock()
		return nil, err
	}
	f.cancel = cancel
	gone := len(f.subs) == 0 // everybody has left again
	u.mu.Unlock()
	if gone {
		cancel()
	}
	return sub, nil
}

// tell hands a message to the followers; it runs with the room locked.
func (u *hub) tell(f *feed, m server.RoomMessage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	e := &roomEvent{m: m}
	for s := range f.subs {
		select {
		case s.out <- e:
		default:
			u.cut(f, s)
		}
	}
}

func (u *hub) cut(f *feed, s *subscriber) {
	delete(f.subs, s)
	if !s.closed {
		s.closed = true
		close(s.out)
	}
}

// leave ends following.
func (u *hub) leave(room stanza.JID, s *subscriber) {
	u.mu.Lock()
	u.count--
	f := u.feeds[room]
	var cancel func()
	if f != nil {
		delete(f.subs, s)
		if len(f.subs) == 0 && f.cancel != nil {
			delete(u.feeds, room)
			cancel = f.cancel
		}
	}
	u.mu.Unlock()
	if cancel != nil {
		cancel() // takes the room's lock
	}
}

// events streams what is said in a room as server-sent events. A reader that says
// which event it saw last gets what came since, without loss or repeat.
func (a *roomAPI) events(w http.ResponseWriter, r *http.Request, p principal) error {
	j, err := a.room(r, p, false)
	if err != nil {
		return err
	}
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("after")
	}
	after, err := a.archiveID(j, last)
	if err != nil {
		return err
	}
	sub, err := a.hub.subscribe(a.site.core, j) // first: nothing falls in between
	if err != nil {
		return err
	}
	defer a.hub.leave(j, sub)
	out := &eventWriter{w: w, c: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx
	w.WriteHeader(http.StatusOK)
	if out.write([]byte("retry: 2000\n: this is "+j.String()+"\n\n")) != nil {
		return nil
	}
	for after != 0 {
		list, err := a.read(j, after, 0, maxBatch)
		if err != nil {
			return nil // the reader comes back
		}
		for i := range list {
			if b := a.event(j, &list[i]); b != nil && out.write(b) != nil {
				return nil
			}
			after = list[i].ID
		}
		if len(list) < maxBatch {
			break
		}
	}
	beat := time.NewTicker(eventBeat)
	defer beat.Stop()
	for {
		select {
		case e, ok := <-sub.out:
			switch {
			case !ok:
				return nil // too slow: it comes back
			case e.m.ID <= after:
				continue
			}
			after = e.m.ID
			if b := e.bytes(a, j); b != nil {
				err = out.write(b)
			}
		case <-beat.C:
			err = out.write([]byte(": still here\n\n"))
		case <-r.Context().Done():
			return nil
		case <-a.site.drained:
			out.write([]byte("event: goodbye\ndata: {\"reason\":\"the server is stopping\"}\n\n"))
			return nil
		}
		if err != nil {
			return nil
		}
	}
}

// event is a message as a server-sent event: with application data, of the data's
// name. It is nil for one that says nothing.
func (a *roomAPI) event(j stanza.JID, m *server.RoomMessage) []byte {
	v := a.message(j, m)
	if !v.says() {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var b bytes.Buffer
	b.WriteString("id: " + v.ID + "\n")
	if v.Event != "" && !bytes.ContainsAny([]byte(v.Event), "\r\n\x00") {
		b.WriteString("event: " + v.Event + "\n")
	}
	b.WriteString("data: ")
	b.Write(data) // one line: JSON has no line breaks
	b.WriteString("\n\n")
	return b.Bytes()
}

// eventWriter writes and flushes, each within its time.
type eventWriter struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (e *eventWriter) write(b []byte) error {
	e.c.SetWriteDeadline(time.Now().Add(eventWrite))
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.c.Flush()
}

// alive lifts the deadlines of a request that is going to be held.
func (s *Site) alive(w http.ResponseWriter) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add((maxWait + 30) * time.Second))
}
