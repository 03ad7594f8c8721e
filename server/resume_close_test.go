package server_test

import (
	"strings"
	"testing"
	"testing/synctest"
)

// polite reads to the end of the server's stream and then closes the client's, as
// RFC 6120 §4.4 asks for. The channel gives the last element, the stream error.
func polite(m *managed) <-chan string {
	done := make(chan string, 1)
	go func() {
		var last string
		for {
			e, err := m.Read()
			if err != nil {
				m.Write("</stream:stream>")
				m.Conn.Close()
				done <- last
				return
			}
			last = e
		}
	}()
	return done
}

// TestAnsweringTheServersClosingTagEndsNoSession: that is courtesy (RFC 6120 §4.4),
// not the client's wish to end its session (XEP-0198 §5).
func TestAnsweringTheServersClosingTagEndsNoSession(t *testing.T) {
	bubble(t, "when the server is restarted", func(t *testing.T) {
		w := onDisk(t, shortWindow)
		m := manage(t, online(t, w.Server, "juliet@example.org/balcony", 0))
		m.sync(t)
		durable(t, w.Store)
		done := polite(m)
		w.restart()
		if e := <-done; !strings.Contains(e, "<system-shutdown ") {
			t.Errorf("the stream ended with %s", e)
		}
		if _, _, ok := resume(t, w.Server, m, m.h); !ok {
			t.Error("the session cannot be resumed")
		}
	})
	bubble(t, "when the session goes on over another connection", func(t *testing.T) {
		srv := twoDomains(t, shortWindow)
		m := manage(t, online(t, srv, "juliet@example.org/balcony", 0))
		m.sync(t)
		back, _, ok := resume(t, srv, m, m.h)
		if !ok {
			t.Fatal("the session cannot be resumed")
		}
		if e := <-polite(m); !strings.Contains(e, "<conflict ") {
			t.Errorf("the stream ended with %s", e)
		}
		synctest.Wait()
		back.sync(t)
		if srv.Core.Session("juliet@example.org/balcony") == nil {
			t.Error("the session has ended")
		}
	})
}
