package c2s_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
)

// TestShutdown closes every stream with system-shutdown (RFC 6120 §4.9.3.21),
// whatever state it is in, and ends when the clients have closed their side.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t, servertest.New(t))
		early := w.dial(t)
		early.open()
		silent := w.dial(t)
		bound := w.bound(t, "tybalt", "street")
		over, _ := w.secured(t, 0)
		over.login("juliet")
		over.bind("tls")
		resumable := w.bound(t, "mercutio", "street")
		resumable.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
		resumable.expect("<enabled ")

		var all sync.WaitGroup
		began := time.Now()
		all.Go(func() { w.Clients.Shutdown(context.Background()) })
		for _, p := range []*peer{early, bound, over, resumable} {
			p.fails("system-shutdown")
		}
		if _, err := silent.Read(make([]byte, 1)); err == nil {
			t.Error("something was sent before the stream was open")
		}
		w.juliet.ExpectStreamError("system-shutdown")
		w.juliet.Conn.Close()
		w.romeo.ExpectStreamError("system-shutdown")
		w.romeo.Conn.Close()
		all.Wait()
		if d := time.Since(began); d > 0 {
			t.Errorf("it took %v though everybody closed at once", d)
		}
		if n, _ := w.Clients.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if conn := w.Dial(); readable(conn) {
			t.Error("a new connection is served")
		}
	})
}

func readable(r interface{ Read([]byte) (int, error) }) bool {
	_, err := r.Read(make([]byte, 1))
	return err == nil
}

// TestShutdownDoesNotWaitForTheDeaf: those who do not read or close get 5 s.
func TestShutdownDoesNotWaitForTheDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t, servertest.New(t))
		deaf := w.bound(t, "tybalt", "street")
		for range 100 { // more than a pipe holds
			w.juliet.Send("<message to='tybalt@localhost/street' type='chat'><body>" + strings.Repeat("x", 4<<10) + "</body></message>")
		}
		w.untouched(t)
		began := time.Now()
		w.Clients.Shutdown(context.Background())
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("it took %v", d)
		}
		deaf.Close()
	})
}

// TestShutdownInAHurry: with the context over, connections are just closed.
func TestShutdownInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t, servertest.New(t))
		w.bound(t, "tybalt", "street")
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.Clients.Shutdown(ctx)
		if d := time.Since(began); d != time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// TestShutdownFlushesAcks: what was handled before is acknowledged before the end,
// once it is durable, and not a bit earlier.
func TestShutdownFlushesAcks(t *testing.T) {
	for _, enable := range []string{"<enable xmlns='urn:xmpp:sm:3'/>", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"} {
		synctest.Test(t, func(t *testing.T) {
			disk := newDisk()
			w := peopled(t, servertest.New(t, servertest.Options{Store: disk.options()}))
			defer disk.mend()
			p := w.bound(t, "tybalt", "street")
			p.send(enable)
			p.expect("<enabled ")
			synctest.Wait()
			disk.stall()
			p.send("<message to='romeo@localhost' type='chat'><body>1</body></message><message to='romeo@localhost' type='chat'><body>2</body></message><r xmlns='urn:xmpp:sm:3'/>")
			w.romeo.Expect("<message><body>1</body></message>")
			w.romeo.Expect("<message><body>2</body></message>")
			var all sync.WaitGroup
			all.Go(func() { w.Clients.Shutdown(context.Background()) })
			time.Sleep(time.Second)
			disk.mend()
			list := p.ended()
			p.Close()
			var last string // the last word on what was handled
			for _, e := range list {
				if strings.HasPrefix(e, "<a ") {
					last = e
				}
				if strings.HasPrefix(e, "<a ") && last == "" && !strings.Contains(e, "h='0'") {
					t.Errorf("acknowledged early: %q", list)
				}
			}
			if last != "<a xmlns='urn:xmpp:sm:3' h='2'/>" || !strings.HasPrefix(list[len(list)-1], "<stream:error><system-shutdown ") {
				t.Errorf("the end was %q", list)
			}
			all.Wait()
		})
	}
}
