package bookmarks

import (
	"testing"

	"natter/server"
)

// FuzzSplit stores old lists: there is no panic, and what an accepted list makes of
// the items gives, stored once more, nothing new.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		`<storage xmlns='storage:bookmarks'><conference jid='a@b' name='x' autojoin='1'><nick>n</nick></conference><url url='u'/></storage>`,
		`<storage xmlns='storage:bookmarks'><conference jid='a@b'/><conference jid='A@b/c'/><conference/></storage>`,
		`<storage/>`, `<p:storage xmlns:p='storage:bookmarks'><p:conference jid='a@b'><p:password/></p:conference></p:storage>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		p, err := split(nil, payload)
		if err != nil {
			return
		}
		var rest []byte
		for _, d := range p.Docs {
			rest = d.Data
		}
		whole := list(p.Items, rest)
		q, err := split(p.Items, whole)
		if err != nil {
			t.Fatalf("%s became %s: %v", payload, whole, err)
		}
		if len(q.Items)+len(q.Retract) > 0 {
			t.Errorf("%s became %s, which changes %v %v", payload, whole, names(q.Items), q.Retract)
		}
	})
}

func names(items []server.NodeItem) (list []string) {
	for _, i := range items {
		list = append(list, i.ID+" "+string(i.Payload))
	}
	return list
}
