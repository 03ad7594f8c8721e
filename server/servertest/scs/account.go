package scs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Register makes an account by in-band registration (XEP-0077 §3.1) over a
// connection of its own. An account that is there already is no error.
func Register(ctx context.Context, opt Options, jid, password string) error {
	a := temporary(opt, jid, password)
	defer a.hangUp()
	if err := a.opens(ctx); err != nil {
		return err
	}
	_, err := a.link.request(ctx, "registration", "scs-register", "<query xmlns='"+nsRegister+"'><username>"+
		escape(a.Username())+"</username><password>"+escape(password)+"</password></query>")
	var no *refused
	if errors.As(err, &no) && hasCondition(no.got, "conflict") {
		return nil // XEP-0077 §3.1.1: the name is taken
	}
	return err
}

// Unregister removes an account (XEP-0077 §3.2), and before it those of the rooms
// that it owns (XEP-0045 §10.9).
func Unregister(ctx context.Context, opt Options, jid, password string, rooms ...string) error {
	a := temporary(opt, jid, password)
	defer a.hangUp()
	if err := a.connects(ctx); err != nil {
		return err
	}
	for i, room := range rooms { // those of others, or that are gone, are left alone
		id := "scs-destroy-" + strconv.Itoa(i)
		err := a.link.send("<iq type='set' id='" + id + "' to='" + escape(room) + "'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>")
		if err != nil {
			return err
		}
		for {
			e, err := a.link.next(ctx)
			if err != nil {
				return fmt.Errorf("wait for the end of %s: %w", room, err)
			}
			if got, _ := e.Attr("id"); got == id {
				break
			}
		}
	}
	if err := a.link.send("<iq type='set' id='scs-remove'><query xmlns='" + nsRegister + "'><remove/></query></iq>"); err != nil {
		return err
	}
	e, err := a.link.next(ctx)
	if err != nil {
		return fmt.Errorf("wait for removal: %w", err)
	}
	// The server may end the stream before or instead of the result.
	if kind, _ := e.Attr("type"); e.is(nsClient, "iq") && kind == "error" {
		return &refused{what: "removal", got: e}
	}
	return nil
}

func temporary(opt Options, jid, password string) *actor {
	c := &Character{Name: jid, JID: jid, Props: map[string]string{"password": password}}
	return &actor{Character: c, opt: opt.withDefaults(), trace: func(byte, string) {}}
}

// hasCondition reports whether a stanza of type error has that condition
// (RFC 6120 §8.3.2).
func hasCondition(stanza *Element, condition string) bool {
	e := stanza.Child(nsClient, "error")
	return e != nil && e.Child("urn:ietf:params:xml:ns:xmpp-stanzas", condition) != nil
}

// Fresh returns the script with every account of its cast renamed, and every room:
// suffix is put behind the localpart, in the cast and wherever the bare JID is
// written out. Characters with the property "account: none" are renamed too, administrators are not. A room
// is a bare JID at a host below one that the cast has accounts at. source is the text
// the script was parsed from. The new names of the rooms are returned as well.
func Fresh(script *Script, source, suffix string) (fresh *Script, rooms []string, err error) {
	var jids, hosts []string
	for _, c := range script.Cast {
		if !c.admin() {
			jids = append(jids, c.JID)
		}
		hosts = append(hosts, "."+c.Domain())
	}
	for _, j := range bareJIDs(source) {
		local, domain, _ := strings.Cut(j, "@")
		below := func(host string) bool { return strings.HasSuffix(domain, host) }
		if !slices.Contains(jids, j) && slices.ContainsFunc(hosts, below) {
			jids = append(jids, j)
			rooms = append(rooms, local+suffix+"@"+domain)
		}
	}
	fresh, err = Parse(script.Name, renameAll(source, jids, suffix))
	return fresh, rooms, err
}

// bareJIDs lists what looks like LOCAL@DOMAIN in the text.
func bareJIDs(text string) []string {
	var jids []string
	for i := range len(text) {
		if text[i] != '@' {
			continue
		}
		begin, end := i, i+1
		for begin > 0 && isJIDByte(text[begin-1]) {
			begin--
		}
		for end < len(text) && isJIDByte(text[end]) {
			end++
		}
		if begin < i && end > i+1 {
			jids = append(jids, text[begin:end])
		}
	}
	return jids
}

// renameAll puts the suffix behind the localpart of each of the bare JIDs,
// where they stand as whole words.
func renameAll(text string, jids []string, suffix string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		jid := ""
		if i == 0 || !isJIDByte(text[i-1]) {
			for _, j := range jids {
				end := i + len(j)
				if strings.HasPrefix(text[i:], j) && len(j) > len(jid) && (end == len(text) || !isJIDByte(text[end])) {
					jid = j
				}
			}
		}
		if jid == "" {
			out.WriteByte(text[i])
			i++
			continue
		}
		local, domain, _ := strings.Cut(jid, "@")
		out.WriteString(local + suffix + "@" + domain)
		i += len(jid)
	}
	return out.String()
}

func isJIDByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '.' || b == '-' || b == '_' || b >= 0x80
}

// renameDomain replaces the domain localhost, and its subdomains' ending, by
// another one.
func renameDomain(text, domain string) string {
	const from = "localhost"
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(text, from)
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		glued := before != "" && before[len(before)-1] != '.' && isJIDByte(before[len(before)-1]) ||
			after != "" && after[0] != '.' && isJIDByte(after[0])
		if glued {
			out.WriteString(from)
		} else {
			out.WriteString(domain)
		}
		text = after
	}
}
