package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"natter/server"
)

// Server answers at a control socket: HTTP with JSON bodies, so that curl can
// talk to it too:
//
//	GET    /users               all accounts
//	POST   /users               {"jid": …, "password": …}
//	GET    /users/JID           one account with details
//	PUT    /users/JID/password  {"password": …}
//	DELETE /users/JID
//	POST   /users/JID/tokens    {"purpose": …, "rooms": […]}
//	GET    /users/JID/tokens
//	DELETE /tokens/ID
//	POST   /invitations         {"invite": an Invite}
//	GET    /invitations
//	DELETE /invitations/ID
//
// A refusal is an Error as JSON. Who may open the socket may do all of it.
type Server struct {
	path     string
	listener *net.UnixListener
	http     *http.Server
	done     chan struct{}
}

const (
	maxBody     = 16 << 10         // bytes of a request's body
	requestTime = 30 * time.Second // for one request
)

// Start opens the socket at path and answers there until Close. Only the
// process's user may open it. The error is ErrInUse when another server answers
// at path already.
func Start(core *server.Server, path string) (*Server, error) {
	ln, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	s := &Server{path: path, listener: ln, done: make(chan struct{})}
	s.http = &http.Server{
		Handler:           handler(Local(core), core.Log),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(core.Log.Handler(), slog.LevelWarn),
	}
	go func() {
		defer close(s.done)
		s.http.Serve(ln)
	}()
	return s, nil
}

// Path is where the socket is.
func (s *Server) Path() string { return s.path }

// Close stops answering and removes the socket. It waits for requests under way
// until ctx ends.
func (s *Server) Close(ctx context.Context) {
	s.http.Shutdown(ctx)
	s.http.Close()
	<-s.done
	unlisten(s.listener, s.path)
}

// handler serves accounts over HTTP.
func handler(accounts Accounts, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	// do answers a request with what fn returns.
	do := func(pattern string, fn func(ctx context.Context, name string, in request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			var in request
			if r.Method == http.MethodPost || r.Method == http.MethodPut {
				d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
				d.DisallowUnknownFields()
				if err := d.Decode(&in); err != nil {
					answer(w, nil, &Error{Invalid, "the request is not JSON as expected: " + err.Error()}, log)
					return
				}
			}
			ctx, cancel := context.WithTimeout(r.Context(), requestTime)
			defer cancel()
			out, err := fn(ctx, r.PathValue("jid"), in)
			answer(w, out, err, log)
		})
	}
	do("GET /users", func(ctx context.Context, _ string, _ request) (any, error) { return accounts.List(ctx) })
	do("POST /users", func(ctx context.Context, _ string, in request) (any, error) {
		return address(accounts.Add(ctx, in.JID, in.Password))
	})
	do("GET /users/{jid}", func(ctx context.Context, name string, _ request) (any, error) {
		return accounts.Info(ctx, name)
	})
	do("PUT /users/{jid}/password", func(ctx context.Context, name string, in request) (any, error) {
		return address(accounts.SetPassword(ctx, name, in.Password))
	})
	do("DELETE /users/{jid}", func(ctx context.Context, name string, _ request) (any, error) {
		return address(accounts.Remove(ctx, name))
	})
	do("POST /users/{jid}/tokens", func(ctx context.Context, name string, in request) (any, error) {
		return accounts.AddToken(ctx, name, in.TokenFor)
	})
	do("GET /users/{jid}/tokens", func(ctx context.Context, name string, _ request) (any, error) {
		return accounts.Tokens(ctx, name)
	})
	do("DELETE /tokens/{jid}", func(ctx context.Context, id string, _ request) (any, error) {
		return accounts.RevokeToken(ctx, id)
	})
	do("GET /invitations", func(ctx context.Context, _ string, _ request) (any, error) { return accounts.Invitations(ctx) })
	do("POST /invitations", func(ctx context.Context, _ string, in request) (any, error) {
		if in.Invite == nil {
			return nil, &Error{Invalid, "the request says nothing of an invitation"}
		}
		return accounts.Invite(ctx, *in.Invite)
	})
	do("DELETE /invitations/{jid}", func(ctx context.Context, id string, _ request) (any, error) {
		return accounts.RevokeInvitation(ctx, id)
	})
	return mux
}

// request is the body of a request.
type request struct {
	JID      string `json:"jid,omitempty"`
	Password string `json:"password,omitempty"`

	TokenFor

	Invite *Invite `json:"invite,omitempty"`
}

// done is the answer to a request that changed an account.
type done struct {
	JID string `json:"jid"`
}

func address(jid string, err error) (any, error) { return done{jid}, err }

// answer writes what came of a request.
func answer(w http.ResponseWriter, out any, err error, log *slog.Logger) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		var refused *Error
		if !errors.As(err, &refused) {
			log.Error("control request failed", "err", err)
			refused = &Error{Failed, err.Error()}
		}
		w.WriteHeader(statusOf[refused.Reason])
		out = refused
	}
	if err := json.NewEncoder(w).Encode(out); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		log.Debug("control answer not written", "err", err)
	}
}

var statusOf = map[Reason]int{
	Exists: http.StatusConflict, Unknown: http.StatusNotFound, NoHost: http.StatusNotFound,
	Invalid: http.StatusBadRequest, Failed: http.StatusInternalServerError,
}
