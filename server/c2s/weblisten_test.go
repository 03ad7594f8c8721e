package c2s

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/proxy"
)

// from is a pipe's end with the address of a socket.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.addr))
}

type listenerOf chan net.Conn

func (l listenerOf) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l listenerOf) Close() error   { close(l); return nil }
func (l listenerOf) Addr() net.Addr { return pipeAddr("pipe") }

// TestSlowProxyHeaderOverHTTP: a proxy that does not say who the client is holds up
// nobody else, and not for long.
func TestSlowProxyHeaderOverHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxies, err := proxy.ParseNetworks([]string{"10.0.0.7"})
		if err != nil {
			t.Fatal(err)
		}
		conns := make(listenerOf)
		srv := &http.Server{ConnContext: WebContext, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, announced := Announced(r.Context())
			if announced != (r.RemoteAddr == "192.0.2.1:4711") {
				t.Errorf("a request from %s: announced %v", r.RemoteAddr, announced)
			}
			io.WriteString(w, r.RemoteAddr)
		})}
		go srv.Serve(WebListener(conns, WebOptions{Max: 10, Proxies: proxies}))
		defer srv.Close()
		ask := func(addr, first string) (answer string, after time.Duration) {
			client, server := Pipe()
			defer client.Close()
			began := time.Now()
			conns <- from{server, addr}
			io.WriteString(client, first)
			b, _ := io.ReadAll(client)
			return string(b), time.Since(began)
		}
		const get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
		slow := make(chan time.Duration)
		go func() {
			said, after := ask("[::ffff:10.0.0.7]:40000", "PROXY TCP4 192.0.2.1")
			if said != "" {
				t.Errorf("a slow header is answered %q", said)
			}
			slow <- after
		}()
		synctest.Wait()
		for _, row := range []struct{ addr, first, want string }{
			{"10.0.0.7:40000", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n" + get, "HTTP/1.1 200 OK"},
			{"10.0.0.8:40000", get, "HTTP/1.1 200 OK"},
			{"10.0.0.7:40000", get, ""},
			{"10.0.0.8:40000", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n" + get, "HTTP/1.1 400 Bad"},
		} {
			said, after := ask(row.addr, row.first)
			if len(said) < len(row.want) || said[:len(row.want)] != row.want || row.want == "" && said != "" || after > 0 {
				t.Errorf("%s, %q: after %v %q", row.addr, row.first, after, said)
			}
		}
		if after := <-slow; after != announceTime {
			t.Errorf("a slow header is refused after %v", after)
		}
	})
}
