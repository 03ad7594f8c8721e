package web

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// collector hands what Site.collect reads to Prometheus's registry, at each
// scrape.
type collector struct{ site *Site }

// Describe describes nothing: the metrics are checked as they come.
func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, f := range c.site.collect() {
		if f.kind == summed {
			h := f.histogram
			buckets := make(map[float64]uint64, len(h.bounds))
			for i, bound := range h.bounds {
				buckets[bound] = h.counts[i]
			}
			desc := prometheus.NewDesc(f.name, f.help, nil, nil)
			out <- prometheus.MustNewConstHistogram(desc, h.counts[len(h.counts)-1], h.sum, buckets)
			continue
		}
		kind := prometheus.GaugeValue
		if f.kind == counter {
			kind = prometheus.CounterValue
		}
		for _, s := range f.samples {
			var labels, values []string
			if s.label != "" {
				labels, values = []string{s.label}, []string{s.is}
			}
			out <- prometheus.MustNewConstMetric(prometheus.NewDesc(f.name, f.help, labels, nil), kind, s.value, values...)
		}
	}
}

// metricsHandler returns the handler of /metrics, over a registry of its own.
func (s *Site) metricsHandler() http.Handler {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(collector{s})
	metrics := promhttp.HandlerFor(r, promhttp.HandlerOpts{DisableCompression: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.mayRead(r) {
			http.Error(w, "metrics are not for everybody: see metrics_from in the configuration", http.StatusForbidden)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		metrics.ServeHTTP(w, r)
	})
}
