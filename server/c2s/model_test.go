package c2s_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

var (
	models = flag.Int("models", 12, "how many random histories TestRandomDrops plays")
	seed   = flag.Uint64("seed", 0, "the first history's seed, random if 0")
)

// device is a client with stream management that keeps its side of XEP-0198: it
// counts what it gets, keeps what was not acknowledged, and sends that again when
// it resumes. It is also the model: what it must have received follows from what
// the other has sent.
type device struct {
	m     *history
	user  string
	p     *peer // nil without a connection
	id    string
	h     uint32   // stanzas received
	out   []string // stanzas that were not acknowledged
	base  uint32   // … and how many were
	sent  int      // messages
	got   int      // messages, all of them in order
	seen  int      // … of which the server knows that they were received
	pings int
}

// history is one run of the model.
type history struct {
	t    *testing.T
	r    *rand.Rand
	srv  *servertest.Server
	opts servertest.Options
	log  []string
	devs [2]*device
}

func (m *history) fatalf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nafter\n%s", fmt.Sprintf(format, args...), strings.Join(m.log, "\n"))
}

func (m *history) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

// TestRandomDrops plays random histories of sending, acknowledging, losing the
// connection, resuming, giving the session up and restarting the server, and
// checks after each step that every message arrived once and in order.
func TestRandomDrops(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64N(1 << 32)
	}
	for i := range *models {
		seed := first + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { play(t, seed) })
	}
}

func play(t *testing.T, seed uint64) {
	m := &history{t: t, r: rand.New(rand.NewPCG(seed, 0))}
	m.opts = servertest.Options{Strict: true, Config: server.Config{Dev: true, Archive: seed%2 == 0, NoLimits: true}}
	m.opts.Store = store.Options{Path: filepath.Join(t.TempDir(), "natter.db")}
	m.start()
	defer func() { m.srv.Close() }()
	for i, user := range []string{"juliet", "romeo"} {
		m.srv.Account(t, user+"@localhost")
		m.devs[i] = &device{m: m, user: user}
		m.devs[i].login()
	}
	for range 60 {
		d := m.devs[m.r.IntN(2)]
		switch n := m.r.IntN(100); {
		case n < 40:
			for range 1 + m.r.IntN(5) {
				d.say()
			}
		case n < 55:
			d.sync()
		case n < 65:
			d.ack()
		case n < 75:
			d.drop()
		case n < 90:
			d.back()
		case n < 94:
			d.supersede()
		case n < 97:
			d.giveUp()
		default:
			m.restart()
		}
	}
	for _, d := range m.devs {
		d.back()
	}
	for i, d := range m.devs {
		other := m.devs[1-i]
		other.sync()
		m.note("%s awaits %d, has %d", d.user, other.sent, d.got)
		for d.got < other.sent {
			d.take(d.read())
		}
		d.sync()
		if d.got != other.sent {
			m.fatalf("%s received %d of %d messages", d.user, d.got, other.sent)
		}
	}
	for _, d := range m.devs {
		d.p.Close()
	}
}

func (m *history) start() {
	srv, err := servertest.Start(m.opts, m.t.Output())
	if err != nil {
		m.fatalf("starting: %v", err)
	}
	m.srv = srv
}

// restart stops the server as SIGTERM does and starts it again.
func (m *history) restart() {
	m.note("the server is restarted")
	for _, d := range m.devs {
		d.drop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m.srv.Clients.Shutdown(ctx)
	m.srv.Close()
	m.start()
}

func (d *device) other() *device {
	if d == d.m.devs[0] {
		return d.m.devs[1]
	}
	return d.m.devs[0]
}

// stanza sends a stanza, or keeps it until there is a connection.
func (d *device) stanza(s string) {
	d.out = append(d.out, s)
	if d.p != nil {
		d.p.send(s)
	}
}

func (d *device) say() {
	d.m.note("%s says %d", d.user, d.sent)
	d.stanza(chat(d.other().user+"@localhost", strconv.Itoa(d.sent)))
	d.sent++
}

func (d *device) read() string {
	_, raw, err := d.p.event()
	if err != nil {
		d.m.fatalf("%s, reading: %v", d.user, err)
	}
	return raw
}

// take handles one element.
func (d *device) take(raw string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(raw, "<"), " ")
	switch name {
	case "r":
		return // answered now and then by ack
	case "a":
		d.acknowledged(between(raw, " h='", "'"))
		return
	case "iq", "presence":
		d.h++
		return
	case "message":
	default:
		d.m.fatalf("%s received %s", d.user, raw)
	}
	d.h++
	if strings.Contains(raw, "type='error'") {
		d.m.fatalf("%s received %s", d.user, raw)
	}
	n, err := strconv.Atoi(between(raw, "<body>", "</body>"))
	if err != nil || n != d.got {
		d.m.fatalf("%s received message %d in place of %d: %s", d.user, n, d.got, raw)
	}
	d.m.note("%s receives %d", d.user, n)
	d.got++
}

func (d *device) acknowledged(raw string) {
	h, err := strconv.ParseUint(raw, 10, 32)
	n := uint32(h) - d.base
	if err != nil || int64(n) > int64(len(d.out)) {
		d.m.fatalf("%s sent %d stanzas and is told of %s", d.user, d.base+uint32(len(d.out)), raw)
	}
	d.out, d.base = d.out[n:], d.base+n
}

// sync waits until the server has handled everything, and takes what came.
func (d *device) sync() {
	if d.p == nil {
		return
	}
	d.pings++
	id := fmt.Sprint("ping", d.pings)
	d.stanza("<iq type='get' id='" + id + "' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
	d.p.send(askAck)
	for {
		raw := d.read()
		d.take(raw)
		if strings.HasPrefix(raw, "<iq ") && strings.Contains(raw, `"`+id+`"`) {
			return
		}
	}
}

// ack acknowledges all that came; the server knows when it is back.
func (d *device) ack() {
	if d.p == nil {
		return
	}
	d.sync()
	d.m.note("%s acknowledges %d: %d messages", d.user, d.h, d.got)
	d.p.send(ack(d.h))
	seen := d.got
	d.sync()
	d.seen = seen
}

// drop loses the connection.
func (d *device) drop() {
	if d.p == nil {
		return
	}
	d.m.note("%s loses the connection", d.user)
	d.p.Close()
	d.p = nil
}

// connect logs in, up to the point where a session is resumed or bound.
func (d *device) connect() {
	d.p = newPeer(d.m.t, d.m.srv.Dial())
	d.p.open()
	d.p.login(d.user)
}

// login begins a new session: what the old one had not acknowledged comes again.
func (d *device) login() {
	d.connect()
	d.p.bind("device")
	d.p.send(enableRe)
	d.id = between(d.p.expect("<enabled "), " id='", "'")
	d.h, d.got = 0, d.seen
	d.m.note("%s logs in and begins at message %d", d.user, d.got)
	d.p.send("<presence/>")
	d.out, d.base = append(d.out, "<presence/>"), 0
}

// back resumes the session.
func (d *device) back() {
	if d.p == nil {
		d.resume()
	}
}

func (d *device) resume() {
	d.connect()
	d.m.note("%s resumes, having received %d stanzas", d.user, d.h)
	d.p.send(resume(d.id, d.h))
	got := d.p.next()
	if !strings.HasPrefix(got, "<resumed ") {
		d.m.fatalf("%s resumes and is told %s", d.user, got)
	}
	d.seen = d.got
	d.acknowledged(between(got, " h='", "'"))
	for _, s := range d.out {
		d.p.send(s)
	}
}

// supersede resumes while the old connection still stands.
func (d *device) supersede() {
	if d.p == nil {
		return
	}
	old := d.p
	d.m.note("%s gets another network", d.user)
	d.resume()
	old.Close()
}

// giveUp forgets the session and begins anew, as after a crash; only once it is
// known that what was sent has been handled, as a client could not tell else.
func (d *device) giveUp() {
	d.back()
	d.sync()
	for len(d.out) > 0 {
		d.p.send(askAck)
		d.take(d.read())
	}
	if d.m.r.IntN(2) == 0 {
		d.drop()
	}
	old := d.p
	d.m.note("%s crashes", d.user)
	d.login()
	if old != nil {
		old.Close()
	}
}
