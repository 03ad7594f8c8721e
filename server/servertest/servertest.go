// Package servertest runs a whole natter server in memory, for tests of natter
// and of any Go program that speaks XMPP.
//
//	func TestHello(t *testing.T) {
//		srv := servertest.New(t)
//		juliet := srv.Login(t, "juliet@localhost/balcony")
//		romeo := srv.Login(t, "romeo@localhost/garden")
//		juliet.Send(`<message to='romeo@localhost' type='chat'><body>hi</body></message>`)
//		romeo.Expect(`<message from='juliet@localhost/balcony'><body>hi</body></message>`)
//	}
//
// Accounts are made when they are first named. Connections are in-memory pipes,
// with TLS where asked for, so everything works in testing/synctest bubbles: call
// New inside the bubble. Session gives a mellium client session over the same
// pipes, Listen real sockets for clients in other processes.
package servertest

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"natter/server"
	"natter/server/c2s"
	"natter/server/cert"
	"natter/server/store"
	"natter/server/web"
	"natter/server/xep"
	"natter/stanza"

	"mellium.im/sasl"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
)

// Password is the password of every account that Login and Account make.
const Password = "secret"

// Server is a running server.
type Server struct {
	Core    *server.Server
	Clients *c2s.Server
	Store   *store.Store
	Certs   *cert.Source
	Site    *web.Site // what the HTTP listeners serve

	transport string     // of Dial
	pipes     *httpPipes // in-memory HTTP

	mu sync.Mutex // accounts are made one at a time
}

// Options say what differs from a server with all defaults for the domain
// localhost. The zero value is ready.
type Options struct {
	// Config is the server's configuration. Domains defaults to localhost, Dev
	// and Archive are set unless Strict is.
	Config server.Config
	// Strict takes Config as it is: no SCRAM without TLS, no registration, no
	// archive unless it says so.
	Strict bool
	// Modules makes modules to serve beside those of natter; nil for none.
	Modules server.Modules
	// Store says where data are kept; in memory by default.
	Store store.Options
	// Transport is what clients connect over: "" for streams as over TCP, or
	// one of DialWeb's, all in memory.
	Transport string
	// Log receives the server's log; by default errors go to the test's.
	Log io.Writer
}

// New starts a server that ends with the test.
func New(t testing.TB, opts ...Options) *Server {
	t.Helper()
	var o Options
	if len(opts) > 0 {
		o = opts[0]
	}
	s, err := Start(o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start is New without a test: the caller closes the server. log is where its
// errors go when Options name nothing else.
func Start(o Options, log io.Writer) (*Server, error) {
	if len(o.Config.Domains) == 0 {
		o.Config.Domains = []string{"localhost"}
	}
	if !o.Strict {
		o.Config.Dev, o.Config.Archive, o.Config.Guests = true, true, "on"
	}
	level := slog.LevelDebug
	if o.Log == nil {
		o.Log, level = log, slog.LevelError
	}
	db, err := store.Open(o.Store)
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(o.Log, &slog.HandlerOptions{Level: level}))
	certs, err := cert.Local("", o.Config.Hosts())
	if err != nil {
		db.Close()
		return nil, err
	}
	modules := xep.All
	if o.Modules != nil {
		modules = func(h *server.Host) []*server.Module { return append(xep.All(h), o.Modules(h)...) }
	}
	core, err := server.New(o.Config, db, logger, modules)
	if err != nil {
		db.Close()
		return nil, err
	}
	s := &Server{Core: core, Store: db, Certs: certs, transport: o.Transport}
	s.Clients = c2s.New(core, certs.Config("xmpp-client"))
	s.Site = web.New(core, s.Clients, web.Options{})
	s.pipes = newHTTPPipes(s)
	if err := s.Clients.Restore(context.Background()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close stops the server as a SIGTERM does, and waits for all of it.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s.Clients.Shutdown(ctx)
	s.pipes.close()
	s.Core.Close()
	s.Store.Close()
}

// Domain is the server's first domain.
func (s *Server) Domain() string { return s.Core.Default().Name }

// Account makes the account of a JID, with Password, unless it is there.
func (s *Server) Account(t testing.TB, addr string) {
	t.Helper()
	if err := s.EnsureAccount(addr, Password); err != nil {
		t.Fatalf("making the account of %s: %v", addr, err)
	}
}

// EnsureAccount makes an account unless it is there.
func (s *Server) EnsureAccount(addr, password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := stanza.ParseJID(addr)
	if err != nil {
		return err
	}
	h := s.Core.Host(j.Domain())
	if h == nil || h.Exists(j.Local()) {
		return nil
	}
	return h.Create(context.Background(), j.Local(), password)
}

// Dial opens a connection, as a socket to port 5222 would be, or what looks like
// one when the server's Options choose another transport.
func (s *Server) Dial() net.Conn {
	if s.transport != "" {
		c, err := s.DialWeb(context.Background(), s.transport)
		if err != nil {
			s.Core.Log.Error("no connection", "transport", s.transport, "err", err)
			client, srv := c2s.Pipe()
			srv.Close()
			return client
		}
		return c
	}
	client, srv := c2s.Pipe()
	s.Clients.Serve(srv, false)
	return client
}

// TLS is the configuration of a client that trusts the server.
func (s *Server) TLS() *tls.Config {
	return &tls.Config{RootCAs: s.Certs.CAPool(), ServerName: s.Domain(), MinVersion: tls.VersionTLS12}
}

// Session logs in with a mellium client session, over STARTTLS; the caller
// serves and closes it. The server chooses the resource, since mellium does not ask
// for one.
func (s *Server) Session(ctx context.Context, t testing.TB, addr string) *xmpp.Session {
	t.Helper()
	s.Account(t, addr)
	session, err := xmpp.NewClientSession(ctx, jid.MustParse(addr).Bare(), s.Dial(),
		xmpp.StartTLS(s.TLS()),
		xmpp.SASL("", Password, sasl.ScramSha256Plus, sasl.ScramSha256),
		xmpp.BindResource())
	if err != nil {
		t.Fatalf("logging in as %s: %v", addr, err)
	}
	return session
}

// Listen serves real TCP connections on a loopback port for as long as the test
// lasts and returns its address.
func (s *Server) Listen(t testing.TB) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Clients.Listen(l, false)
	return l.Addr()
}

// HTTP serves the server's site on a loopback port for as long as the test lasts,
// and returns its URL, without a slash at the end; the server knows it by that.
func (s *Server) HTTP(t testing.TB) string {
	t.Helper()
	site := httptest.NewUnstartedServer(s.Site)
	if proxies := s.Core.Announcing("http"); proxies != nil {
		site.Listener = c2s.WebListener(site.Listener, c2s.WebOptions{Max: 10_000, Proxies: proxies, Log: s.Core.Log})
		site.Config.ConnContext = c2s.WebContext
	}
	site.Start()
	t.Cleanup(site.Close)
	s.Core.SetSites(site.URL, "")
	return site.URL
}

// HTTPS is HTTP over TLS, with the certificate that TLS trusts.
func (s *Server) HTTPS(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: s.Site, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), ConnContext: c2s.WebContext}
	go srv.Serve(c2s.WebListener(l, c2s.WebOptions{TLS: s.Certs.Config("h2", "http/1.1"), Max: 10_000, Proxies: s.Core.Announcing("https"), Log: s.Core.Log}))
	t.Cleanup(func() { srv.Close() })
	return "https://" + l.Addr().String()
}
