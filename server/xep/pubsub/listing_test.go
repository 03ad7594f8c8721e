package pubsub

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"natter/server/xep/rsm"
	"natter/stanza"
)

// A list that does not fit is cut, and says so, so that one can ask on from there.
func TestListsAreCutToWhatFits(t *testing.T) {
	var names []string
	for i := range 9 {
		names = append(names, fmt.Sprint(i)+strings.Repeat("&", 9)) // 55 bytes escaped
	}
	ids := func(list []string) (s string) {
		for _, n := range list {
			s += n[:1]
		}
		return s
	}
	after := func(i int) string { return names[i] }
	for name, x := range map[string]struct {
		page      rsm.Query
		most      int
		want, set string
	}{
		"all fit":                  {rsm.Query{Max: -1, Index: -1}, 1000, "012345678", ""},
		"some fit":                 {rsm.Query{Max: -1, Index: -1}, 200, "012", "<count>9</count>"},
		"one does not, and is all": {rsm.Query{Max: -1, Index: -1}, 10, "0", "<count>9</count>"},
		"on from there":            {rsm.Query{Present: true, Max: -1, Index: -1, HasAfter: true, After: after(2)}, 200, "345", "<first index='3'>"},
		"a page":                   {rsm.Query{Present: true, Max: 2, Index: -1}, 200, "01", "<first index='0'>"},
		"the end of it":            {rsm.Query{Present: true, Max: -1, Index: -1, HasBefore: true}, 200, "678", "<first index='6'>"},
	} {
		some, set, err := listed(names, func(string) int { return 5 }, x.page, x.most)
		if err != nil || ids(some) != x.want || !strings.Contains(string(set), x.set) || x.set == "" && set != nil {
			t.Errorf("%s: %s, %s, %v", name, ids(some), set, err)
		}
	}
	l := list{most: 100}
	for i := range 9 {
		l.add("subscription", "jid", strings.Repeat("'", 9)+fmt.Sprint(i))
	}
	if b := l.close("subscriptions"); len(b) > 400 || !bytes.Contains(b, []byte("<count>9</count>")) {
		t.Errorf("%d bytes: %s", len(b), b)
	}
}

func TestLongEventsAreSeveral(t *testing.T) {
	next := func(b []byte, i int) []byte {
		return stanza.AppendEmpty(b, "retract", "id", strings.Repeat("&", 10)+fmt.Sprint(i))
	}
	all := pieces("n", 20, 300, next)
	total := 0
	for _, b := range all {
		if len(b) > 350 {
			t.Errorf("%d bytes", len(b))
		}
		total += bytes.Count(b, []byte("<retract"))
	}
	if total != 20 || len(all) < 3 {
		t.Errorf("%d in %d", total, len(all))
	}
	if got := pieces("n", 0, 300, next); len(got) != 1 { // an event without items (§4.3)
		t.Errorf("%q", got)
	}
}
