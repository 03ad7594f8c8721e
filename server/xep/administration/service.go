package administration

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

func (m *module) fillAdmins(f *forms.Form) { f.Field("adminjids").Values = m.host.Server.Admins() }

// editAdmins changes who administers the server (§4.29). Those of the configuration
// stay.
func (m *module) editAdmins(k *call) error {
	var list []string
	for _, v := range k.form.List("adminjids") {
		if strings.TrimSpace(v) == "" {
			continue
		}
		h, local, err := m.account(v)
		if err != nil {
			return err
		}
		if !h.Exists(local) {
			return stanza.ItemNotFound("there is no account " + v)
		}
		list = append(list, local+"@"+h.Name)
	}
	durable := make(chan error, 1)
	if err := m.host.Server.SetAdmins(k.Turn, list, func(_ *server.Turn, err error) { durable <- err }); err != nil {
		return err
	}
	if err := <-durable; err != nil {
		return err
	}
	k.note = "Administrators: " + strings.Join(m.host.Server.Admins(), ", ") + "."
	return nil
}

var stopFields = []field{
	{"list-single", "delay", "When", false},
	{"text-multi", "announcement", "What to tell everybody online", false},
}

func fillDelay(_ *module, f *forms.Form) {
	d := f.Field("delay")
	d.Values = []string{"60"}
	for _, o := range []struct{ label, value string }{
		{"At once", "0"}, {"In 30 seconds", "30"}, {"In a minute", "60"}, {"In 5 minutes", "300"}, {"In 15 minutes", "900"}, {"In an hour", "3600"},
	} {
		d.Options = append(d.Options, forms.Option{Label: o.label, Value: o.value})
	}
}

// ending is a stop that is to come.
type ending struct {
	mu    sync.Mutex
	alarm server.Alarm
}

// stop restarts or shuts down the server after a while (§4.30, §4.31).
func (m *module) stop(k *call, restart bool) error {
	delay := 60
	if v := k.form.Get("delay"); v != "" {
		var err error
		if delay, err = strconv.Atoi(v); err != nil || delay < 0 || delay > 24*3600 {
			return stanza.BadRequest("delay is a number of seconds, up to a day")
		}
	}
	s, err := text(k, "announcement")
	if err != nil {
		return err
	}
	srv := m.host.Server
	what := map[bool]string{true: "restarts", false: "shuts down"}[restart]
	if !srv.CanStop() {
		return stanza.NotAllowed("this server cannot be stopped from within")
	}
	k.note = fmt.Sprintf("The server %s in %d seconds.", what, delay)
	k.then = func(t *server.Turn) {
		if s != "" {
			m.tell(t, s)
		}
		m.ending.mu.Lock()
		defer m.ending.mu.Unlock()
		srv.Wheel.Stop(&m.ending.alarm) // the last word counts
		m.ending.alarm.Run = func() { srv.Stop(restart) }
		srv.Wheel.Set(&m.ending.alarm, time.Duration(delay)*time.Second)
	}
	return nil
}
