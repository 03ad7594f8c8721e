package web

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// metricsHandler returns the handler of /metrics. It answers in the text format
// that Prometheus and its like scrape, version 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/
func (s *Site) metricsHandler() http.Handler { return http.HandlerFunc(s.serveMetrics) }

func (s *Site) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if !s.mayRead(r) {
		http.Error(w, "metrics are not for everybody: see metrics_from in the configuration", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	var b bytes.Buffer
	for _, f := range s.collect() {
		f.writeTo(&b)
	}
	w.Write(b.Bytes())
}

func (f *family) writeTo(b *bytes.Buffer) {
	b.WriteString("# HELP " + f.name + " " + f.help + "\n# TYPE " + f.name + " " + string(f.kind) + "\n")
	for _, s := range f.samples {
		writeSample(b, f.name, s)
	}
	if f.kind != summed {
		return
	}
	for i, n := range f.histogram.counts {
		bound := "+Inf"
		if i < len(f.histogram.bounds) {
			bound = format(f.histogram.bounds[i])
		}
		writeSample(b, f.name+"_bucket", sample{"le", bound, float64(n)})
	}
	all := f.histogram.counts[len(f.histogram.counts)-1]
	writeSample(b, f.name+"_sum", sample{value: f.histogram.sum})
	writeSample(b, f.name+"_count", sample{value: float64(all)})
}

func writeSample(b *bytes.Buffer, name string, s sample) {
	b.WriteString(name)
	if s.label != "" {
		b.WriteString("{" + s.label + `="` + labelValue.Replace(s.is) + `"}`)
	}
	b.WriteString(" " + format(s.value) + "\n")
}

var labelValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func format(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
