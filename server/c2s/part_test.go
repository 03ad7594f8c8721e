package c2s

import (
	"strings"
	"testing"
	"time"
)

// slowSink is a sink whose writes take until done is closed, and then take part of
// what they are given.
type slowSink struct {
	sink
	begun, done chan struct{}
	part        int
	got         *strings.Builder
	deadline    *time.Time
}

func (w slowSink) TryWrite(p []byte) (int, int, error) {
	if w.begun != nil && w.got.Len() == 0 {
		close(w.begun)
		<-w.done
	}
	n := len(p)
	if w.part > 0 {
		n = min(n, w.part)
	}
	w.got.Write(p[:n])
	return n, 0, nil
}

func (w slowSink) SetDeadline(t time.Time) error {
	*w.deadline = t
	return nil
}

// TestWhoWritesTellsOfTheResumption: a session is resumed elsewhere while somebody
// writes to its connection. Its client is told behind what was being written, unless
// that was cut.
func TestWhoWritesTellsOfTheResumption(t *testing.T) {
	for _, row := range []struct {
		name string
		part int
		want string
	}{
		{"whole", 0, "<a/><stream:error>"},
		{"cut", 2, "<a"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := New(benchCore(t), nil)
			w := slowSink{begun: make(chan struct{}), done: make(chan struct{}), part: row.part, got: new(strings.Builder), deadline: new(time.Time)}
			s := newStream(c, w)
			s.acks = &acks{stream: s}
			turn := c.core.Turn()
			s.DeliverNonza(turn, []byte("<a/>"))
			flushed := make(chan struct{})
			go func() { turn.End(); close(flushed) }()
			<-w.begun
			s.mu.Lock() // as resume does
			if !s.writing {
				t.Error("nobody is writing")
			}
			s.acks.ousted = &ousted{w, s.framing}
			s.tr, s.writing = sink{}, false
			s.mu.Unlock()
			close(w.done)
			<-flushed
			if got := w.got.String(); !strings.HasPrefix(got, row.want) || strings.Contains(got, "<conflict ") != (row.part == 0) {
				t.Errorf("the client read %s", got)
			}
			if row.part > 0 && !w.deadline.Before(time.Now()) {
				t.Error("its connection goes on")
			}
		})
	}
}
