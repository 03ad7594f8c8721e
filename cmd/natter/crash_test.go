package main

import (
	"bufio"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"natter/stanza"

	"github.com/xdg-go/scram"
)

var crashes = flag.Int("crashes", 20, "how often TestKill9 kills the server")

// TestKill9 kills the real server at random moments under load, starts it again,
// and checks in the end that every message it had acknowledged reached its
// recipient once and in order: recipients that are online and acknowledge,
// online and do not, away with a session to be resumed, and offline.
func TestKill9(t *testing.T) {
	if testing.Short() {
		t.Skip("kills the server for half a minute")
	}
	rig := newCrashRig(t)
	for round := range *crashes {
		rig.round(t, round)
	}
	rig.finish(t)
	rig.check(t)
}

// crashRig is a server that is killed and the clients that outlive it.
type crashRig struct {
	binary, dir, addr string
	cmd               *exec.Cmd
	senders           []*crashClient
	readers           map[string]*crashClient // by name of the recipient

	mu   sync.Mutex
	sent map[string]*crashSent // by message id
}

// message returns what is known of a message, nil if it is none of the test's.
func (r *crashRig) message(id string) *crashSent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent[id]
}

// crashSent is what became of one message.
type crashSent struct {
	to      string
	n       int // in the order of its sender and recipient
	from    string
	acked   bool   // the server acknowledged it
	resent  bool   // it was sent again after a crash, as it was not
	refused string // the error it came back with
}

var crashRecipients = []string{"online", "plain", "away", "offline"}

func newCrashRig(t *testing.T) *crashRig {
	dir := t.TempDir()
	rig := &crashRig{
		binary: filepath.Join(dir, "natter"), dir: filepath.Join(dir, "data"),
		readers: make(map[string]*crashClient), sent: make(map[string]*crashSent),
	}
	build := exec.Command("go", "build", "-o", rig.binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building natter: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rig.addr = l.Addr().String()
	l.Close()
	t.Cleanup(func() { rig.kill() })
	rig.start(t)
	for i := range 3 {
		c := &crashClient{rig: rig, user: "user" + strconv.Itoa(i+1), sm: true}
		rig.senders = append(rig.senders, c)
	}
	for i, name := range crashRecipients {
		rig.readers[name] = &crashClient{rig: rig, user: "user" + strconv.Itoa(i+4), sm: name == "online" || name == "away", presence: true}
	}
	return rig
}

// start runs the server and waits until it says that it is ready.
func (r *crashRig) start(t *testing.T) {
	t.Helper()
	r.cmd = exec.Command(r.binary, "serve", "--dev", "--data", r.dir, "--c2s", r.addr, "--c2s-tls", "off", "--http", "off", "--https", "off",
		"--no-limits", "--bench-accounts", "8")
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stderr = os.Stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for in := bufio.NewScanner(out); ; {
		if !in.Scan() {
			t.Fatal("the server ended before it was ready")
		}
		if in.Text() == "ready" {
			return
		}
	}
}

func (r *crashRig) kill() {
	if r.cmd != nil && r.cmd.ProcessState == nil {
		r.cmd.Process.Signal(syscall.SIGKILL)
		r.cmd.Wait()
	}
}

// round has the senders send until one of them has a random number of messages
// acknowledged, kills the server at that moment, and starts it again.
func (r *crashRig) round(t *testing.T, round int) {
	for _, c := range r.senders {
		c.connect(t)
	}
	for _, name := range []string{"online", "plain", "away"} {
		r.readers[name].connect(t)
	}
	if round%2 == 1 {
		r.visit(t, fmt.Sprintf("visit-%d", round))
	}
	r.catchUp(t, r.readers["away"], fmt.Sprintf("away-%d", round))
	r.readers["away"].cut() // it can be resumed, and will be
	var done sync.WaitGroup
	var once sync.Once
	limit := 1 + rand.IntN(400)
	for i, c := range r.senders {
		before := c.acked
		done.Go(func() {
			for n := 0; ; n++ {
				to := crashRecipients[n%len(crashRecipients)]
				id := fmt.Sprintf("%d-%d-%d", round, i, n)
				r.mu.Lock()
				r.sent[id] = &crashSent{to: to, from: c.user, n: c.next(to)}
				r.mu.Unlock()
				if err := c.message(r.readers[to].user, id); err != nil {
					return
				}
				if n%8 == 7 {
					acked, err := c.wait()
					if err != nil {
						return
					}
					if acked-before >= limit {
						once.Do(r.kill)
					}
				}
			}
		})
	}
	for _, name := range []string{"online", "plain"} {
		c := r.readers[name]
		done.Go(func() { c.readAll() })
	}
	done.Wait()
	for _, c := range append(r.senders, r.readers["online"], r.readers["plain"]) {
		c.cut()
	}
	r.start(t)
}

// visit lets the offline recipient fetch what waits for it, so that it does not
// come to more than the server keeps.
func (r *crashRig) visit(t *testing.T, id string) {
	c := r.readers["offline"]
	c.connect(t)
	r.catchUp(t, c, id)
	c.write("</stream:stream>")
	c.readAll()
	c.cut()
}

// catchUp reads what waits for a recipient, up to a message sent just now.
func (r *crashRig) catchUp(t *testing.T, c *crashClient, id string) {
	t.Helper()
	if err := r.senders[0].message(c.user, id); err != nil {
		t.Fatal(err)
	}
	if err := c.readUntil(id); err != nil {
		t.Fatalf("%s: %v", c.user, err)
	}
}

// finish logs everybody in once more, has what is not acknowledged sent again,
// and reads until a last message has arrived everywhere.
func (r *crashRig) finish(t *testing.T) {
	for _, c := range r.senders {
		c.connect(t)
		if err := c.settle(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range crashRecipients {
		c := r.readers[name]
		c.connect(t)
		r.catchUp(t, c, "last")
	}
	r.kill()
}

// check compares what was acknowledged with what arrived.
func (r *crashRig) check(t *testing.T) {
	acked, again := 0, 0
	for id, m := range r.sent {
		c := r.readers[m.to]
		ids := c.got[id]
		if m.acked {
			acked++
		}
		switch {
		case m.refused != "":
			t.Errorf("%s for %s was refused: %s", id, m.to, m.refused)
		case m.acked && len(ids) == 0:
			t.Errorf("%s for %s was acknowledged and never arrived", id, m.to)
		case len(ids) > 1 && !m.resent:
			t.Errorf("%s for %s arrived as %d messages: %v", id, m.to, len(ids), ids)
		}
		for stanzaID, n := range ids {
			if n > 1 && m.to != "plain" && m.acked && !m.resent {
				t.Errorf("%s for %s arrived %d times with the id %s", id, m.to, n, stanzaID)
			}
			if n > 1 {
				again++
			}
		}
	}
	for name, c := range r.readers {
		last := make(map[string]int)
		for _, id := range c.order {
			m := r.sent[id]
			if m == nil || m.resent {
				continue
			}
			if m.n < last[m.from] {
				t.Errorf("%s: %s from %s arrived after a later one", name, id, m.from)
			}
			last[m.from] = m.n
		}
	}
	t.Logf("%d kills, %d messages sent, %d acknowledged; %d arrived again under the same stanza-id", *crashes, len(r.sent), acked, again)
}

// crashClient is a client that loses its connection now and then and resumes.
type crashClient struct {
	rig      *crashRig
	user     string
	sm       bool
	presence bool

	conn    net.Conn
	sc      *stanza.Scanner
	buf     []byte
	resume  string   // resumption id, "" when there is no session to resume
	handled uint32   // stanzas received since <enabled/>
	base    uint32   // what the server has acknowledged
	unacked []string // ids of the stanzas sent since, "" for other stanzas
	bodies  map[string]string
	acked   int
	numbers map[string]int

	got   map[string]map[string]int // message id, stanza-id: how often
	order []string                  // ids of messages in the order they first arrived
}

func (c *crashClient) next(to string) int {
	if c.numbers == nil {
		c.numbers = make(map[string]int)
	}
	c.numbers[to]++
	return c.numbers[to]
}

func (c *crashClient) cut() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// connect logs in and resumes the session, or binds a new one.
func (c *crashClient) connect(t *testing.T) {
	t.Helper()
	if err := c.login(); err != nil {
		t.Fatalf("%s: %v", c.user, err)
	}
}

func (c *crashClient) login() error {
	c.cut()
	conn, err := net.Dial("tcp", c.rig.addr)
	if err != nil {
		return err
	}
	c.conn, c.buf = conn, nil
	c.sc = stanza.NewScanner(stanza.AfterLogin)
	if err := c.open(); err != nil {
		return err
	}
	client, err := scram.SHA256.NewClient(c.user, benchPassword, "")
	if err != nil {
		return err
	}
	conv := client.NewConversation()
	first, err := conv.Step("")
	if err != nil {
		return err
	}
	c.write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>" + encode64(first) + "</auth>")
	for !conv.Done() {
		st, err := c.read()
		if err != nil {
			return err
		}
		in, err := decode64(stanza.UnescapeText(st.Inner()))
		if err != nil {
			return fmt.Errorf("%s: %w", st.Raw, err)
		}
		out, err := conv.Step(in)
		if err != nil {
			return err
		}
		if out != "" {
			c.write("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + encode64(out) + "</response>")
		}
	}
	if err := c.open(); err != nil {
		return err
	}
	if c.resume != "" {
		c.write(fmt.Sprintf("<resume xmlns='urn:xmpp:sm:3' h='%d' previd='%s'/>", c.handled, c.resume))
		st, err := c.read()
		if err != nil {
			return err
		}
		if _, name := st.Name(); string(name) != "resumed" {
			return fmt.Errorf("not resumed: %s", st.Raw)
		}
		return c.resumed(st)
	}
	return c.bind()
}

func (c *crashClient) bind() error {
	c.write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>")
	if _, err := c.read(); err != nil {
		return err
	}
	if c.sm {
		c.write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
		st, err := c.read()
		if err != nil {
			return err
		}
		c.resume, _ = st.AttrString("", "id")
		c.handled, c.base, c.unacked = 0, 0, nil
	}
	if c.presence {
		c.stanza("", "<presence/>")
	}
	return nil
}

// resumed takes the server's count and sends again what it has not handled.
func (c *crashClient) resumed(st *stanza.Stanza) error {
	if err := c.ack(st); err != nil {
		return err
	}
	again := c.unacked
	c.unacked = nil
	for _, id := range again {
		if id == "" {
			c.stanza("", "<presence/>")
			continue
		}
		if m := c.rig.message(id); m != nil {
			m.resent = true
		}
		c.stanza(id, c.bodies[id])
	}
	return nil
}

func (c *crashClient) open() error {
	c.sc.Restart()
	c.write("<stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
	_, err := c.read()
	return err
}

func (c *crashClient) write(s string) error {
	c.conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err := io.WriteString(c.conn, s)
	return err
}

// stanza sends a stanza and remembers it until it is acknowledged.
func (c *crashClient) stanza(id, s string) error {
	if c.sm {
		c.unacked = append(c.unacked, id)
	}
	return c.write(s)
}

func (c *crashClient) message(to, id string) error {
	s := fmt.Sprintf("<message to='%s@localhost' type='chat' id='%s'><body>%s</body></message>", to, id, id)
	if c.bodies == nil {
		c.bodies = make(map[string]string)
	}
	c.bodies[id] = s
	return c.stanza(id, s)
}

// wait asks for an acknowledgement and returns how many messages have one.
func (c *crashClient) wait() (int, error) {
	if err := c.write("<r xmlns='urn:xmpp:sm:3'/>"); err != nil {
		return 0, err
	}
	for want := c.base + uint32(len(c.unacked)); int32(c.base-want) < 0; {
		if _, err := c.read(); err != nil {
			return 0, err
		}
	}
	return c.acked, nil
}

func (c *crashClient) settle() error {
	_, err := c.wait()
	return err
}

func (c *crashClient) ack(st *stanza.Stanza) error {
	raw, _ := st.AttrString("", "h")
	h, err := strconv.ParseUint(raw, 10, 32)
	if err != nil {
		return err
	}
	n := uint32(h) - c.base
	if int(n) > len(c.unacked) {
		return fmt.Errorf("%d acknowledged, %d sent", n, len(c.unacked))
	}
	for _, id := range c.unacked[:n] {
		if m := c.rig.message(id); m != nil {
			m.acked = true
			c.acked++
		}
	}
	c.unacked = c.unacked[n:]
	c.base = uint32(h)
	return nil
}

// read reads the next element, counting and answering as stream management asks.
func (c *crashClient) read() (*stanza.Stanza, error) {
	for {
		for len(c.buf) > 0 {
			ev, n, err := c.sc.Next(c.buf)
			if err != nil {
				return nil, err
			}
			var st *stanza.Stanza
			if ev == stanza.Element {
				st = c.sc.Stanza.Clone()
			}
			c.buf = c.buf[n:]
			switch ev {
			case stanza.StreamClose:
				return nil, io.EOF
			case stanza.Element:
				if !c.note(st) {
					return st, nil
				}
				continue
			}
			if ev == stanza.More {
				break
			}
		}
		b := make([]byte, 16<<10)
		c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := c.conn.Read(b)
		if n == 0 && err != nil {
			return nil, err
		}
		c.buf = append(c.buf, b[:n]...)
	}
}

// note handles what is not for the caller; it reports whether st was that.
func (c *crashClient) note(st *stanza.Stanza) bool {
	_, name := st.Name()
	switch string(name) {
	case "r":
		c.write(fmt.Sprintf("<a xmlns='urn:xmpp:sm:3' h='%d'/>", c.handled))
		return true
	case "a":
		c.ack(st)
		return false
	case "message", "presence", "iq":
		if c.resume != "" {
			c.handled++
		}
	}
	if m := c.rig.message(st.IDString()); m != nil && st.Type == stanza.TypeError {
		m.refused = string(st.Raw)
	}
	if st.Kind == stanza.Message && st.Type != stanza.TypeError {
		if c.got == nil {
			c.got = make(map[string]map[string]int)
		}
		id := st.IDString()
		if c.got[id] == nil {
			c.got[id] = make(map[string]int)
			c.order = append(c.order, id)
		}
		sid := ""
		if e, ok := st.Child("urn:xmpp:sid:0", "stanza-id"); ok {
			sid, _ = st.ChildAttr(e, "id")
		}
		c.got[id][sid]++
	}
	return false
}

// readAll reads until the connection ends.
func (c *crashClient) readAll() {
	for {
		if _, err := c.read(); err != nil {
			return
		}
	}
}

func (c *crashClient) readUntil(id string) error {
	for {
		st, err := c.read()
		if err != nil {
			return err
		}
		if st.Kind == stanza.Message && st.IDString() == id {
			return nil
		}
	}
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func decode64(s string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil {
		return "", err
	}
	return string(b), nil
}
