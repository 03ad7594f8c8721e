package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const pingHelp = `
Logs in, sends a ping (XEP-0199) to the server, or to JID, and prints how long
the answer took.
`

func runPing(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("ping", pingHelp, std)
	af := fs.accountFlags()
	count := fs.Int("count", 1, "send `N` pings, one a second")
	timeout := fs.Duration("timeout", 10*time.Second, "wait at most `D` for each answer")
	pos, code, ok := fs.parse(args, 0, 1)
	if !ok {
		return code
	}
	c, err := af.open(ctx, std)
	if err != nil {
		return report(std.err, "ping", err)
	}
	go c.serve(ignore)
	defer c.close()
	target := c.account.jid.Domain()
	if len(pos) == 1 {
		if target, err = parsePeer(pos[0], c.account.jid.Domainpart()); err != nil {
			return report(std.err, "ping", err)
		}
	}
	for n := range *count {
		if n > 0 {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return exitOK
			}
		}
		took, err := c.ping(ctx, target.String(), *timeout)
		if err != nil {
			return report(std.err, "ping", err)
		}
		fmt.Fprintf(std.out, "%s answered in %s\n", target, took)
	}
	return exitOK
}

// ping asks the address for a sign of life and returns the time it took, as
// text. An address that answers that it knows no ping has answered.
func (c *client) ping(ctx context.Context, to string, timeout time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	_, err := c.iq(ctx, el(nsClient, "iq", "type", "get", "to", to).with(el(nsPing, "ping")))
	took := time.Since(start)
	rounded := took.Round(10 * time.Microsecond).String()
	if took > time.Second {
		rounded = took.Round(10 * time.Millisecond).String()
	}
	var refused *stanzaError
	switch {
	case errors.As(err, &refused) && refused.condition == "feature-not-implemented":
		return rounded + " (it knows no ping)", nil
	case errors.As(err, &refused):
		return "", fail(exitRefused, "", "pinging %s: %w", to, err)
	case errors.Is(err, context.DeadlineExceeded):
		return "", fail(exitTimeout, "", "pinging %s: no answer within %s", to, timeout)
	case err != nil:
		return "", err
	}
	return rounded, nil
}
