package c2s

import (
	"slices"
	"strconv"
	"strings"

	"natter/server"
	"natter/server/auth"
	"natter/stanza"
)

const (
	nsUpgrade   = "urn:xmpp:sasl:upgrade:0"
	nsSCRAM     = "urn:xmpp:scram-upgrade:0"
	upgradeTask = "UPGR-SCRAM-SHA-256"
)

// task is an upgrade under way (XEP-0480, version 0.2.0).
type task struct {
	upgrade *auth.Upgrade
	begun   bool // the client has the salt
}

// upgrades is what is announced (§2.1), always the same, so that it tells nothing of
// who has an account. An upgrade to SHA-1 would be of no use to a client that knows
// this protocol, and for SHA-512 no keys are kept.
func upgrades(mechs []string) string {
	if !slices.Contains(mechs, "SCRAM-SHA-256") {
		return ""
	}
	return "<upgrade xmlns='" + nsUpgrade + "'>" + upgradeTask + "</upgrade>"
}

// beginUpgrade asks for what the account lacks when the client has offered it (§2.2).
// One that has shown a token only has not shown that it knows the password, and sets
// none.
func (c *conn) beginUpgrade(t *server.Turn, extra string) (begun bool, err error) {
	r := c.login.request
	if !r.upgrade || r.login.Token != "" {
		return false, nil
	}
	creds, ok, err := c.host.Auth.Lookup(r.login.Local)
	if err != nil || !ok || !creds.Lacks256() {
		return false, nil // it is as good without
	}
	up, err := auth.NewUpgrade()
	if err != nil {
		return false, nil
	}
	c.login.task = &task{upgrade: up}
	c.stream.DeliverNonza(t, []byte("<continue xmlns='"+nsSASL2+"'>"+extra+"<tasks><task>"+upgradeTask+"</task></tasks></continue>"))
	return true, nil
}

// task takes the client through an upgrade (§3, XEP-0388 §2.6.3).
func (c *conn) task(t *server.Turn, st *stanza.Stanza, name string) error {
	k := c.login.task
	switch {
	case name == "abort":
		return c.failed(t, nsSASL2, &auth.Failure{Condition: auth.Aborted})
	case name == "next" && !k.begun:
		if chosen, _ := st.AttrString("", "task"); chosen != upgradeTask {
			return c.failed(t, nsSASL2, &auth.Failure{Condition: auth.MalformedRequest, Text: "that task was not offered"})
		}
		k.begun = true
		c.stream.DeliverNonza(t, []byte("<task-data xmlns='"+nsSASL2+"'><salt xmlns='"+nsSCRAM+"' iterations='"+
			strconv.Itoa(k.upgrade.Iterations)+"'>"+auth.EncodeBase64(k.upgrade.Salt)+"</salt></task-data>"))
		return nil
	case name == "task-data" && k.begun:
		salted, err := salted(st)
		if err != nil {
			return c.failed(t, nsSASL2, err)
		}
		t.Flush()
		if err := c.host.Upgrade(c.login.request.login.Local, k.upgrade, salted); err != nil {
			return c.failed(t, nsSASL2, &auth.Failure{Condition: auth.TemporaryAuthFailure, Err: err})
		}
		c.login.task = nil
		return c.welcome(t, "")
	}
	return outOfPlace()
}

// salted reads the SaltedPassword (§3).
func salted(st *stanza.Stanza) ([]byte, error) {
	h, ok := st.Child(nsSCRAM, "hash")
	if !ok {
		return nil, &auth.Failure{Condition: auth.MalformedRequest, Text: "the hash is missing"}
	}
	b, err := auth.DecodeBase64(strings.TrimSpace(st.Text(h)))
	if err == nil && len(b) != auth.SaltedSize {
		err = &auth.Failure{Condition: auth.MalformedRequest, Text: "the hash has not the length of SHA-256's"}
	}
	return b, err
}
