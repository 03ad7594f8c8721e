package administration

import (
	"errors"
	"fmt"
	"time"

	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// add makes an account (§4.1).
func (m *module) add(k *call) error {
	h, local, err := m.account(k.form.Get("accountjid"))
	if err != nil {
		return err
	}
	if k.form.Get("password") != k.form.Get("password-verify") {
		return stanza.NotAcceptable("the two passwords are not the same")
	}
	err = h.Create(k.ctx, local, k.form.Get("password"))
	if errors.Is(err, server.ErrExists) {
		return stanza.Conflict("the account exists already")
	}
	if err == nil {
		k.note = "The account was made."
	}
	return err
}

// remove deletes accounts (§4.2).
func (m *module) remove(k *call) error {
	n := 0
	m.each(k, func(h *server.Host, local string) error {
		durable := make(chan error, 1)
		if err := h.Remove(k.Turn, local, func(_ *server.Turn, err error) { durable <- err }); err != nil {
			return err
		}
		select {
		case err := <-durable:
			if err == nil {
				n++
			}
			return err
		case <-k.ctx.Done():
			return k.ctx.Err()
		}
	})
	k.note = done(n, "deleted")
	return nil
}

// disable disables accounts and ends their sessions, or enables them (§4.3, §4.4).
func (m *module) disable(k *call, off bool) error {
	n := 0
	m.each(k, func(h *server.Host, local string) error {
		b, err := h.Disable(local, off)
		if err == nil {
			err = m.host.Server.Store.CommitWait(k.ctx, b)
		}
		if err != nil {
			return err
		}
		n++
		if off {
			end(k, h.Online(local), "")
		}
		return nil
	})
	k.note = done(n, map[bool]string{true: "disabled", false: "enabled"}[off])
	return nil
}

// endSessions ends all sessions of accounts, or those that are named (§4.5).
func (m *module) endSessions(k *call) error {
	n := 0
	for _, v := range k.form.List("accountjids") {
		h, local, err := m.account(v)
		if err != nil {
			k.failed = append(k.failed, fmt.Sprintf("%s: %s.", v, plain(err)))
			continue
		}
		j, _ := stanza.ParseJID(v)
		n += end(k, h.Online(local), j.Resource())
	}
	k.note = fmt.Sprintf("Sessions ended: %d.", n)
	return nil
}

// end ends the sessions of an account, or of its resource when that is not empty, once
// the command has been answered, which may go to one of them.
func end(k *call, a *server.Account, resource string) int {
	if a == nil {
		return 0
	}
	var list []*server.Session
	for _, s := range a.Snapshot() {
		if resource == "" || s.Resource == resource {
			list = append(list, s)
		}
	}
	before := k.then
	k.then = func(t *server.Turn) {
		if before != nil {
			before(t)
		}
		for _, s := range list {
			s.Out.End(t, &stanza.StreamError{Condition: "policy-violation", Text: "an administrator ended this session"})
		}
	}
	return len(list)
}

// password sets one (§4.7).
func (m *module) password(k *call) error {
	h, local, err := m.account(k.form.Get("accountjid"))
	if err != nil {
		return err
	}
	b, err := h.SetPassword(local, k.form.Get("password"))
	if errors.Is(err, server.ErrUnknown) {
		return stanza.ItemNotFound("there is no such account")
	}
	if err == nil {
		err = m.host.Server.Store.CommitWait(k.ctx, b)
	}
	if err == nil {
		k.note = "The password was changed."
	}
	return err
}

// rosters shows contact lists (§4.8).
func (m *module) rosters(k *call) error {
	k.result.Add("jid-multi", "accountjids", "The accounts", k.form.List("accountjids")...)
	var rosters []byte
	m.each(k, func(h *server.Host, local string) error {
		a, err := h.LockAccount(k.Turn, local)
		if a == nil || err != nil {
			return err
		}
		defer a.Unlock()
		rosters = a.Roster.AppendResult(rosters)
		return nil
	})
	k.extra = rosters
	return nil
}

// lastLogin shows when accounts were last here (§4.9).
func (m *module) lastLogin(k *call) error {
	k.result.Add("jid-multi", "accountjids", "The accounts", k.form.List("accountjids")...)
	var times []string
	m.each(k, func(h *server.Host, local string) error {
		a, err := h.Account(k.Turn, local)
		if a == nil || err != nil {
			return err
		}
		var at time.Time
		for _, s := range a.Snapshot() {
			if s.Since.After(at) {
				at = s.Since
			}
		}
		for _, mod := range h.Modules {
			if at.IsZero() && mod.LastSeen != nil {
				at, _ = mod.LastSeen(k.Turn, a)
			}
		}
		said := "never"
		if !at.IsZero() {
			said = at.UTC().Format(time.RFC3339) // XEP-0082
		}
		times = append(times, said)
		return nil
	})
	k.result.Add("text-multi", "lastlogin", "When they were last here", times...)
	return nil
}

// userStats shows what there is to say of one account (§4.10).
func (m *module) userStats(k *call) error {
	h, local, err := m.account(k.form.Get("accountjid"))
	if err != nil {
		return err
	}
	a, err := h.LockAccount(k.Turn, local)
	if err != nil {
		return err
	}
	if a == nil {
		return stanza.ItemNotFound("there is no such account")
	}
	var addresses, resources []string
	for _, s := range a.Sessions() {
		addresses = append(addresses, s.Remote)
		resources = append(resources, s.Resource)
	}
	contacts := a.Roster.Len()
	a.Unlock()
	k.result.Add("jid-single", "accountjid", "The account", a.Bare).
		Add("text-multi", "ipaddresses", "From where", addresses...).
		AddInt("rostersize", "How many contacts", contacts).
		Add("text-multi", "onlineresources", "Its sessions", resources...)
	return nil
}

// The sets of accounts that are counted and listed, as bare JIDs in order.
func registered(m *module, k *call, add func(jid string) bool) error {
	return m.all(k, func(h *server.Host, local string) (bool, error) { return true, nil }, add)
}

func disabled(m *module, k *call, add func(jid string) bool) error {
	return m.all(k, func(h *server.Host, local string) (bool, error) { return h.Disabled(local) }, add)
}

func online(m *module, k *call, add func(jid string) bool) error {
	return m.all(k, func(h *server.Host, local string) (bool, error) { n, _ := sessions(h, local); return n > 0, nil }, add)
}

func active(m *module, k *call, add func(jid string) bool) error {
	return m.all(k, func(h *server.Host, local string) (bool, error) { _, n := sessions(h, local); return n > 0, nil }, add)
}

func idle(m *module, k *call, add func(jid string) bool) error {
	return m.all(k, func(h *server.Host, local string) (bool, error) {
		all, awake := sessions(h, local)
		return all > 0 && awake == 0, nil
	}, add)
}

// sessions counts an account's sessions, and those of them that are connected and
// not in the background (XEP-0352).
func sessions(h *server.Host, local string) (all, awake int) {
	a := h.Online(local)
	if a == nil {
		return 0, 0
	}
	for _, s := range a.Snapshot() {
		all++
		if !s.Has(server.SessionDetached | server.SessionInactive) {
			awake++
		}
	}
	return all, awake
}

// all calls add with every account of the host that is in the set, until it returns
// false.
func (m *module) all(k *call, in func(*server.Host, string) (bool, error), add func(string) bool) error {
	errStop := errors.New("enough")
	err := m.host.EachAccount(k.ctx, func(local string, _ time.Time) error {
		ok, err := in(m.host, local)
		if errors.Is(err, server.ErrUnknown) {
			return nil // removed just now
		}
		if err == nil && ok && !add(local+"@"+m.host.Name) {
			return errStop
		}
		return err
	})
	if err == errStop {
		return nil
	}
	return err
}

type set func(*module, *call, func(string) bool) error

// count makes a command that counts a set (§4.13 to §4.17).
func count(name, label string, in set) func(*module, *call) error {
	return func(m *module, k *call) error {
		n := 0
		if err := in(m, k, func(string) bool { n++; return true }); err != nil {
			return err
		}
		k.result.AddInt(name, label, n)
		return nil
	}
}

// most is how many addresses one answer holds.
const most = 1000

func fillMax(_ *module, f *forms.Form) {
	d := f.Field("max_items")
	d.Values = []string{"100"}
	for _, v := range []string{"25", "50", "100", "200", "500"} {
		d.Options = append(d.Options, forms.Option{Label: v, Value: v})
	}
	d.Options = append(d.Options, forms.Option{Label: fmt.Sprintf("As many as fit (%d)", most), Value: "none"})
}

// list makes a command that lists a set (§4.18 to §4.22).
func list(name, label string, in set) func(*module, *call) error {
	return func(m *module, k *call) error {
		bound := most
		if v := k.form.Get("max_items"); v != "" && v != "none" {
			if _, err := fmt.Sscanf(v, "%d", &bound); err != nil || bound < 1 {
				return stanza.BadRequest("max_items is a number, or none")
			}
			bound = min(bound, most)
		}
		var jids []string
		if err := in(m, k, func(jid string) bool {
			jids = append(jids, jid)
			return len(jids) < bound
		}); err != nil {
			return err
		}
		k.result.Add("jid-multi", name, label, jids...)
		return nil
	}
}
