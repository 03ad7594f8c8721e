//go:build linux || darwin

package store_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"natter/server/store"
)

var kills = flag.Int("kills", 20, "how often TestKill kills the writing process")

const childEnv = "STORE_TEST_CHILD"

// TestMain makes the test binary the process that tests kill or limit.
func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "write":
		writeForever(os.Args[1], os.Args[2] == "stepwise")
	case "limit":
		os.Exit(writeToTheLimit(os.Args[1]))
	}
	os.Exit(m.Run())
}

// child is the test binary run as one of TestMain's processes.
func child(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// What the killed process writes: batch number i puts document i, which holds
// the id of a record, appends that record between two of nine accounts, puts
// it in the recipient's spool and confirms that of batch i-confirmLag. So from
// the set of documents all else follows. Some records have ids from between
// those of earlier batches, as those have that are given an id and committed
// later.
const confirmLag = 5

func batchDoc(i int) store.Key {
	return store.Key{Host: "localhost", Account: "writer", Kind: "batch", Key: fmt.Sprintf("%09d", i)}
}

func batchOwners(i int) (from, to string) {
	return fmt.Sprintf("u%d@localhost", i%9), fmt.Sprintf("u%d@localhost", (i+1+i/9%8)%9)
}

func fillBatch(s *store.Store, b *store.Batch, i int, ids map[int]uint64) {
	id := s.NextID()
	if i > 0 && rand.IntN(4) == 0 {
		between := ids[max(0, i-1-rand.IntN(40))] + 1
		if !slices.Contains(slices.Collect(maps.Values(ids)), between) {
			id = between
		}
	}
	ids[i] = id
	from, to := batchOwners(i)
	b.PutNew(store.Doc{Key: batchDoc(i), Data: binary.BigEndian.AppendUint64(nil, id)})
	b.Append(store.Record{ID: id, Owners: [2]string{from, to}, From: from + "/x", To: to + "/y", Stanza: fmt.Appendf(nil, "<message id='%d'/>", i)})
	b.SpoolAdd(store.Spool{Owner: to, ID: id, Session: "s", Seq: uint32(i)})
	if old := i - confirmLag; old >= 0 {
		_, to := batchOwners(old)
		b.SpoolConfirm(to, ids[old], "s")
	}
}

// writeForever opens the store, prints "open" and then the number of each
// batch that is durable, until it is killed.
func writeForever(path string, stepwise bool) {
	o := store.Options{Path: path}
	if stepwise {
		o = o.Stepwise()
	}
	s, err := store.Open(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	next, ids := readBatches(s)
	fmt.Println("open")
	free := make(chan struct{}, 40)
	for i := next; ; i++ {
		free <- struct{}{}
		b := new(store.Batch)
		fillBatch(s, b, i, ids)
		b.Then = func(err error) {
			if err != nil {
				fmt.Fprintln(os.Stderr, "batch", i, err)
				os.Exit(1)
			}
			fmt.Println(i)
			<-free
		}
		if err := s.Commit(b); err != nil {
			fmt.Fprintln(os.Stderr, "batch", i, err)
			os.Exit(1)
		}
	}
}

// readBatches reads which batches are there, by their documents; next is the
// number after the last.
func readBatches(s *store.Store) (next int, ids map[int]uint64) {
	ids = make(map[int]uint64)
	after := ""
	for {
		docs, err := s.List(context.Background(), "localhost", "writer", "batch", "", after, 0)
		if err != nil {
			panic(err)
		}
		if len(docs) == 0 {
			return next, ids
		}
		for _, d := range docs {
			var i int
			fmt.Sscan(strings.TrimLeft(d.Key.Key, "0")+" ", &i)
			ids[i] = binary.BigEndian.Uint64(d.Data)
			next, after = i+1, d.Key.Key
		}
	}
}

// TestKill kills a writing process again and again, at random moments, and
// looks after each time whether what it was told to be durable is there, whole
// and in order, nothing else is there by half, and the index has all of it.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natter.db")
	acked := -1
	for round := range *kills {
		mode := "plain"
		if round%2 == 0 {
			mode = "stepwise"
		}
		lines := rand.IntN(400)
		if round%5 == 4 {
			lines = rand.IntN(3) // while it opens, or just after
		}
		acked = max(acked, killWriter(t, path, mode, lines))
		if err := checkKilled(path, acked, round%3 == 0); err != nil {
			t.Fatalf("round %d, %s, acknowledged %d: %v", round, mode, acked, err)
		}
	}
	t.Logf("%d kills, %d batches acknowledged", *kills, acked+1)
}

// killWriter runs a writer until it has printed that many lines, kills it, and
// returns the last batch it acknowledged.
func killWriter(t *testing.T, path, mode string, lines int) int {
	t.Helper()
	cmd := child("write", path, mode)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked := -1
	scan := bufio.NewScanner(out)
	for n := 0; ; n++ {
		if n == lines {
			cmd.Process.Kill()
		}
		if !scan.Scan() {
			break
		}
		if scan.Text() != "open" {
			fmt.Sscan(scan.Text(), &acked)
		}
	}
	cmd.Wait()
	if cmd.ProcessState.Exited() {
		t.Fatalf("the writer ended by itself: %v", cmd.ProcessState)
	}
	return acked
}

// checkKilled opens what a killed writer left and compares it with what
// follows from its documents.
func checkKilled(path string, acked int, stepwise bool) error {
	o := store.Options{Path: path}
	if stepwise {
		o = o.Stepwise()
	}
	s, err := store.Open(o)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx := context.Background()
	next, ids := readBatches(s)
	if next <= acked || len(ids) != next {
		return fmt.Errorf("%d batches are there, the last is %d", len(ids), next-1)
	}
	archive := make(map[string][]uint64)
	spool := make(map[string][]uint64)
	for i := range next {
		from, to := batchOwners(i)
		archive[from] = append(archive[from], ids[i])
		archive[to] = append(archive[to], ids[i])
		if i+confirmLag >= next {
			spool[to] = append(spool[to], ids[i])
		}
		if i < next-500 {
			continue
		}
		if r, ok, err := s.GetRecord(ctx, ids[i]); !ok || err != nil || string(r.Stanza) != fmt.Sprintf("<message id='%d'/>", i) {
			return fmt.Errorf("record of batch %d: %q %v %v", i, r.Stanza, ok, err)
		}
	}
	var top uint64
	for _, id := range ids {
		top = max(top, id)
	}
	for u := range 9 {
		owner := fmt.Sprintf("u%d@localhost", u)
		var got []uint64
		after := uint64(0)
		for {
			list, err := s.Range(ctx, owner, store.RangeQuery{AfterID: after})
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			for _, r := range list {
				got = append(got, r.ID)
				after = r.ID
			}
		}
		slices.Sort(archive[owner])
		slices.Sort(spool[owner])
		if !slices.Equal(got, archive[owner]) {
			return fmt.Errorf("archive of %s has %d records, want %d", owner, len(got), len(archive[owner]))
		}
		if n, err := s.Count(ctx, owner); n != len(got) || err != nil {
			return fmt.Errorf("count of %s: %d %v, want %d", owner, n, err, len(got))
		}
		rows, err := s.SpoolPage(ctx, owner, 0, 0, store.AnySession)
		if err != nil {
			return err
		}
		var waiting []uint64
		for _, r := range rows {
			waiting = append(waiting, r.ID)
		}
		if !slices.Equal(waiting, spool[owner]) {
			return fmt.Errorf("spool of %s: %v, want %v", owner, waiting, spool[owner])
		}
	}
	if s.NextID() <= top {
		return fmt.Errorf("a new id is below the stored %d", top)
	}
	return nil
}
