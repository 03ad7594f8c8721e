package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
)

func read(t *testing.T, url string) (string, http.Header) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return string(b), resp.Header
}

func TestHostMetaSaysWhereToConnect(t *testing.T) {
	srv := servertest.New(t)
	url := srv.HTTP(t)
	ws, bosh := "ws"+strings.TrimPrefix(url, "http")+"/xmpp-websocket", url+"/http-bind"
	got, header := read(t, url+"/.well-known/host-meta")
	for _, want := range []string{
		`<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">`,
		`rel="urn:xmpp:alt-connections:websocket" href="` + ws + `"`,
		`rel="urn:xmpp:alt-connections:xbosh" href="` + bosh + `"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if header.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(header.Get("Content-Type"), "application/xrd+xml") {
		t.Errorf("headers %v", header)
	}
	got, header = read(t, url+"/.well-known/host-meta.json")
	var v struct {
		XMPP  map[string]any
		Links []struct{ Rel, Href string }
	}
	if err := json.Unmarshal([]byte(got), &v); err != nil || v.XMPP != nil || len(v.Links) != 2 || v.Links[0].Href != ws || v.Links[1].Href != bosh {
		t.Errorf("%s: %v", got, err)
	}
	if header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", header)
	}
}

func TestHostMeta2NeedsAddresses(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Config: server.Config{PublicURL: "https://chat.example.org", PublicAddresses: []string{"198.51.100.7"}}})
	srv.Core.SetDirectTLS(5223)
	got, _ := read(t, srv.HTTP(t)+"/.well-known/host-meta.json")
	var v struct {
		XMPP  struct{ TTL int }
		Links []struct {
			Rel, Href, SNI   string
			Port             int
			Priority, Weight *int
			IPs              []string
		}
	}
	if err := json.Unmarshal([]byte(got), &v); err != nil || v.XMPP.TTL <= 0 || len(v.Links) != 3 {
		t.Fatalf("%s: %v", got, err)
	}
	if l := v.Links[0]; l.Href != "wss://chat.example.org/xmpp-websocket" || l.SNI != "chat.example.org" || l.Priority == nil || l.Weight == nil || len(l.IPs) != 1 {
		t.Errorf("WebSocket: %+v", l)
	}
	if l := v.Links[2]; l.Rel != "urn:xmpp:alt-connections:tls" || l.Port != 5223 || l.SNI != "localhost" || l.Href != "" {
		t.Errorf("direct TLS: %+v", l)
	}
}
