package c2s_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

// TestUnknownUserTakesAsLongAsAnother: neither the challenge nor the refusal tells by
// its time whether there is such an account (RFC 6120 §13.11). A name that was not
// looked for in the store was answered in half the time.
func TestUnknownUserTakesAsLongAsAnother(t *testing.T) {
	if raced {
		t.Skip("the race detector's time is not the server's")
	}
	const times, tries = 200, 5
	w := newWorld(t, servertest.Options{
		Config: server.Config{NoLimits: true}, // no waiting for who guesses
		Store:  store.Options{Path: filepath.Join(t.TempDir(), "natter.db")},
	})
	addr := w.Listen(t).String()
	// quick is the time of the quicker ones: what else the machine does is not in it.
	quick := func(l []time.Duration) time.Duration {
		slices.Sort(l)
		return l[len(l)/10]
	}
	for try := range tries {
		steps := map[string][2][]time.Duration{}
		for range times {
			for _, user := range []string{"juliet", "nobody"} { // by turns
				p := newPeer(t, dialTCP(t, addr))
				p.open()
				s := &scram{user: user, password: "wrong"}
				first, began := auth("SCRAM-SHA-256", b64(s.first())), time.Now()
				p.send(first)
				challenge := content(p.expect("<challenge"))
				challenged := time.Since(began)
				final := response(b64(s.final(challenge)))
				began = time.Now()
				p.send(final)
				wantFailure(t, p.next(), "not-authorized")
				refused := time.Since(began)
				p.Close()
				l := steps[user]
				steps[user] = [2][]time.Duration{append(l[0], challenged), append(l[1], refused)}
			}
		}
		alike := true
		for i, step := range []string{"challenge", "refusal"} {
			known, unknown := quick(steps["juliet"][i]), quick(steps["nobody"][i])
			if max(known, unknown)*4 > min(known, unknown)*5 {
				alike = false
				t.Logf("the %s takes %v for a known user and %v for an unknown one", step, known, unknown)
			}
		}
		if alike {
			return
		}
		if try == tries-1 {
			t.Error("the times tell who has an account")
		}
	}
}
