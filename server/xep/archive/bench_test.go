package archive_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"natter/server/servertest"
	"natter/server/store"
)

// BenchmarkPage reads the last page, and one in the middle, of archives of very
// different sizes over a client's stream: what a page costs does not depend on the
// archive.
func BenchmarkPage(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		if n > 1000 && testing.Short() {
			continue
		}
		srv := servertest.New(b, servertest.Options{Store: store.Options{Path: filepath.Join(b.TempDir(), "natter.db")}})
		juliet := srv.Login(b, "juliet@localhost/balcony")
		var middle uint64
		for i := 0; i < n; i += 1000 {
			batch := new(store.Batch)
			for j := range 1000 {
				id := srv.Store.NextID()
				if i+j == n/2 {
					middle = id
				}
				text := fmt.Sprintf("message %d about nothing much", i+j)
				batch.Append(store.Record{ID: id, Owners: [2]string{"romeo@localhost", "juliet@localhost"}, From: "romeo@localhost/garden", To: "juliet@localhost",
					Stanza: []byte("<message xmlns='jabber:client' from='romeo@localhost/garden' to='juliet@localhost' type='chat' id='m'><body>" + text + "</body></message>"), Text: text})
			}
			if err := srv.Store.CommitWait(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		for more := true; more; {
			var err error
			if more, err = srv.Store.IndexWords(b.Context(), 5000); err != nil {
				b.Fatal(err)
			}
		}
		at := string(srv.Core.Default().AppendArchiveID(nil, "juliet@localhost", middle))
		for _, tt := range []struct{ name, query string }{
			{"last", rsm(`<max>50</max><before/>`)},
			{"middle", rsm(`<max>50</max><after>` + at + `</after>`)},
			{"with", form("with", "romeo@localhost") + rsm(`<max>50</max><before>`+at+`</before>`)},
			{"search", form("{urn:xmpp:fulltext:0}fulltext", fmt.Sprint(n/3))},
		} {
			b.Run(fmt.Sprintf("%s/of=%d", tt.name, n), func(b *testing.B) {
				for b.Loop() {
					if f := juliet.History("", tt.query); len(f.IDs) == 0 {
						b.Fatalf("%s", f.Fin.Raw)
					}
				}
			})
		}
	}
}
