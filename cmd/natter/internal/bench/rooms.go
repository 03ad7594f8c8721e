package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Rooms is what rooms cost that are on disk and that nobody is in.
type Rooms struct {
	StartEmpty  float64 `json:"start_empty_s"` // until a client has logged in, without any
	Start       float64 `json:"start_s"`       // … with them
	EmptyKB     int64   `json:"rss_empty_kb"`  // resident after --settle, without any
	KB          int64   `json:"rss_kb"`        // … with them
	List        Latency `json:"list_us"`       // a page of 100 of the service's items, anywhere
	Search      Latency `json:"search_us"`     // a search that finds one room
	AfterKB     int64   `json:"rss_after_kb"`  // resident after lists and searches
	Listed      int     `json:"listed"`        // by going through all pages
	ListSeconds float64 `json:"list_all_s"`    // … which took this long
}

// String says it in a line.
func (r *Rooms) String() string {
	return fmt.Sprintf("started in %.2f s and resident with %.1f MB (with no rooms %.2f s and %.1f MB); a page of the list takes p50 %.0f, max %.0f us, all %d rooms %.1f s, a search p50 %.0f, max %.0f us; %.1f MB after all that",
		r.Start, float64(r.KB)/1024, r.StartEmpty, float64(r.EmptyKB)/1024, r.List.P50, r.List.Max, r.Listed, r.ListSeconds, r.Search.P50, r.Search.Max, float64(r.AfterKB)/1024)
}

// roomsEach is how many rooms one account makes: as many as it may by default.
const roomsEach = 100

func roomOwners(o *Options) int { return (o.Rooms + roomsEach - 1) / roomsEach }

// runRooms makes o.Rooms rooms that are kept, leaves them, starts the server again and
// measures what is left of them in memory and how long it takes to list and to find
// them. An operation is one room made.
func runRooms(ctx context.Context, t *target, o *Options, r *Result) error {
	if t.again == nil {
		return errors.New("mode rooms starts the server itself")
	}
	r.Rooms = &Rooms{}
	in := &login{o: o, keys: &keyCache{}}
	serves := func() error {
		c, err := in.open(ctx, t.addr, 1)
		if err == nil {
			c.bye()
		}
		return err
	}
	if err := serves(); err != nil {
		return err
	}
	settled := func(kb *int64, start *float64) error {
		began, err := t.again(ctx)
		if err != nil {
			return err
		}
		if err := serves(); err != nil {
			return err
		}
		*start = time.Since(began).Seconds()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(o.Settle):
		}
		*kb, err = residentKB(t.pid)
		return err
	}
	if err := settled(&r.Rooms.EmptyKB, &r.Rooms.StartEmpty); err != nil {
		return err
	}
	var made atomic.Int64
	from := readMeter(t.pid)
	err := rush(ctx, roomOwners(o), o.Rush, func(ctx context.Context, i int) error {
		c, err := in.open(ctx, t.addr, i+1)
		if err != nil {
			return err
		}
		defer c.bye()
		for n := i * roomsEach; n < min((i+1)*roomsEach, o.Rooms); n++ {
			if err := makeRoom(c, o, n); err != nil {
				return err
			}
			made.Add(1)
		}
		return nil
	})
	readMeter(t.pid).since(from, made.Load(), r)
	if err != nil {
		return err
	}
	if err := settled(&r.Rooms.KB, &r.Rooms.Start); err != nil {
		return err
	}
	if err := lookForRooms(ctx, in, t, o, r); err != nil {
		return err
	}
	r.Sent = int64(o.Rooms)
	r.memory(t)
	r.Rooms.AfterKB = r.MemoryKB
	return t.profile.heap(ctx)
}

func roomName(i int) string { return fmt.Sprintf("room%06d", i) }

// makeRoom enters a room that is not there, has it kept, and leaves it.
func makeRoom(c *conn, o *Options, i int) error {
	room := roomName(i) + "@conference." + o.Domain
	err := c.send("<presence to='%s/owner'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room)
	if err != nil {
		return err
	}
	form := "<x xmlns='jabber:x:data' type='submit'>" +
		"<field var='muc#roomconfig_persistentroom'><value>1</value></field>" +
		"<field var='muc#roomconfig_roomname'><value>Room number %d</value></field>" +
		"<field var='muc#roomconfig_roomdesc'><value>Where people talk of the number %d and of nothing else</value></field></x>"
	err = c.send("<iq type='set' id='made' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'>"+form+"</query></iq>", room, i, i)
	if err != nil {
		return err
	}
	if err := c.send("<presence type='unavailable' to='%s/owner'/>", room); err != nil {
		return err
	}
	for answered, left := false, false; !answered || !left; {
		elem, k, err := c.element()
		switch {
		case err != nil:
			return err
		case isError(elem):
			return unexpected("making a room", elem)
		case k == kindIQ:
			answered = true
		case k == kindPresence && bytes.Contains(elem, []byte("unavailable")):
			left = true
		}
	}
	return nil
}

// lookForRooms pages through the service's list and searches it (XEP-0433).
func lookForRooms(ctx context.Context, in *login, t *target, o *Options, r *Result) error {
	c, err := in.open(ctx, t.addr, 1)
	if err != nil {
		return err
	}
	defer c.bye()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	query := func(payload string) ([]byte, time.Duration, error) {
		began := time.Now()
		if err := c.send("<iq type='get' id='look' to='conference.%s'>%s</iq>", o.Domain, payload); err != nil {
			return nil, 0, err
		}
		elem, err := expect(c, "looking for rooms", "<iq")
		if err == nil && isError(elem) {
			err = unexpected("looking for rooms", elem)
		}
		return elem, time.Since(began), err
	}
	var list, search histogram
	began := time.Now()
	for after := ""; ; {
		set := "<set xmlns='http://jabber.org/protocol/rsm'><max>100</max></set>"
		if after != "" {
			set = strings.Replace(set, "</set>", "<after>"+after+"</after></set>", 1)
		}
		elem, took, err := query("<query xmlns='http://jabber.org/protocol/disco#items'>" + set + "</query>")
		if err != nil {
			return err
		}
		list.record(int64(took))
		n := bytes.Count(elem, []byte("<item "))
		r.Rooms.Listed += n
		_, last, ok := bytes.Cut(elem, []byte("<last>"))
		if n < 100 || !ok {
			break
		}
		last, _, _ = bytes.Cut(last, []byte("</last>"))
		after = string(last)
	}
	r.Rooms.ListSeconds = time.Since(began).Seconds()
	if r.Rooms.Listed != o.Rooms {
		r.Lost = int64(o.Rooms - r.Rooms.Listed)
	}
	for i := range 20 {
		n := o.Rooms * i / 20
		elem, took, err := query(fmt.Sprintf("<search xmlns='urn:xmpp:channel-search:0:search'><x xmlns='jabber:x:data' type='submit'>"+
			"<field var='FORM_TYPE'><value>urn:xmpp:channel-search:0:search-params</value></field><field var='q'><value>%s</value></field></x></search>", roomName(n)))
		if err != nil {
			return err
		}
		search.record(int64(took))
		if !bytes.Contains(elem, []byte(roomName(n)+"@")) {
			r.Errors++
		}
	}
	r.Rooms.List, r.Rooms.Search = list.latency(), search.latency()
	return nil
}
