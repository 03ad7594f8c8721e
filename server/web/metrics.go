package web

import (
	"runtime"

	"natter/server"
	"natter/stanza"
)

// A family is one metric with its samples. Names and meaning are stable:
// docs/operations.md lists them.
type family struct {
	name, help string
	kind       kind
	samples    []sample  // of a counter or gauge
	histogram  histogram // of a histogram
}

type kind string

const (
	counter kind = "counter"
	gauge   kind = "gauge"
	summed  kind = "histogram"
)

// A sample is a value, told from others of its family by at most one label.
type sample struct {
	label, is string
	value     float64
}

// A histogram counts by upper bound, in seconds. counts[i] are those up to
// bounds[i], those below included; the last one is all there are.
type histogram struct {
	bounds []float64
	counts []uint64
	sum    float64
}

// one is a family of a single sample.
func one(name string, k kind, help string, value float64) family {
	return family{name: name, help: help, kind: k, samples: []sample{{value: value}}}
}

// collect reads every metric. It reads state that is there anyway and the totals
// of server.Stats; nothing is counted for its sake alone.
func (s *Site) collect() []family {
	all, early := s.clients.Connections()
	sessions, detached := 0, 0
	s.core.EachSession(func(x *server.Session) {
		sessions++
		if x.Has(server.SessionDetached) {
			detached++
		}
	})
	accounts := family{name: "natter_accounts", kind: gauge, help: "Accounts, by host."}
	for _, name := range s.core.Config.Domains {
		if h := s.core.Host(name); h != nil {
			accounts.samples = append(accounts.samples, sample{"host", h.Name, float64(len(h.Accounts()))})
		}
	}
	t, st := s.core.Stats.Totals(), s.core.Store.Stats()
	return []family{
		{name: "natter_build_info", kind: gauge, help: "1, with the version of natter.", samples: []sample{{"version", s.version, 1}}},
		one("process_start_time_seconds", gauge, "When the server was started, in seconds since 1970.", float64(s.started.UnixMilli())/1000),
		one("go_goroutines", gauge, "Goroutines.", float64(runtime.NumGoroutine())),

		one("natter_connections", gauge, "Open client connections.", float64(all)),
		one("natter_connections_before_login", gauge, "Those of them that have no session yet.", float64(early)),
		one("natter_sessions", gauge, "Bound sessions, detached ones included.", float64(sessions)),
		one("natter_sessions_detached", gauge, "Those of them that lost their connection and may be resumed.", float64(detached)),
		accounts,
		{name: "natter_logins_total", kind: counter, help: "Tries to log in, by outcome.", samples: []sample{
			{"outcome", "accepted", float64(t.Logins)}, {"outcome", "refused", float64(t.Refused)},
		}},

		byKind("natter_stanzas_received_total", "Stanzas that sessions sent, by kind.", t.Received[:]),
		byKind("natter_stanzas_sent_total", "Stanzas that sessions were given, by kind.", t.Sent[:]),
		one("natter_received_bytes_total", counter, "Size of the stanzas that sessions sent, TLS not counted.", float64(t.ReceivedBytes)),
		one("natter_sent_bytes_total", counter, "Size of the stanzas that sessions were given, TLS not counted.", float64(t.SentBytes)),
		one("natter_offline_messages_stored_total", counter, "Messages that had to wait for an absent account.", float64(t.Spooled)),
		one("natter_offline_messages_delivered_total", counter, "Messages that had waited and were given to a session.", float64(t.Drained)),

		{name: "natter_commit_seconds", kind: summed, help: "Time from handing a change to the store until it is on disk.", histogram: seconds(t.Commits)},
		one("natter_store_queue_batches", gauge, "Changes that wait to be on disk.", float64(st.Queued)),
		one("natter_store_queue_bytes", gauge, "Their size.", float64(st.QueuedBytes)),
		one("natter_store_batches_total", counter, "Changes decided.", float64(st.Batches)),
		one("natter_store_transactions_total", counter, "Transactions that were made durable; many changes share one.", float64(st.Groups)),
		one("natter_store_errors_total", counter, "Transactions that failed.", float64(st.Errors)),
		one("natter_store_sync_seconds_total", counter, "Time spent in making transactions durable.", st.Sync.Seconds()),
	}
}

func byKind(name, help string, n []uint64) family {
	return family{name: name, kind: counter, help: help, samples: []sample{
		{"kind", "message", float64(n[stanza.Message])},
		{"kind", "presence", float64(n[stanza.Presence])},
		{"kind", "iq", float64(n[stanza.IQ])},
	}}
}

func seconds(l server.LatencyTotals) histogram {
	h := histogram{sum: l.Sum.Seconds()}
	total := uint64(0)
	for i, n := range l.Buckets {
		total += n
		h.counts = append(h.counts, total)
		if i < len(server.LatencyBounds) {
			h.bounds = append(h.bounds, server.LatencyBounds[i].Seconds())
		}
	}
	return h
}
