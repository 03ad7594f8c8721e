package scs

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const nsRoster = "jabber:iq:roster"

// befriend subscribes two accounts to each other's presence (RFC 6121 §3.1)
// on connections of its own that never become available, and waits until both
// rosters say so.
func befriend(ctx context.Context, one, two *actor) error {
	a := temporary(one.opt, one.JID, one.Password())
	b := temporary(two.opt, two.JID, two.Password())
	defer a.hangUp()
	defer b.hangUp()
	for _, x := range []*actor{a, b} {
		if err := x.connects(ctx); err != nil {
			return fmt.Errorf("%s: %w", x.JID, err)
		}
	}
	steps := []struct {
		from, to *actor
		kind     string
	}{{a, b, "subscribe"}, {b, a, "subscribed"}, {b, a, "subscribe"}, {a, b, "subscribed"}}
	for _, s := range steps {
		if err := s.from.link.send("<presence type='" + s.kind + "' to='" + escape(s.to.JID) + "'/>"); err != nil {
			return err
		}
		// The answer to an IQ sent after it says that it was processed.
		if _, err := s.from.subscription(ctx, s.to.JID); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(one.opt.Timeout)
	for pause := time.Millisecond; ; pause *= 2 {
		first, err := a.subscription(ctx, b.JID)
		if err != nil {
			return err
		}
		second, err := b.subscription(ctx, a.JID)
		if err != nil {
			return err
		}
		if first == "both" && second == "both" {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the subscriptions are %q and %q, not both", first, second)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	for _, x := range []*actor{a, b} {
		if err := x.disconnects(ctx); err != nil {
			return err
		}
	}
	return nil
}

// subscription asks for the roster and returns the state of one item, "" when
// it is not there. Other stanzas that come before the answer are dropped.
func (a *actor) subscription(ctx context.Context, jid string) (string, error) {
	a.requests++
	id := "scs-roster-" + strconv.Itoa(a.requests)
	if err := a.link.send("<iq type='get' id='" + id + "'><query xmlns='" + nsRoster + "'/></iq>"); err != nil {
		return "", err
	}
	deadline := time.Now().Add(a.opt.Timeout)
	for {
		e, err := a.link.box.next(ctx, time.Until(deadline))
		if err != nil {
			return "", fmt.Errorf("wait for the roster of %s: %w", a.JID, err)
		}
		if got, _ := e.elem.Attr("id"); !e.elem.is(nsClient, "iq") || got != id {
			continue
		}
		query := e.elem.Child(nsRoster, "query")
		if query == nil {
			return "", &refused{what: "roster", got: e.elem}
		}
		for _, item := range query.Elements() {
			if got, _ := item.Attr("jid"); got == jid {
				state, _ := item.Attr("subscription")
				return state, nil
			}
		}
		return "", nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
