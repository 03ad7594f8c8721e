package c2s_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

// disk is what the store believes to be its disk.
type disk struct {
	mu    sync.Mutex
	open  chan struct{} // closed while it works
	err   error         // what a transaction ends with that has come through
	calls int
}

func newDisk() *disk {
	d := &disk{open: make(chan struct{})}
	close(d.open)
	return d
}

func (d *disk) options() store.Options { return store.Options{Gate: d.gate} }

func (d *disk) gate() error {
	d.mu.Lock()
	open := d.open
	d.calls++
	d.mu.Unlock()
	<-open
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// stall has transactions wait until mend or fail.
func (d *disk) stall() {
	d.mu.Lock()
	d.open = make(chan struct{})
	d.mu.Unlock()
}

func (d *disk) mend() { d.fail(nil) }

// fail has transactions fail until mend, those that wait among them.
func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
	select {
	case <-d.open:
	default:
		close(d.open)
	}
}

// fault is a way in which a disk lets the store down.
type fault struct {
	what  string
	start func(f *faulty, t *testing.T)
	later error // with which a stalled disk goes on
	stall bool
	real  bool // SQLite itself refuses, whatever takes room
}

var errReadOnly = errors.New("attempt to write a readonly database (8)")

var faults = []fault{
	{what: "a full disk", real: true, start: (*faulty).fill},
	{what: "a read-only disk", start: func(f *faulty, _ *testing.T) { f.disk.fail(errReadOnly) }},
	{what: "a stalled disk that goes on", stall: true, start: func(f *faulty, _ *testing.T) { f.disk.stall() }},
	{what: "a stalled disk that fails", stall: true, later: errReadOnly, start: func(f *faulty, _ *testing.T) { f.disk.stall() }},
}

// faulty is a server with such a disk, and tybalt, who acknowledges, on it.
type faulty struct {
	*servertest.Server
	disk   *disk
	tybalt *servertest.Client
	sent   int // stanzas of tybalt's since <enable/>

	benvolio string // the id by which his session, which has no connection, is resumed
	romeo    *servertest.Client
}

// large is more than the remains of a page that a full disk has.
var large = strings.Repeat("x", 8000)

// deed is what tybalt asks of the server and has to be told of if it is not done.
type deed struct {
	what string
	does string
	// done looks, with the disk mended, whether it has been done.
	done func(t *testing.T, f *faulty) bool
	// live is set for what is delivered before it is stored: the sender may be told
	// to wait though the recipient has it. It is never the other way round.
	live bool
	// prepare runs before the disk fails.
	prepare func(t *testing.T, f *faulty)
	// stranger: it is asked for on a stream that has not logged in.
	stranger bool
}

var deeds = []deed{
	{what: "a message to somebody online", live: true,
		does: "<message id='x' to='romeo@localhost' type='chat'><body>hello</body><pad xmlns='a:b'>" + large + "</pad></message>",
		done: func(t *testing.T, f *faulty) bool { return holds(f.take(t, f.romeo), "<body>hello</body>") }},
	{what: "a message to somebody offline",
		does: "<message id='x' to='mercutio@localhost' type='chat'><body>hello</body><pad xmlns='a:b'>" + large + "</pad></message>",
		done: func(t *testing.T, f *faulty) bool {
			c := f.Online(t, "mercutio@localhost/look")
			defer c.Close()
			return holds(f.take(t, c), "<body>hello</body>")
		}},
	{what: "a message to a session that may be resumed", live: true,
		does: "<message id='x' to='benvolio@localhost' type='chat'><body>hello</body><pad xmlns='a:b'>" + large + "</pad></message>",
		done: func(t *testing.T, f *faulty) bool {
			c := f.Authenticated(t, "benvolio@localhost")
			c.Send(resume(f.benvolio, 1)) // he has got his own presence
			return holds(f.take(t, c), "<body>hello</body>")
		}},
	{what: "a new contact",
		does: "<iq id='x' type='set'><query xmlns='jabber:iq:roster'><item jid='paris@localhost' name='County " + large[:900] + "'/></query></iq>",
		done: func(t *testing.T, f *faulty) bool { return f.roster(t, "tybalt", "paris@localhost") }},
	{what: "the removal of a contact",
		prepare: func(t *testing.T, f *faulty) {
			f.asks(t, "<iq id='p' type='set'><query xmlns='jabber:iq:roster'><item jid='paris@localhost'/></query></iq>", "p")
		},
		does: "<iq id='x' type='set'><query xmlns='jabber:iq:roster'><item jid='paris@localhost' subscription='remove'/></query></iq>",
		done: func(t *testing.T, f *faulty) bool { return !f.roster(t, "tybalt", "paris@localhost") }},
	{what: "private XML",
		does: "<iq id='x' type='set'><query xmlns='jabber:iq:private'><note xmlns='a:b'>" + large + "</note></query></iq>",
		done: func(t *testing.T, f *faulty) bool {
			return holds(f.look(t, "tybalt", "<iq id='l' type='get'><query xmlns='jabber:iq:private'><note xmlns='a:b'/></query></iq>"), large)
		}},
	{what: "a vCard",
		does: "<iq id='x' type='set'><vCard xmlns='vcard-temp'><DESC>" + large + "</DESC></vCard></iq>",
		done: func(t *testing.T, f *faulty) bool {
			return holds(f.look(t, "tybalt", "<iq id='l' type='get'><vCard xmlns='vcard-temp'/></iq>"), large)
		}},
	{what: "a request to see somebody's presence",
		does: "<presence id='x' to='romeo@localhost' type='subscribe'><status>" + large + "</status></presence>",
		done: func(t *testing.T, f *faulty) bool { return asked(t, f, "romeo") }},
	{what: "the approval of a request",
		prepare: func(t *testing.T, f *faulty) {
			f.romeo.Send("<presence id='p' to='tybalt@localhost' type='subscribe'/>")
			synctest.Wait()
			f.tybalt.Expect("<presence from='romeo@localhost' type='subscribe'/>")
		},
		does: "<presence id='x' to='romeo@localhost' type='subscribed'/>",
		done: func(t *testing.T, f *faulty) bool {
			return f.roster(t, "romeo", "jid='tybalt@localhost' subscription='to'") && f.roster(t, "tybalt", "jid='romeo@localhost' subscription='from'")
		}},
	{what: "a block",
		does: "<iq id='x' type='set'><block xmlns='urn:xmpp:blocking'><item jid='paris@localhost'/></block></iq>",
		done: func(t *testing.T, f *faulty) bool {
			return holds(f.look(t, "tybalt", "<iq id='l' type='get'><blocklist xmlns='urn:xmpp:blocking'/></iq>"), "paris@localhost")
		}},
	{what: "a new password",
		does: "<iq id='x' type='set' to='localhost'><query xmlns='jabber:iq:register'><username>tybalt</username><password>changed</password></query></iq>",
		done: func(t *testing.T, f *faulty) bool { return f.password(t, "tybalt", "changed") }},
	{what: "the removal of the account",
		does: "<iq id='x' type='set' to='localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>",
		done: func(t *testing.T, f *faulty) bool { return !f.password(t, "tybalt", servertest.Password) }},
	{what: "a new account", stranger: true,
		does: "<iq id='x' type='set' to='localhost'><query xmlns='jabber:iq:register'><username>paris</username><password>fresh</password></query></iq>",
		done: func(t *testing.T, f *faulty) bool { return f.password(t, "paris", "fresh") }},
}

// TestStoreFailure: whatever a disk does, each thing asked for is either done, or
// answered with an error of type wait and not done, so that trying again later is
// right (RFC 6120 §8.3.3.6, §8.3.3.18); and nothing is acknowledged (XEP-0198 §4) or answered
// before that is known. Once the disk works again, so does the deed.
func TestStoreFailure(t *testing.T) {
	for _, bad := range faults {
		for _, d := range deeds {
			t.Run(bad.what+", "+d.what, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { letDown(t, bad, d) })
			})
		}
	}
}

func letDown(t *testing.T, bad fault, d deed) {
	f := newFaulty(t)
	if d.prepare != nil {
		d.prepare(t, f)
	}
	from := f.tybalt
	if d.stranger {
		from = f.Connect(t)
	}
	f.take(t, from)
	f.take(t, f.romeo)
	bad.start(f, t)
	before := f.sent
	f.says(d.stranger, from, d.does)
	got := f.take(t, from)
	e := refusalOf(got)
	if bad.stall {
		// It has been silent for longer than a read may take. What is said so late that
		// it is not done has to be right, and nothing else may be said.
		if holds(got, " type='result'") {
			t.Fatalf("with the disk stalled, the answer is %q", got)
		}
		if n := acked(got); n > before && e == "" {
			t.Fatalf("%d stanzas are acknowledged; the disk has seen %d", n, before)
		}
		if f.disk.fail(bad.later); e == "" {
			got = f.take(t, from)
			if e = refusalOf(got); e != "" && bad.later == nil {
				t.Errorf("the disk went on and the answer is %s", e)
			}
		}
	}
	switch {
	case e == "" && bad.stall && bad.later == nil: // done, as is looked at below
	case e == "" && !bad.real:
		t.Errorf("nothing was stored and the sender was told %q", got)
	case e != "" && !(strings.Contains(e, "type='wait'") && strings.Contains(e, " id='x'")):
		t.Errorf("the answer is %s", e)
	case e == "" && strings.Contains(d.does, large):
		t.Errorf("%d bytes were taken to a full disk: %q", len(d.does), got)
	}
	if !d.stranger {
		if n := acked(got); n >= 0 && n < before+1 && !holds(got, "<stream:error>") {
			t.Errorf("what was answered is not acknowledged: %d of %d", n, before+1)
		}
	}

	f.mend()
	switch done := d.done(t, f); {
	case done && e != "" && !d.live:
		t.Error("it was done, though refused")
	case !done && e == "":
		t.Error("it was neither done nor refused")
	}
	if e == "" {
		return
	}
	f.take(t, from)
	f.says(d.stranger, from, d.does)
	if got := f.take(t, from); refusalOf(got) != "" {
		t.Errorf("with the disk mended, the answer is %q", got)
	} else if !d.live && !d.done(t, f) {
		t.Error("with the disk mended, it is not done")
	}
}

func newFaulty(t *testing.T) *faulty {
	f := &faulty{disk: newDisk()}
	o := servertest.Options{Config: server.Config{Register: true, LoginTimeout: time.Hour}, Store: f.disk.options(), Log: t.Output()}
	o.Store.Path = filepath.Join(t.TempDir(), "natter.db")
	f.Server = servertest.New(t, o)
	t.Cleanup(f.disk.mend)
	f.Account(t, "mercutio@localhost")
	f.romeo = f.Online(t, "romeo@localhost/garden")
	benvolio := f.Online(t, "benvolio@localhost/street")
	benvolio.Send(enableRe)
	f.benvolio = between(benvolio.Expect("<enabled xmlns='urn:xmpp:sm:3' resume='true' id='{scansion:any}' max='{scansion:any}'/>"), " id='", "'")
	benvolio.Send("<presence/>")
	benvolio.Expect("<presence/>")
	benvolio.Conn.Close()
	f.tybalt = f.Online(t, "tybalt@localhost/street")
	f.tybalt.Send(enableSM)
	f.tybalt.Expect("<enabled xmlns='urn:xmpp:sm:3'/>")
	synctest.Wait()
	return f
}

// fill leaves no free page on the disk.
func (f *faulty) fill(t *testing.T) {
	f.Store.SetMaxBytes(4096) // no more than it has
	for size := 4000; size > 0; size /= 2 {
		for i := 0; ; i++ {
			var b store.Batch
			b.Put(store.Doc{Key: store.Key{Host: "filler", Kind: fmt.Sprint(size), Key: fmt.Sprint(i)}, Data: make([]byte, size)})
			if err := f.Store.CommitWait(context.Background(), &b); err != nil {
				if !strings.Contains(err.Error(), "full") {
					t.Fatal(err)
				}
				break
			}
		}
	}
}

func (f *faulty) mend() {
	f.disk.mend()
	f.Store.SetMaxBytes(0)
	synctest.Wait()
}

// says sends a stanza, and asks how many have been handled.
func (f *faulty) says(stranger bool, from *servertest.Client, stanza string) {
	if stranger {
		from.Send(stanza)
		return
	}
	f.sent++
	from.Send(stanza, askAck)
}

// asks has tybalt send a request and waits for its result.
func (f *faulty) asks(t *testing.T, request, id string) {
	t.Helper()
	f.says(false, f.tybalt, request)
	if got := f.take(t, f.tybalt); !holds(got, " id='"+id+"' type='result'") {
		t.Fatalf("answered %q", got)
	}
}

// take returns what a client is sent until nothing more comes.
func (f *faulty) take(t *testing.T, c *servertest.Client) (got []string) {
	t.Helper()
	for {
		e, err := c.Read() // for as long as it is patient; the bubble's time is not ours
		if err != nil {
			return got
		}
		got = append(got, e)
	}
}

// look asks as somebody, on a connection of his own.
func (f *faulty) look(t *testing.T, user, request string) []string {
	t.Helper()
	c := f.Login(t, user+"@localhost/look")
	c.Send(request)
	got := []string{c.Next()}
	c.Close()
	return got
}

// roster reports whether somebody's contact list holds some text.
func (f *faulty) roster(t *testing.T, user, text string) bool {
	t.Helper()
	return holds(f.look(t, user, "<iq id='l' type='get'><query xmlns='jabber:iq:roster'/></iq>"), text)
}

// asked reports whether somebody is shown tybalt's request when he comes online
// (RFC 6121 §3.1.3), and tybalt that he has asked.
func asked(t *testing.T, f *faulty, user string) bool {
	t.Helper()
	c := f.Online(t, user+"@localhost/look")
	shown := holds(f.take(t, c), "type='subscribe'")
	c.Close()
	if asks := f.roster(t, "tybalt", "ask='subscribe'"); asks != shown {
		t.Errorf("tybalt waits for an answer: %v; the contact knows of it: %v", asks, shown)
	}
	return shown
}

// password reports whether somebody can log in so.
func (f *faulty) password(t *testing.T, user, password string) bool {
	t.Helper()
	p := newPeer(t, f.Dial())
	defer p.Close()
	p.open()
	return strings.HasPrefix((&scram{user: user, password: password}).run(p), "<success ")
}

func holds(list []string, text string) bool {
	return strings.Contains(strings.Join(list, ""), text)
}

// refusalOf returns the error stanza in what was received.
func refusalOf(list []string) string {
	for _, e := range list {
		if strings.Contains(e, "type='error'") {
			return e
		}
	}
	return ""
}

// acked is the last count of handled stanzas in what was received, -1 without.
func acked(list []string) int {
	n := -1
	for _, e := range list {
		fmt.Sscanf(e, "<a xmlns='urn:xmpp:sm:3' h='%d'", &n)
	}
	return n
}
