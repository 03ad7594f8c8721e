package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const locationHelp = `
Tells contacts where one is (XEP-0080), by PEP, or prints where somebody is.

  natter location                       where the own account is
  natter location JID                   where JID is, if that is for us to know
  natter location LAT LON [TEXT]        say where one is: degrees north and east
  natter location off                   take it back

What is printed is latitude, longitude, time and text, with tabs between them; with
--json an object with all that is known. A latitude or longitude below zero goes
behind --.

  natter location 45.44 12.33 "Venice, at the bridge"
  natter location -- -33.87 151.21
`

const nsGeoloc = "http://jabber.org/protocol/geoloc"

func runLocation(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("location", locationHelp, std)
	af := fs.accountFlags()
	accuracy := fs.Float64("accuracy", 0, "how far off it may be, in `METRES`")
	asJSON := fs.Bool("json", false, "print JSON")
	timeout := fs.Duration("timeout", 15*time.Second, "wait at most `D` for the answer")
	pos, code, ok := fs.parse(args, 0, 100)
	if !ok {
		return code
	}
	say, place := len(pos) > 0 && pos[0] == "off", el(nsGeoloc, "geoloc")
	if len(pos) > 1 {
		var err error
		if place, err = placeOf(pos[0], pos[1], strings.Join(pos[2:], " "), *accuracy, time.Now()); err != nil {
			return fs.usageError("%v", err)
		}
		say = true
	}
	c, err := af.open(ctx, std)
	if err != nil {
		return report(std.err, "location", err)
	}
	go c.serve(ignore)
	defer c.close()
	whose := c.account.jid.Bare().String()
	if len(pos) == 1 && !say {
		j, err := parsePeer(pos[0], c.account.jid.Domainpart())
		if err != nil {
			return report(std.err, "location", err)
		}
		whose = j.Bare().String()
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if say {
		err = c.publish(ctx, nsGeoloc, "current", "", place)
	} else {
		err = c.printPlace(ctx, std.out, whose, *asJSON)
		var refused *stanzaError
		if errors.As(err, &refused) && refused.condition == "not-authorized" {
			err = fail(exitRefused, "natter roster add "+whose+" asks them to let you see it.", "asking %s: %w", whose, err)
			return report(std.err, "location", err)
		}
	}
	return report(std.err, "location", asking(err, whose, *timeout))
}

// placeOf makes the element that says where one is.
func placeOf(lat, lon, text string, accuracy float64, at time.Time) (node, error) {
	place := el(nsGeoloc, "geoloc")
	for _, x := range []struct {
		name, value string
		most        float64
	}{{"lat", lat, 90}, {"lon", lon, 180}} {
		v, err := strconv.ParseFloat(x.value, 64)
		if err != nil || !(v >= -x.most && v <= x.most) { // not a number is neither
			return node{}, fmt.Errorf("%q is no place: degrees between -%v and %v, such as 45.44", x.value, x.most, x.most)
		}
		place = place.with(el("", x.name).text(strconv.FormatFloat(v, 'f', -1, 64)))
	}
	if accuracy > 0 {
		place = place.with(el("", "accuracy").text(strconv.FormatFloat(accuracy, 'f', -1, 64)))
	}
	if text != "" {
		place = place.with(el("", "text").text(text))
	}
	return place.with(el("", "timestamp").text(at.UTC().Format(time.RFC3339))), nil
}

// printPlace prints where an account is. One that does not say prints nothing.
func (c *client) printPlace(ctx context.Context, w io.Writer, whose string, asJSON bool) error {
	answer, err := c.pubsub(ctx, "get", nsPubSub, whose, el("", "items", "node", nsGeoloc, "max_items", "1"))
	var refused *stanzaError
	switch {
	case errors.As(err, &refused) && refused.condition == "item-not-found":
		return nil
	case err != nil:
		return err
	}
	place := answer.child(nsPubSub, "items").child(nsPubSub, "item").child(nsGeoloc, "geoloc")
	if place == nil || len(place.Children) == 0 {
		return nil
	}
	if asJSON {
		all := map[string]string{"jid": whose}
		for _, f := range place.Children {
			all[f.XMLName.Local] = f.Text
		}
		return json.NewEncoder(w).Encode(all)
	}
	field := func(name string) string { return oneLine(place.childText(nsGeoloc, name)) }
	_, err = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", field("lat"), field("lon"), field("timestamp"), field("text"))
	return err
}
