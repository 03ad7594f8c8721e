package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"

	"natter/server/web"
)

// hangups is sent to at each SIGHUP.
func (o *options) hangups(ctx context.Context) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(c) })
	return c
}

// reloadable is what can change while the server runs.
type reloadable struct {
	level *slog.LevelVar
	certs *certificates
	site  *web.Site
}

// reload reads the command line and the configuration file again and takes over
// what can change: the certificate, the log level and who may read metrics. The
// log says what cannot. When something is wrong everything stays as it was.
func (o *options) reload(args []string, r reloadable, log *slog.Logger) {
	var said bytes.Buffer
	next, _, ok := serveOptions("serve", args, stdio{in: strings.NewReader(""), out: &said, err: &said})
	if !ok {
		log.Error("not reloaded: the configuration is wrong", "err", firstLine(said.String()))
		return
	}
	certs := r.certs.source()
	if next.Cert != o.Cert || next.Key != o.Key {
		var err error
		if certs, err = next.certSource(); err != nil {
			log.Error("not reloaded: the certificate cannot be used", "err", err)
			return
		}
	} else if err := certs.Reload(); err != nil {
		log.Error("not reloaded: the certificate cannot be used, the old one stays", "err", err)
		return
	}
	r.certs.now.Store(certs)
	r.level.Set(next.level)
	r.site.SetMetricsFrom(next.metricsFrom)
	for _, key := range o.restartFor(next) {
		log.Warn("setting changes with a restart only", "setting", key)
	}
	o.Cert, o.Key, o.LogLevel, o.MetricsFrom = next.Cert, next.Key, next.LogLevel, next.MetricsFrom
	log.Info("reloaded", "certificate_until", certs.NotAfter())
}

// reloads are the settings that reload takes over.
var reloads = map[string]bool{"cert": true, "key": true, "log_level": true, "metrics_from": true}

// restartFor returns the keys of the settings that differ in next and that only
// a restart changes.
func (o *options) restartFor(next *options) []string {
	var keys []string
	others := next.all()
	for i, s := range o.all() {
		same := reflect.DeepEqual(s.field.Interface(), others[i].field.Interface())
		// Where a server in memory has its socket was decided at its start.
		decided := s.key == "control" && others[i].field.String() == ""
		if !same && !decided && !reloads[s.key] {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// firstLine returns the first line of what a command line that is wrong was
// answered.
func firstLine(said string) string {
	line, _, _ := strings.Cut(said, "\n")
	return strings.TrimPrefix(line, "natter serve: ")
}
