package main

import (
	"strconv"
	"testing"

	"mellium.im/xmpp/jid"
)

// counted returns a management that has sent n messages, numbered from 1.
func counted(n int) *management {
	m := newManagement()
	m.start(jid.MustParse("romeo@localhost/orchard"))
	for i := range n {
		m.sent(el(nsClient, "message", "id", strconv.Itoa(i+1)))
	}
	return m
}

func TestAcknowledgements(t *testing.T) {
	for _, row := range []struct {
		name, h string
		left    int
	}{
		{"none taken", "0", 5},
		{"some taken", "3", 2},
		{"all taken", "5", 0},
		{"more than were sent, by a server that has miscounted", "6", 0},
		{"a negative number is ignored", "-1", 5},
		{"no number is ignored", "", 5},
		{"too large a number is ignored", "4294967296", 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := counted(5)
			a := el(nsSM, "a", "h", row.h)
			if answer := m.take(&a); answer != nil {
				t.Errorf("an acknowledgement was answered: %s", answer)
			}
			left := m.leftOver()
			if len(left) != row.left {
				t.Fatalf("%d are left", len(left))
			}
			if len(left) > 0 && left[0].attr("id") != strconv.Itoa(6-row.left) {
				t.Errorf("the first left is %s", left[0].attr("id"))
			}
			if done, _ := m.confirmed(5); done != (row.left == 0) {
				t.Errorf("confirmed says %v", done)
			}
		})
	}
}

func TestCountsGoRound(t *testing.T) {
	m := counted(0)
	m.out = 1<<32 - 2
	for i := range 4 {
		m.sent(el(nsClient, "message", "id", strconv.Itoa(i)))
	}
	a := el(nsSM, "a", "h", "1") // the third after 2^32-2
	m.take(&a)
	if left := m.leftOver(); len(left) != 1 || left[0].attr("id") != "3" {
		t.Errorf("left are %v", left)
	}
	if done, _ := m.confirmed(1); !done {
		t.Error("the third is not confirmed")
	}
	if done, _ := m.confirmed(2); done {
		t.Error("the fourth is confirmed")
	}
}

func TestIncomingCountsFromEnabledOn(t *testing.T) {
	m := counted(0)
	m.handled()
	enabled := el(nsSM, "enabled", "id", "s1", "resume", "true")
	m.take(&enabled)
	m.handled()
	m.handled()
	r := el(nsSM, "r")
	if answer := m.take(&r); answer.attr("h") != "2" {
		t.Errorf("answered %s", answer)
	}
	if !m.canResume() {
		t.Error("it cannot be resumed")
	}
}

func TestWhatCanBeResumed(t *testing.T) {
	enabled := func(attrs ...string) *node { n := el(nsSM, "enabled", attrs...); return &n }
	failed := el(nsSM, "failed")
	for _, row := range []struct {
		name   string
		answer *node
		want   bool
	}{
		{"an id with resume", enabled("id", "x", "resume", "true"), true},
		{"the other spelling of true", enabled("id", "x", "resume", "1"), true},
		{"an id without resume", enabled("id", "x"), false},
		{"resume without an id", enabled("resume", "true"), false},
		{"a refusal", &failed, false},
	} {
		m := counted(1)
		m.take(row.answer)
		if got := m.canResume(); got != row.want {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
	if (*management)(nil).canResume() {
		t.Error("nothing can be resumed")
	}
}

func TestANewSessionKeepsWhatTheOldOneHadUnconfirmed(t *testing.T) {
	m := counted(3)
	m.drop()
	if m.counting() || m.canResume() || len(m.leftOver()) != 3 {
		t.Errorf("counting %v, left %d", m.counting(), len(m.leftOver()))
	}
	m.start(jid.MustParse("romeo@localhost/orchard"))
	if len(m.leftOver()) != 0 || m.sentSoFar() != 0 {
		t.Error("the new count does not start at zero")
	}
}
