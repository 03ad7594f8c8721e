package servertest

import (
	"slices"
	"strings"

	"natter/server/servertest/scs"
	"natter/stanza"
)

// Expect reads the next element and matches it as a script would: what is named
// has to be there, extra attributes and children are fine, {scansion:any}
// matches anything. It returns the element.
func (c *Client) Expect(want string) string {
	c.t.Helper()
	got := c.Next()
	if diff := scs.Compare(want, got); diff != "" {
		c.t.Fatalf("%s expected\n  %s\nand received\n  %s\n%s", c.who(), want, got, diff)
	}
	return got
}

// ExpectAll reads as many elements as are wanted and matches them in any order.
func (c *Client) ExpectAll(wants ...string) {
	c.t.Helper()
	left := slices.Clone(wants)
	for range wants {
		got := c.Next()
		i := slices.IndexFunc(left, func(want string) bool { return scs.Compare(want, got) == "" })
		if i < 0 {
			c.t.Fatalf("%s received\n  %s\nand expected, in any order,\n  %s", c.who(), got, strings.Join(left, "\n  "))
		}
		left = slices.Delete(left, i, i+1)
	}
}

// ExpectError reads the next element, which has to be an error stanza with this
// condition, and returns it.
func (c *Client) ExpectError(condition string) string {
	c.t.Helper()
	got := c.Next()
	st, err := stanza.ParseIn([]byte(got), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		c.t.Fatal(err)
	}
	if e := stanza.ErrorOf(st); st.Type != stanza.TypeError || e == nil || e.Condition != condition {
		c.t.Fatalf("%s expected a stanza error %s and received\n  %s", c.who(), condition, got)
	}
	return got
}

// ExpectStreamError reads up to the end of the stream, which has to be a stream
// error with this condition and the closing tag.
func (c *Client) ExpectStreamError(condition string) {
	c.t.Helper()
	var last string
	for {
		e, err := c.Read()
		if err != nil {
			break
		}
		last = e
	}
	if !strings.HasPrefix(last, "<stream:error>") || !strings.Contains(last, "<"+condition+" ") {
		c.t.Fatalf("%s expected the stream error %s and received last\n  %s", c.who(), condition, last)
	}
}

func (c *Client) who() string {
	if c.JID.IsZero() {
		return "the client"
	}
	return c.JID.String()
}
