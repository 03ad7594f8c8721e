package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

const mamHelp = `
Prints messages from the archive (XEP-0313) of the account, or of the room JID:
the last ones, oldest first, one a line: time, sender, recipient and text, with tabs
between them (a newline, a tab and a backslash in the text become \n, \t and \\).
With --json each is a JSON object on a line, as natter listen prints it.

  natter mam --with juliet@localhost
  natter mam --search '"light wings"' --start 2026-01-01
  natter mam --max 0 --json > everything.jsonl
  natter mam verona@conference.localhost

A time is a date such as 2026-01-31, a time such as 2026-01-31T12:00:00Z, or how
long ago it was, such as 90m or 48h. --search takes words that must all be in a
message; words in double quotes must follow each other, and one that ends in *
stands for all that begin so.
`

// mamRun is one run of the verb.
type mamRun struct {
	query historyQuery
	max   int
	json  bool
	std   stdio
}

func runMAM(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("mam", mamHelp, std)
	af := fs.accountFlags()
	r := mamRun{std: std}
	with := fs.String("with", "", "only messages with this `JID`")
	start := fs.String("start", "", "only messages since this `TIME`")
	end := fs.String("end", "", "only messages up to this `TIME`")
	fs.StringVar(&r.query.search, "search", "", "only messages with these `WORDS`")
	fs.IntVar(&r.max, "max", 50, "the last `N` messages, 0 for all")
	fs.BoolVar(&r.json, "json", false, "print JSON lines")
	timeout := fs.Duration("timeout", 30*time.Second, "wait at most `D` for each answer")
	pos, code, ok := fs.parse(args, 0, 1)
	if !ok {
		return code
	}
	if r.max < 0 {
		return fs.usageError("--max cannot be negative")
	}
	for _, t := range []struct {
		flag, value string
		to          *string
	}{{"start", *start, &r.query.start}, {"end", *end, &r.query.end}} {
		at, err := parseWhen(t.value, time.Now())
		if err != nil {
			return fs.usageError("--%s %q is no time: try 2026-01-31, 2026-01-31T12:00:00Z or 48h", t.flag, t.value)
		}
		*t.to = at
	}
	if *with != "" {
		j, err := parsePeer(*with, "localhost")
		if err != nil {
			return report(std.err, "mam", err)
		}
		r.query.with = j.String()
	}
	c, err := af.open(ctx, std)
	if err != nil {
		return report(std.err, "mam", err)
	}
	go c.serve(ignore)
	defer c.close()
	if len(pos) == 1 {
		j, err := parsePeer(pos[0], c.account.jid.Domainpart())
		if err != nil {
			return report(std.err, "mam", err)
		}
		if r.query.archive = j.Bare().String(); r.query.archive == c.account.jid.String() {
			r.query.archive = ""
		}
	}
	return report(std.err, "mam", asking(r.run(ctx, c, *timeout), firstSet(r.query.archive, c.account.jid.String()), *timeout))
}

// run prints the last messages, or all of them page by page.
func (r *mamRun) run(ctx context.Context, c *client, timeout time.Duration) error {
	if r.max > 0 {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		list, err := c.historyBack(ctx, r.query, r.max)
		if err != nil {
			return err
		}
		return r.print(list)
	}
	q := r.query
	for q.max = archivePage; ; {
		page, err := r.page(ctx, c, q, timeout)
		if err != nil {
			return err
		}
		if err := r.print(page.messages); err != nil {
			return err
		}
		if page.complete || page.last == "" {
			return nil
		}
		q.after = page.last
	}
}

func (r *mamRun) page(ctx context.Context, c *client, q historyQuery, timeout time.Duration) (historyPage, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.history(ctx, q)
}

func (r *mamRun) print(list []message) error {
	e := json.NewEncoder(r.std.out)
	e.SetEscapeHTML(false)
	for _, m := range list {
		var err error
		switch {
		case r.json:
			err = e.Encode(m.json())
		case m.body == "" && m.subject == "" && !m.retracted: // a receipt, a marker
		default:
			text := firstSet(m.body, m.subject)
			if m.retracted {
				text = "(taken back)"
			}
			_, err = fmt.Fprintf(r.std.out, "%s\t%s\t%s\t%s\n", m.sent.Local().Format(time.RFC3339), printable(m.from), printable(m.to), escapeLine(text))
		}
		if err != nil {
			return fail(exitUsage, "", "printing a message: %w", err)
		}
	}
	return nil
}

// parseWhen reads a time as people write it and returns it as XEP-0082 does; "" stays.
func parseWhen(s string, now time.Time) (string, error) {
	if s == "" {
		return "", nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d).UTC().Format(time.RFC3339), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return t.UTC().Format(time.RFC3339), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC().Format(time.RFC3339Nano), err
}
