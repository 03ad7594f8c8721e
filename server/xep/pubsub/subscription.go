package pubsub

import (
	"encoding/json"
	"maps"
	"time"

	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

// States of a subscription (XEP-0060 §4.2). Without one it is none.
const (
	stateSubscribed = "subscribed"
	statePending    = "pending"
)

// subscription is what an address has with a node; it does not change.
type subscription struct {
	State string
	Mute  bool      `json:",omitempty"` // pubsub#deliver is false
	Until time.Time `json:",omitzero"`  // a lease's end (§12.19); zero without
	Since uint64    `json:",omitempty"` // an id of the store: when it was asked for
}

// inForce reports whether the subscription gives and gets what subscriptions do.
func (sub *subscription) inForce(now time.Time) bool {
	return sub.State == stateSubscribed && !sub.over(now)
}

// over reports whether it was leased, and the lease has ended.
func (sub *subscription) over(now time.Time) bool {
	return !sub.Until.IsZero() && !now.Before(sub.Until)
}

// subscribe sets a subscription; nil removes it. The map is made anew: changes hold
// on to it as it was.
func (n *node) subscribe(j stanza.JID, sub *subscription) {
	now := maps.Clone(n.subscriptions)
	if now == nil {
		now = make(map[stanza.JID]*subscription)
	}
	if sub == nil {
		delete(now, j)
	} else {
		now[j] = sub
	}
	n.subscriptions = now
}

// prune takes out the subscriptions whose leases have ended, of the store by b. What is
// not stored is taken out again when the service is loaded.
func (s *Service) prune(b *store.Batch, n *node) {
	now, left := time.Now(), n.subscriptions
	for j, sub := range n.subscriptions {
		if !sub.over(now) {
			continue
		}
		if len(left) == len(n.subscriptions) {
			left = maps.Clone(left)
		}
		delete(left, j)
		b.Delete(s.subscriptionKey(n.name, j))
	}
	n.subscriptions = left
}

func (s *Service) subscriptionKey(node string, j stanza.JID) store.Key {
	return s.Host.Key(s.Local, kindSubscription, node+sep+j.String())
}

// putSubscription adds to b what keeps an address's subscription as it is now, or
// that there is none.
func (s *Service) putSubscription(b *store.Batch, n *node, j stanza.JID) error {
	sub := n.subscriptions[j]
	if sub == nil {
		b.Delete(s.subscriptionKey(n.name, j))
		return nil
	}
	data, err := json.Marshal(sub)
	b.Put(store.Doc{Key: s.subscriptionKey(n.name, j), Data: data})
	return err
}

// space says why nobody can subscribe to the node for lack of room, or not this
// address, nil where it can (§6.1.3.9).
func (s *Service) space(n *node, j stanza.JID) error {
	ofOne := 0
	for k := range n.subscriptions {
		if k.Bare() == j.Bare() {
			ofOne++
		}
	}
	if ofOne >= maxOfOne || len(n.subscriptions) >= s.Limits.Subscribers || s.people() >= s.Limits.People {
		return with(stanza.PolicyViolation("the node has too many subscribers"), "too-many-subscriptions", "")
	}
	return nil
}

// maxLease is how long a lease may be; longer ones end then (§12.19).
const maxLease = 366 * 24 * time.Hour

// form returns the options as a form of the given type (§16.4.2).
func (sub *subscription) form(typ string) *forms.Form {
	f := forms.New(typ, formSub).AddBool("pubsub#deliver", "Send me what is published", !sub.Mute)
	if sub.Until.IsZero() {
		return f.Add("text-single", "pubsub#expire", "When the subscription ends")
	}
	return f.Add("text-single", "pubsub#expire", "When the subscription ends", sub.Until.UTC().Format(time.RFC3339))
}

// apply sets what a submitted form holds; options that there are not are left aside.
func (sub *subscription) apply(f *forms.Form) error {
	v, given, err := f.Bool("pubsub#deliver")
	if err != nil {
		return invalidOptions("pubsub#deliver is true or false")
	}
	if given {
		sub.Mute = !v
	}
	if !f.Has("pubsub#expire") {
		return nil
	}
	text := f.Get("pubsub#expire")
	if text == "" {
		sub.Until = time.Time{}
		return nil
	}
	until, err := time.Parse(time.RFC3339Nano, text) // XEP-0082 §3.2
	now := time.Now()
	if err != nil || !until.After(now) {
		return invalidOptions("pubsub#expire is a date and time to come")
	}
	if most := now.Add(maxLease); until.After(most) {
		until = most
	}
	sub.Until = until
	return nil
}

func invalidOptions(text string) error {
	return with(stanza.BadRequest(text), "invalid-options", "")
}
