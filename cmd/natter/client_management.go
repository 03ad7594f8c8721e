package main

import (
	"fmt"
	"strconv"
	"sync"

	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
)

const nsSM = "urn:xmpp:sm:3"

// management is the client's side of XEP-0198, version 1.6.3: who has counted
// what, and what was sent but not confirmed. It outlives the stream, so that
// the next one can take the session up. Safe for concurrent use.
type management struct {
	mu      sync.Mutex
	on      bool    // <enable/> was sent: stanzas out are counted
	enabled bool    // <enabled/> was received: stanzas in are counted
	id      string  // names the session for resumption; "" when it cannot be
	me      jid.JID // the full address of the session
	in      uint32  // stanzas received and handled, modulo 2^32
	out     uint32  // stanzas sent, modulo 2^32
	unacked []node  // the last of those sent, oldest first, not confirmed
	changed chan struct{}
}

func newManagement() *management { return &management{changed: make(chan struct{})} }

// start is called when <enable/> is sent: counting begins at zero.
func (m *management) start(me jid.JID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on, m.enabled, m.id, m.me = true, false, "", me
	m.in, m.out, m.unacked = 0, 0, nil
}

// drop is called when a new session begins instead of the old one. What was
// unconfirmed stays in unacked until the next start.
func (m *management) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on, m.enabled, m.id = false, false, ""
}

// take handles an element of XEP-0198 and returns what to answer, nil for
// nothing.
func (m *management) take(n *node) *node {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch n.XMLName.Local {
	case "enabled":
		m.enabled = true
		if resume := n.attr("resume"); resume == "true" || resume == "1" {
			m.id = n.attr("id")
		}
	case "failed":
		m.on, m.enabled = false, false
	case "a":
		m.ack(n.attr("h"))
	case "r":
		answer := m.ackElement()
		return &answer
	}
	m.wake()
	return nil
}

// handled counts a stanza from the server, once it is dealt with.
func (m *management) handled() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.enabled {
		m.in++
	}
}

// sent counts a stanza to the server, just before it is written.
func (m *management) sent(n node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.on {
		m.out++
		m.unacked = append(m.unacked, n)
	}
}

// ack drops what the server confirmed. A server that says it has had more than
// there was has miscounted, and has had everything. Any other count that cannot
// be right is ignored.
func (m *management) ack(h string) {
	n, err := strconv.ParseUint(h, 10, 32)
	if err != nil {
		return
	}
	outstanding := int32(m.out - uint32(n))
	if int64(outstanding) <= int64(len(m.unacked)) {
		m.unacked = m.unacked[len(m.unacked)-max(0, int(outstanding)):]
	}
}

func (m *management) ackElement() node {
	return el(nsSM, "a", "h", strconv.FormatUint(uint64(m.in), 10))
}

// lastWord is what to confirm at the end.
func (m *management) lastWord() node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ackElement()
}

// wake tells those who wait in settled that something has changed.
func (m *management) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// counting says whether stanzas are being counted.
func (m *management) counting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on
}

// sentSoFar returns the count of stanzas sent, to be given to confirmed.
func (m *management) sentSoFar() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out
}

// confirmed says whether the server has confirmed the first n stanzas, and
// gives a channel that is closed at the next change.
func (m *management) confirmed(n uint32) (done bool, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	acked := m.out - uint32(len(m.unacked))
	return int32(acked-n) >= 0, m.changed
}

// canResume says whether there is a session to take up.
func (m *management) canResume() bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on && m.enabled && m.id != ""
}

// resume asks to take the session up. After a refusal, what the server had
// counted by then is confirmed and the rest stays in unacked.
func (m *management) resume(session *xmpp.Session) (resumed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, err := exchange(session, el(nsSM, "resume", "previd", m.id, "h", strconv.FormatUint(uint64(m.in), 10)))
	if err != nil {
		return false, err
	}
	m.ack(answer.attr("h"))
	switch {
	case answer.is(nsSM, "resumed"):
		session.UpdateAddr(m.me)
		return true, nil
	case answer.is(nsSM, "failed"):
		return false, nil
	}
	return false, fmt.Errorf("the server answered <%s/> when asked to resume", answer.XMLName.Local)
}

// leftOver returns what was sent and not confirmed.
func (m *management) leftOver() []node {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]node(nil), m.unacked...)
}
