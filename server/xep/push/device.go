package push

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// kind is the kind of the documents, one a device, under service and node.
const kind = "push"

// maxLog is how many entries the log of a device holds.
const maxLog = 20

// device is one registration: a node at a push service. The stored part does not
// change once it is shared; a change is a new device in its place.
type device struct {
	Service string
	Node    string `json:",omitempty"`
	Options []byte `json:",omitempty"` // the form of publish options, as it came
	Session string `json:",omitempty"` // the session that enabled it, by its id
	Since   time.Time
	Log     []entry `json:",omitempty"` // newest last

	state *state
}

// state is what changes of a device while the server runs; under the account's lock.
type state struct {
	asking bool // a notice is under way
	again  bool // … and something came meanwhile
	next   cause
	count  int // notices since the device was last connected
	failed int // in a row
}

// entry is a line of a device's log.
type entry struct {
	At   time.Time
	What string // "message", "call", "subscription request"
	Came string // "sent", or why it was not
}

func (d *device) key() string { return d.Service + "\n" + d.Node }

func (d *device) note(e entry) {
	e.At = time.Now().UTC().Truncate(time.Second)
	log := append(append([]entry(nil), d.Log...), e) // not in place: it may be on its way to the store
	d.Log = log[max(0, len(log)-maxLog):]
}

type devices []*device

func (l devices) find(service stanza.JID, node string) *device {
	for _, d := range l {
		if d.Service == service.String() && d.Node == node {
			return d
		}
	}
	return nil
}

// like returns the device of the same key, nil without.
func (l devices) like(d *device) *device {
	for _, other := range l {
		if other.key() == d.key() {
			return other
		}
	}
	return nil
}

// with returns the list with d in the place of the device of the same key, whose
// notices under way become its own.
func (l devices) with(d *device) devices {
	out := devices{}
	for _, old := range l {
		if old.key() == d.key() {
			d.state = old.state
			continue
		}
		out = append(out, old)
	}
	if d.state == nil {
		d.state = new(state)
	}
	d.state.count, d.state.failed = 0, 0
	return append(out, d)
}

type devicesKey struct{}

// devicesOf returns the account's devices; the account must be locked.
func devicesOf(a *server.Account) devices {
	l, _ := a.Value(devicesKey{}).(devices)
	return l
}

// use makes list the account's devices; the account must be locked or not shared.
func use(a *server.Account, list devices) {
	a.SetValue(devicesKey{}, list)
	a.Set(server.AccountPush, len(list) > 0)
}

func (m *module) doc(a *server.Account, d *device) store.Doc {
	data, _ := json.Marshal(d) // strings, bytes and times
	return store.Doc{Key: m.host.Key(a.Local, kind, d.key()), Data: data}
}

// load reads the account's devices.
func (m *module) load(a *server.Account) error {
	ctx, cancel := context.WithTimeout(context.Background(), m.host.Server.Config.StoreTimeout)
	defer cancel()
	docs, err := m.host.Server.Store.List(ctx, m.host.Name, a.Local, kind, "", "", maxDevices)
	if err != nil {
		return err
	}
	var list devices
	for _, doc := range docs {
		d := &device{state: new(state)}
		if err := json.Unmarshal(doc.Data, d); err != nil {
			return fmt.Errorf("push device of %s: %w", a.Bare, err)
		}
		list = append(list, d)
	}
	use(a, list)
	return nil
}
