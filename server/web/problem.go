package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"natter/stanza"
)

// problem is an error as the API tells it (RFC 9457).
type problem struct {
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Condition string `json:"condition,omitempty"` // the stanza error it stands for (RFC 6120 §8.3.3)
}

// statusOf says which HTTP status a stanza error is.
var statusOf = map[string]int{
	"bad-request": 400, "jid-malformed": 400, "not-authorized": 401, "forbidden": 403, "registration-required": 403,
	"subscription-required": 403, "item-not-found": 404, "remote-server-not-found": 404, "service-unavailable": 404,
	"not-allowed": 405, "conflict": 409, "gone": 410, "policy-violation": 422, "not-acceptable": 422,
	"resource-constraint": 503, "remote-server-timeout": 504,
}

// errTooBig refuses a post that has more than maxPost bytes.
var errTooBig = errors.New("the request has more than " + strconv.Itoa(maxPost) + " bytes; files go to the upload service")

// fail answers an error: a *stanza.Error or any other, which is the server's fault.
func (s *Site) fail(w http.ResponseWriter, err error) {
	var e *stanza.Error
	if errors.Is(err, errTooBig) {
		writeProblem(w, problem{Status: http.StatusRequestEntityTooLarge, Detail: err.Error()})
		return
	}
	if !errors.As(err, &e) {
		s.core.Log.Error("API request failed", "err", err)
		writeProblem(w, problem{Status: http.StatusInternalServerError, Detail: "something went wrong on the server; try again later"})
		return
	}
	status := statusOf[e.Condition]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	writeProblem(w, problem{Status: status, Detail: e.Text, Condition: e.Condition})
}

func writeProblem(w http.ResponseWriter, p problem) {
	p.Title = http.StatusText(p.Status)
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="natter", Basic realm="natter", charset="UTF-8"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
