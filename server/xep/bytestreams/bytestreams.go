// Package bytestreams implements the proxy of XEP-0065 SOCKS5 Bytestreams, version
// 1.8.2: two clients that cannot reach each other hand files through the server.
// Accounts of the server alone may use it, and what is relayed is what one of them
// has activated: it is no open proxy, it connects to nobody.
package bytestreams

import (
	"crypto/sha1"
	"encoding/hex"
	"net"
	"strconv"

	"natter/server"
	"natter/server/xep/disco"
	"natter/stanza"
)

const ns = "http://jabber.org/protocol/bytestreams"

type module struct {
	host  *server.Host
	proxy *proxy
	jid   string // of the service
	at    string // where clients connect: a name or address
	port  int
}

// New makes the module. The first host of a server has the proxy, if its address can
// be had; the others name it.
func New(h *server.Host) *server.Module {
	srv := h.Server
	mod := &server.Module{
		Name: "bytestreams", XEP: "0065 1.8.2", Summary: "clients that cannot reach each other pass files through the server",
	}
	addr := srv.Config.Bytestreams
	first := srv.Config.Domains[0]
	if addr == "" || addr == "off" {
		return mod
	}
	if h.Name != first {
		mod.Items = []server.Item{{JID: "proxy." + first, Name: "File transfer proxy"}}
		return mod
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		srv.Log.Warn("no proxy for file transfers (bytestreams)", "err", err)
		return mod
	}
	m := &module{host: h, jid: "proxy." + h.Name, proxy: newProxy(srv)}
	m.at, m.port = public(ln.Addr(), h.Name)
	m.proxy.serve(ln)
	mod.Service = &server.Service{Prefix: "proxy", Name: "File transfer proxy", Route: h.Requests(m.answer)}
	return mod
}

// public returns where a listener is reached: at the address it has, or by the
// host's name where it has all of the machine's.
func public(addr net.Addr, name string) (string, int) {
	tcp := addr.(*net.TCPAddr)
	if tcp.IP.IsUnspecified() {
		return name, tcp.Port
	}
	return tcp.IP.String(), tcp.Port
}

func (m *module) answer(q *server.IQ) error {
	st := q.Stanza
	get := st.Type == stanza.Get
	switch {
	case get && st.ChildIs(q.Payload, disco.NSInfo, "query"):
		q.Reply(q.Turn, disco.Query(disco.NSInfo, "", disco.AppendInfo(nil,
			[]server.Identity{{Category: "proxy", Type: "bytestreams", Name: "File transfer proxy"}}, []string{disco.NSInfo, ns})))
		return nil
	case get && st.ChildIs(q.Payload, disco.NSItems, "query"):
		q.Reply(q.Turn, disco.Query(disco.NSItems, "", nil))
		return nil
	case !st.ChildIs(q.Payload, ns, "query"):
		return stanza.ServiceUnavailable("the proxy does not answer that")
	case q.Session() == nil:
		return stanza.Forbidden("the proxy is for accounts of this server") // §4
	case get:
		b := stanza.AppendOpen(nil, "query", "xmlns", ns)
		b = stanza.AppendEmpty(b, "streamhost", "jid", m.jid, "host", m.at, "port", strconv.Itoa(m.port))
		q.Reply(q.Turn, stanza.AppendClose(b, "query"))
		return nil
	}
	return m.activate(q)
}

// activate joins the two connections of a bytestream (§6.3.5).
func (m *module) activate(q *server.IQ) error {
	sid, _ := q.Stanza.ChildAttr(q.Payload, "sid")
	c, ok := q.Stanza.Find(q.Payload, ns, "activate")
	if sid == "" || !ok {
		return stanza.BadRequest("name the stream in 'sid' and its target in <activate/>")
	}
	target, err := stanza.ParseJID(q.Stanza.Text(c))
	if err != nil {
		return stanza.JIDMalformed("the target is not an address")
	}
	if err := m.proxy.activate(address(sid, q.Origin.JID, target), q.Session().Account.Bare); err != nil {
		return err
	}
	q.Reply(q.Turn, nil)
	return nil
}

// address is the DST.ADDR of a stream (§5.3.2).
func address(sid string, requester, target stanza.JID) string {
	sum := sha1.Sum([]byte(sid + requester.String() + target.String()))
	return hex.EncodeToString(sum[:])
}
