package store_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"natter/server/store"
)

// BenchmarkLog appends b.N archived chat messages between 100 accounts, with
// 400 in flight, each put in the recipient's spool with its record and
// confirmed in a batch of its own once that is durable. It reports the rate,
// the process's CPU time per message and the time from Commit to Then, and
// logs the rate of each 100,000. To fill an archive of a million:
//
//	go test ./server/store -run - -bench BenchmarkLog/file -benchtime 1000000x
//
// The case named offered does not wait for what is under way but sends 10,000
// messages a second: its latencies are those of a server with room to spare.
func BenchmarkLog(b *testing.B) {
	file := func(b *testing.B) string { return filepath.Join(b.TempDir(), "natter.db") }
	b.Run("file", func(b *testing.B) { benchLog(b, file(b), 0) })
	b.Run("offered", func(b *testing.B) { benchLog(b, file(b), 10_000) })
	b.Run("memory", func(b *testing.B) { benchLog(b, "", 0) })
}

// loop says what appendLoop does.
type loop struct {
	n        int // messages
	accounts int // between which they go, default 100
	rate     int // messages a second; 0 keeps benchInFlight under way
}

const benchInFlight = 400

func benchLog(b *testing.B, path string, rate int) {
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ResetTimer()
	written := bytesWritten()
	l := appendLoop(b, s, loop{n: b.N, rate: rate})
	b.StopTimer()
	l.report(b)
	if path != "" {
		if fi, err := os.Stat(path); err == nil {
			b.ReportMetric(float64(fi.Size())/float64(b.N), "stored-B/msg")
			if fi, err := os.Stat(path + "-wal"); err == nil {
				b.ReportMetric(float64(fi.Size())/(1<<20), "wal-MiB")
			}
			b.ReportMetric(float64(bytesWritten()-written)/float64(b.N), "written-B/msg")
		}
	}
}

// loopStats is what a closed loop measured.
type loopStats struct {
	n       int
	elapsed time.Duration
	cpu     time.Duration
	latency []time.Duration
	parts   []string
}

func (l *loopStats) report(b *testing.B) {
	slices.Sort(l.latency)
	at := func(q float64) float64 {
		return float64(l.latency[int(q*float64(len(l.latency)-1))]) / float64(time.Millisecond)
	}
	b.ReportMetric(float64(l.n)/l.elapsed.Seconds(), "msg/s")
	b.ReportMetric(float64(l.cpu.Microseconds())/float64(l.n), "cpu-us/msg")
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
	if len(l.parts) > 1 {
		b.Logf("msg/s by 100,000, and the committer's time in commits: %s", strings.Join(l.parts, ", "))
	}
}

// slot is one message in flight.
type slot struct {
	put, ack store.Batch
	from, to int
	id       uint64
	began    time.Time
	err      error
}

// appendLoop sends chat messages and waits for the last to be durable.
func appendLoop(tb testing.TB, s *store.Store, o loop) *loopStats {
	n, rate, accounts := o.n, o.rate, o.accounts
	if accounts == 0 {
		accounts = 100
	}
	names := make([]string, accounts)
	for i := range names {
		names[i] = fmt.Sprintf("user%03d@localhost", i)
	}
	text := strings.Repeat("How art thou out of breath? ", 3)
	l := &loopStats{n: n, latency: make([]time.Duration, 0, n)}
	done := make(chan *slot, 4096)
	sent, finished := 0, 0
	send := func(m *slot) {
		m.from = (m.from + 7) % accounts
		m.to = (m.from + 1 + sent/accounts%9) % accounts
		m.id = s.NextID()
		from, to := names[m.from]+"/phone-1f3a", names[m.to]+"/laptop-77b0"
		m.put.Append(store.Record{
			ID: m.id, Owners: [2]string{names[m.from], names[m.to]}, From: from, To: to, Kind: 1, Text: text,
			Stanza: fmt.Appendf(nil, "<message xmlns='jabber:client' from='%s' to='%s' type='chat' id='%d'><body>%s</body></message>", from, to, sent, text),
		})
		m.put.SpoolAdd(store.Spool{Owner: names[m.to], ID: m.id, Session: "s" + names[m.to], Seq: uint32(sent)})
		m.put.Then = func(err error) { m.err = err; done <- m }
		m.began = time.Now()
		if err := s.Commit(&m.put); err != nil {
			tb.Fatal(err)
		}
		sent++
	}
	start, cpu := time.Now(), cpuTime()
	part, before := start, s.Stats()
	finish := func(m *slot) {
		if m.err != nil {
			tb.Fatal(m.err)
		}
		l.latency = append(l.latency, time.Since(m.began))
		m.ack.SpoolConfirm(names[m.to], m.id, "s"+names[m.to])
		if err := s.Commit(&m.ack); err != nil {
			tb.Fatal(err)
		}
		if finished++; finished%100_000 == 0 {
			now, st := time.Now(), s.Stats()
			l.parts = append(l.parts, fmt.Sprintf("%.0f (sync %.0f %%)",
				100_000/now.Sub(part).Seconds(), 100*float64(st.Sync-before.Sync)/float64(now.Sub(part))))
			part, before = now, st
		}
	}
	if rate == 0 {
		for i := range min(n, benchInFlight) {
			send(&slot{from: i})
		}
		for finished < n {
			m := <-done
			finish(m)
			if sent < n {
				send(&slot{from: m.from})
			}
		}
	} else {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for finished < n {
			select {
			case m := <-done:
				finish(m)
			case now := <-tick.C:
				for sent < n && sent < int(now.Sub(start).Seconds()*float64(rate)) {
					send(&slot{from: sent})
				}
			}
		}
	}
	flushed := make(chan error, 1)
	s.Barrier(func(err error) { flushed <- err })
	if err := <-flushed; err != nil {
		tb.Fatal(err)
	}
	l.elapsed, l.cpu = time.Since(start), cpuTime()-cpu
	return l
}

var pageRecords = flag.Int("page-records", 100_000, "size of the large archive of BenchmarkPage")

// BenchmarkPage reads the newest 50 records of an owner, of a conversation, and
// 50 from the middle, out of an archive of 1,000 records of ten owners and out
// of a large one.
func BenchmarkPage(b *testing.B) {
	for _, size := range []int{1_000, *pageRecords} {
		s, err := store.Open(store.Options{Path: filepath.Join(b.TempDir(), "natter.db")})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		appendLoop(b, s, loop{n: size, accounts: 10})
		const owner = "user003@localhost"
		first, err := s.Range(context.Background(), owner, store.RangeQuery{N: 1})
		if err != nil || len(first) == 0 {
			b.Fatal(first, err)
		}
		last, err := s.Range(context.Background(), owner, store.RangeQuery{N: 1, Reverse: true})
		if err != nil {
			b.Fatal(err)
		}
		queries := []struct {
			name string
			q    store.RangeQuery
		}{
			{"newest", store.RangeQuery{N: 50, Reverse: true}},
			{"conversation", store.RangeQuery{N: 50, Reverse: true, With: "user004@localhost"}},
			{"middle", store.RangeQuery{N: 50, AfterID: (first[0].ID + last[0].ID) / 2}},
		}
		for _, query := range queries {
			b.Run(fmt.Sprintf("%s of %d", query.name, size), func(b *testing.B) {
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					list, err := s.Range(context.Background(), owner, query.q)
					if err != nil {
						b.Fatal(err)
					}
					n += len(list)
				}
				b.ReportMetric(float64(n)/float64(b.N), "records")
			})
		}
	}
}
