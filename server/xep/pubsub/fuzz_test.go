package pubsub

import (
	"strings"
	"testing"

	"natter/server/xep/forms"
)

// FuzzConfig fills in configuration forms: there is no panic, and what a form sets
// is what the configuration then says, so that it can be submitted again.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		`<field var='pubsub#access_model'><value>open</value></field>`,
		`<field var='pubsub#max_items'><value>max</value></field><field var='pubsub#persist_items'><value>true</value></field>`,
		`<field var='pubsub#roster_groups_allowed'><value>a</value><value>b</value></field>`,
		`<field var='pubsub#max_items'><value>0</value></field>`,
		`<field var='pubsub#title'><value>x</value></field><field var='pubsub#unknown'/>`,
		`<field var='pubsub#deliver_payloads'/>`,
		`<field var='pubsub#item_expire'><value>86400</value></field><field var='pubsub#itemreply'><value>publisher</value></field>`,
		`<field var='pubsub#item_expire'><value>max</value></field><field var='pubsub#node_type'><value>leaf</value></field>`,
		`<field var='pubsub#contact'><value>a@b</value><value>C@d/e</value></field>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, fields string) {
		x, err := forms.ParseBytes([]byte(`<x xmlns='jabber:x:data' type='submit'>` + fields + `</x>`))
		if err != nil {
			return
		}
		c := Config{Access: "presence", Publish: "publishers", MaxItems: 1, Full: "reject", SendLast: "never", MessageType: "headline", Reply: "none"}
		if c.apply(x, true) != nil {
			return
		}
		if err := c.meets(x); err != nil && !twice(x) {
			t.Errorf("after %s: %v", fields, err)
		}
		again := Config{}
		if err := again.apply(c.form("submit"), true); err != nil {
			t.Errorf("after %s: submitted again: %v", fields, err)
		}
	})
}

// twice reports whether a field is there more than once.
func twice(f *forms.Form) bool {
	seen := make(map[string]bool)
	for _, d := range f.Fields {
		if seen[d.Var] {
			return true
		}
		seen[d.Var] = true
	}
	return false
}

// FuzzItemKey has keys made and read again.
func FuzzItemKey(f *testing.F) {
	f.Add("node", "id", "juliet@localhost", uint64(1), uint32(7))
	f.Add("", "", "", uint64(1<<63-1), uint32(0))
	f.Fuzz(func(t *testing.T, node, id, publisher string, seq uint64, size uint32) {
		if strings.Contains(node+publisher, sep) {
			return // XML does not hold it
		}
		e := entry{id: id, seq: seq, size: int(size >> 1), publisher: publisher}
		n, got, ok := entryOf(itemKey(node, &e))
		if !ok || n != node || got != e {
			t.Errorf("%q %+v became %q %+v %v", node, e, n, got, ok)
		}
	})
}

func TestGroupsAreNotTold(t *testing.T) {
	c := Config{Groups: []string{"Enemies"}}
	if s := string(c.form("result").Bytes()); strings.Contains(s, "Enemies") {
		t.Error(s)
	}
}
