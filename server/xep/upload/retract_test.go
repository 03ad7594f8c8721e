package upload_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
)

// leave makes files that nobody knows of, as a crash may, and returns their paths.
func leave(t *testing.T, dir string) (paths []string) {
	t.Helper()
	for _, name := range []string{"upload/0123/aaaaaaaaaaaaaaaaaaaaaaaaaa-abcdefgh.part", "upload/0123/aaaaaaaaaaaaaaaaaaaaaaaaaa-abcdefgh"} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(p, old, old); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

// gone waits until there are none of the files.
func gone(t *testing.T, paths []string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		left := 0
		for _, p := range paths {
			if _, err := os.Stat(p); err == nil {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
	t.Errorf("there is still one of %v", paths)
}

func share(id, to, typ, url string) string {
	return `<message id='` + id + `' to='` + to + `' type='` + typ + `'><body>` + url + `</body><x xmlns='jabber:x:oob'><url>` + url + `</url></x></message>`
}

func retract(id, to, typ string) string {
	return `<message to='` + to + `' type='` + typ + `'><retract xmlns='urn:xmpp:message-retract:1' id='` + id + `'/><body>never mind</body></message>`
}

func TestARetractedFileIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, dir := start(t, server.Config{})
		srv.Account(t, "juliet@localhost")
		romeo, juliet := srv.Login(t, "romeo@localhost/garden"), srv.Login(t, "juliet@localhost/balcony")
		up := func() string {
			at := slot(t, romeo, "a", "10", "", "")
			wants(t, srv, 201, "PUT", at, repeat(10))
			return at
		}
		for name, row := range map[string]struct {
			do   func(at string)
			want int
		}{
			"by who sent it": {func(at string) {
				romeo.Send(share("m1", "juliet@localhost", "chat", at), retract("m1", "juliet@localhost", "chat"))
			}, 404},
			"by its recipient: no": {func(at string) {
				romeo.Send(share("m2", "juliet@localhost", "chat", at))
				romeo.Silent()
				juliet.Send(retract("m2", "romeo@localhost", "chat"))
			}, 200},
			"by who passed it on: no": {func(at string) {
				juliet.Send(share("m3", "romeo@localhost", "chat", at), retract("m3", "romeo@localhost", "chat"))
			}, 200},
			"another message: no": {func(at string) {
				romeo.Send(share("m4", "juliet@localhost", "chat", at), retract("m5", "juliet@localhost", "chat"))
			}, 200},
			"while another message tells of it: no": {func(at string) {
				romeo.Send(share("m6", "juliet@localhost", "chat", at), share("m7", "tybalt@localhost", "chat", at), retract("m6", "juliet@localhost", "chat"))
			}, 200},
			"when the last one goes": {func(at string) {
				romeo.Send(share("m8", "juliet@localhost", "chat", at), share("m9", "tybalt@localhost", "chat", at), retract("m8", "juliet@localhost", "chat"), retract("m9", "tybalt@localhost", "chat"))
			}, 404},
			"when very many tell of it: no": {func(at string) {
				for i := range 12 {
					romeo.Send(share("n"+string(rune('a'+i)), "juliet@localhost", "chat", at))
					romeo.Sync()
					synctest.Wait() // what is remembered is on disk
				}
				for i := range 12 {
					romeo.Send(retract("n"+string(rune('a'+i)), "juliet@localhost", "chat"))
				}
			}, 200},
			"in a room, by the room's id": {func(at string) {
				romeo.Send(share("r1", "room@localhost/x", "groupchat", at))
				romeo.Sync()
				synctest.Wait()
				room := srv.Login(t, "room@localhost/romeo")
				room.Send(strings.Replace(share("r1", romeo.JID.String(), "groupchat", at), "<body>", "<stanza-id xmlns='urn:xmpp:sid:0' by='room@localhost' id='s1'/><body>", 1))
				room.Sync()
				romeo.Sync()
				romeo.Send(retract("s1", "room@localhost/x", "groupchat"))
			}, 404},
		} {
			at := up()
			row.do(at)
			for _, c := range []*servertest.Client{romeo, juliet} {
				c.Sync()
			}
			if _, h := wants(t, srv, row.want, "GET", at, nil); row.want == 404 && h.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: pages elsewhere do not hear that it is gone", name)
			}
		}
		if left := onDisk(t, dir); len(left) != 5 {
			t.Errorf("there are %d files", len(left))
		}
	})
}

func TestFilesGoWithTheirAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, dir := start(t, server.Config{})
		romeo, juliet := srv.Login(t, "romeo@localhost/garden"), srv.Login(t, "juliet@localhost/balcony")
		var urls []string
		for _, c := range []*servertest.Client{romeo, romeo, juliet} {
			at := slot(t, c, "a", "10", "", "")
			wants(t, srv, 201, "PUT", at, repeat(10))
			urls = append(urls, at)
		}
		open := slot(t, romeo, "a", "10", "", "")
		romeo.Send(`<iq type='set' id='bye'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
		romeo.Expect(`<iq type='result' id='bye'/>`)
		wants(t, srv, 404, "GET", urls[0], nil)
		wants(t, srv, 404, "GET", urls[1], nil)
		wants(t, srv, 200, "GET", urls[2], nil)
		wants(t, srv, 404, "PUT", open, repeat(10))
		synctest.Wait()
		if left := onDisk(t, dir); len(left) != 1 {
			t.Errorf("there are %d files", len(left))
		}
	})
}
