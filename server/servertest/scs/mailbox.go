package scs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// entry is one element as it came: its tree and its bytes.
type entry struct {
	elem *Element
	raw  string
}

// Bounds on what a server may send before the script reads it.
const (
	maxUnreadElements = 100_000
	maxUnreadBytes    = 64 << 20
)

var (
	errTimeout = errors.New("nothing came in time")
	errFlood   = fmt.Errorf("more than %d elements or %d bytes wait to be read", maxUnreadElements, maxUnreadBytes)
)

// mailbox is the queue between a connection's reader and the script: the
// reader never waits, the script waits with a time limit.
type mailbox struct {
	mu      sync.Mutex
	queue   []entry
	bytes   int
	end     error         // why nothing more will come; nil while open
	arrived chan struct{} // holds one token when the queue or end changed
}

func newMailbox() *mailbox { return &mailbox{arrived: make(chan struct{}, 1)} }

// put appends an entry. It returns an error when too much waits already.
func (m *mailbox) put(e entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) >= maxUnreadElements || m.bytes+len(e.raw) > maxUnreadBytes {
		return errFlood
	}
	m.queue = append(m.queue, e)
	m.bytes += len(e.raw)
	m.ring()
	return nil
}

// unread puts an entry back, before all others.
func (m *mailbox) unread(e entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue = append([]entry{e}, m.queue...)
	m.bytes += len(e.raw)
	m.ring()
}

// close says that nothing more will come after what is queued. The first
// reason counts.
func (m *mailbox) close(reason error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.end == nil {
		m.end = reason
	}
	m.ring()
}

func (m *mailbox) ring() {
	select {
	case m.arrived <- struct{}{}:
	default:
	}
}

// next takes the first entry. With an empty queue it waits up to d for one
// and returns errTimeout, the context's error or the reason of close.
func (m *mailbox) next(ctx context.Context, d time.Duration) (entry, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		if e, ok, err := m.take(); ok || err != nil {
			return e, err
		}
		select {
		case <-m.arrived:
		case <-timer.C:
			return entry{}, errTimeout
		case <-ctx.Done():
			return entry{}, ctx.Err()
		}
	}
}

func (m *mailbox) take() (entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return entry{}, false, m.end
	}
	e := m.queue[0]
	m.queue = m.queue[1:]
	m.bytes -= len(e.raw)
	return e, true, nil
}

// reopen makes the mailbox fit for the next stream on the same connection,
// after a restart.
func (m *mailbox) reopen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end = nil
}
