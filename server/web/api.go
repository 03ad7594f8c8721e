package web

import (
	"net/http"
	"strings"

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
		of, what := &a.site.api.reads, "requests"
		if r.Method == http.MethodPost {
			of, what = &a.site.api.posts, "messages"
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
