package muc

import (
	"context"
	"encoding/json"
	"strconv"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/archive"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/server/xep/rsm"
	"natter/stanza"
)

// features of the service, and of every room. Whoever looks for a service whose
// rooms have archives asks the service.
var (
	serviceFeatures = []string{disco.NSInfo, disco.NSItems, nsMUC, nsStableID, nsPing, nsOccupant, nsVCard, nsToken, nsSearch, rsm.NS, archive.NS}
	roomFeatures    = []string{
		disco.NSInfo, disco.NSItems, nsMUC, nsStableID, nsSelfPing, nsOccupant, nsSID, nsPing,
	}
)

// traits are the features by which a room tells how it is configured (XEP-0045
// §15.3).
var traits = []struct {
	is      func(*config) bool
	yes, no string
}{
	{func(c *config) bool { return c.Public }, "muc_public", "muc_hidden"},
	{func(c *config) bool { return c.Persistent }, "muc_persistent", "muc_temporary"},
	{func(c *config) bool { return c.MembersOnly }, "muc_membersonly", "muc_open"},
	{func(c *config) bool { return c.Moderated }, "muc_moderated", "muc_unmoderated"},
	{func(c *config) bool { return c.Password != "" }, "muc_passwordprotected", "muc_unsecured"},
	{func(c *config) bool { return c.Whois == "anyone" }, "muc_nonanonymous", "muc_semianonymous"},
}

// title is the name of the room for people.
func (r *room) title() string {
	if r.config.Name != "" {
		return r.config.Name
	}
	return r.name
}

// info answers disco#info about a room (§6.4).
func (x *exchange) info(r *room, q *server.IQ) error {
	node, _ := q.Stanza.ChildAttr(q.Payload, "node")
	if err := r.mayLook(q.Origin.JID); err != nil {
		return err
	}
	switch node {
	case "":
	case nsReserved:
		return x.reserved(r, q)
	case nsTraffic: // §17.1.1: nothing is discarded
		return stanza.ServiceUnavailable("whatever is sent to the room is passed on")
	default:
		return stanza.ItemNotFound("the room has no such node")
	}
	list := append([]string(nil), roomFeatures...)
	for _, t := range traits {
		if t.is(&r.config) {
			list = append(list, t.yes)
		} else {
			list = append(list, t.no)
		}
	}
	list = append(list, r.moreFeatures()...)
	ids := []server.Identity{{Category: "conference", Type: "text", Name: r.title()}}
	return x.reply(q, disco.Query(disco.NSInfo, "", disco.AppendInfo(nil, ids, list, r.roomInfo().Bytes())))
}

// roomInfo is the form about a room (§6.4, §15.5.4, XEP-0128).
func (r *room) roomInfo() *forms.Form {
	c := &r.config
	f := forms.New("result", nsInfo)
	f.Add("text-single", "muc#roominfo_description", "Description", c.Description)
	f.Add("text-single", "muc#roominfo_occupants", "Number of occupants", strconv.Itoa(r.occupants()))
	f.Add("text-single", "muc#roominfo_subject", "Subject", r.subject.text())
	f.AddBool("muc#roominfo_changesubject", "Participants may change the subject", c.ChangeSubject)
	if c.Lang != "" {
		f.Add("text-single", "muc#roominfo_lang", "Language", c.Lang)
	}
	f.AddInt("muc#maxhistoryfetch", "Messages told to who enters", c.History)
	f.AddBool("muc#roomconfig_allowinvites", "Members may invite others", c.Invites)
	f.Add("list-single", "muc#roomconfig_allowpm", "Who may send private messages", c.PM)
	f.AddBool("{urn:natter:muc}roominfo_guests", "Guests without an account may enter", c.Guests)
	r.moreInfo(f)
	return f
}

// items answers disco#items about a room (§6.5): who is in it, to those who are.
func (x *exchange) items(r *room, q *server.IQ) error {
	if node, _ := q.Stanza.ChildAttr(q.Payload, "node"); node == nsCommands {
		return x.commands(r, q)
	} else if node != "" {
		return stanza.ItemNotFound("the room has no such node")
	}
	var b []byte
	if me := r.byJID[q.Origin.JID.String()]; me != nil {
		for oc := range r.everybody() {
			if r.sees(me, oc, oc.role) {
				b = append(append(append(b, "<item jid='"...), oc.attr...), "'/>"...)
			}
		}
	}
	return x.reply(q, disco.Query(disco.NSItems, "", b))
}

// answerService answers requests to the service itself (§6.2, §6.3).
func (s *service) answerService(q *server.IQ) error {
	ns, name := string(q.Stanza.Space(q.Payload)), string(q.Stanza.Local(q.Payload))
	switch {
	case q.Stanza.Type == stanza.Get && ns == nsPing && name == "ping":
		q.Reply(q.Turn, nil)
		return nil
	case q.Stanza.Type == stanza.Get && ns == disco.NSInfo && name == "query":
		ids := []server.Identity{{Category: "conference", Type: "text", Name: "Chat rooms"}}
		q.Reply(q.Turn, disco.Query(disco.NSInfo, "", disco.AppendInfo(nil, ids, serviceFeatures)))
		return nil
	case s.guest(q.Origin.JID.Bare()):
		return stanza.Forbidden("guests enter rooms they know of; log in with an account to see which there are")
	case q.Stanza.Type == stanza.Get && ns == disco.NSItems && name == "query":
		return s.listRooms(q)
	}
	if q.Stanza.Type == stanza.Get && ns == nsSearch && name == "search" {
		return s.search(q)
	}
	return stanza.ServiceUnavailable("the room service does not answer that")
}

// maxListed is how many rooms one answer lists.
const maxListed = 100

// listRooms lists the rooms that are for everybody to find, page by page in the
// order of their names (§6.3).
func (s *service) listRooms(q *server.IQ) error {
	page, err := rsm.In(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	if page.Backward() || page.Index >= 0 {
		return s.listBackward(q, page)
	}
	after := ""
	if page.HasAfter && page.After != "" {
		j, err := stanza.ParseJID(page.After)
		if err != nil {
			return stanza.ItemNotFound("there is no such room to go on from")
		}
		after = j.Local()
	}
	found, more, err := s.public(q.Turn, after, page.Size(maxListed))
	if err != nil {
		return err
	}
	var b []byte
	result := rsm.Result{Count: -1, Index: -1}
	for i, l := range found {
		jid := l.name + "@" + s.domain
		if i == 0 {
			result.First = jid
		}
		result.Last = jid
		b = stanza.AppendEmpty(b, "item", "jid", jid, "name", l.Name)
	}
	if page.Present || more {
		b = result.AppendTo(b)
	}
	q.Reply(q.Turn, disco.Query(disco.NSItems, "", b))
	return nil
}

// listBackward is listRooms for a page that is not told by what it comes after.
func (s *service) listBackward(q *server.IQ, page rsm.Query) error {
	hits, err := s.hits(q.Turn, searched{key: byAddress})
	if err != nil {
		return err
	}
	from, to, result, err := pageOf(page, hits, s.domain)
	if err != nil {
		return err
	}
	list, err := s.entries(q.Turn, hits[from:to])
	if err != nil {
		return err
	}
	var b []byte
	for i := range list {
		b = stanza.AppendEmpty(b, "item", "jid", list[i].name+"@"+s.domain, "name", list[i].Name)
	}
	q.Reply(q.Turn, disco.Query(disco.NSItems, "", result.AppendTo(b)))
	return nil
}

// entry is a room in the list.
type entry struct {
	listed
	name      string
	occupants int
}

// public returns up to n rooms that are listed, of names above after; more says
// that there are others. Rooms that are not kept are listed while somebody is in.
func (s *service) public(t *server.Turn, after string, n int) (list []entry, more bool, err error) {
	t.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.Config.StoreTimeout)
	defer cancel()
	docs, err := s.srv.Store.ListKind(ctx, s.domain, kindListed, after, "\xff", min(n+1, store.MaxPage))
	if err != nil {
		return nil, false, err
	}
	for _, d := range docs {
		e := entry{name: d.Account}
		if err := json.Unmarshal(d.Data, &e.listed); err != nil {
			return nil, false, err
		}
		list = append(list, e)
	}
	list = s.merge(list, after, n)
	if len(list) > n {
		return list[:n], true, nil
	}
	return list, false, nil
}
