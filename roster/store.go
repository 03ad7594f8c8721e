package roster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"natter/stanza"
)

// DocumentKind is the kind under which a roster's documents are stored for its
// account.
const DocumentKind = "roster"

// HeaderKey is the key of the header document. No JID is spelled like it; the
// key of every other document is a contact's bare JID.
const HeaderKey = "/"

// A roster is stored as one small document a contact and one header. A change
// of one contact writes one document, whatever the length of the list. The
// header changes only when the roster is new and when an old removal is
// forgotten: the counting part of the current version is the highest that any
// document names.
//
//	header:  format, epoch, floor
//	contact: format, state, flags, version,
//	         [listed] name, number of groups, groups,
//	         [Pending In] the waiting request
//
// Format, state and flags are a byte each; numbers are unsigned varints; texts
// are their length and their bytes.
const (
	documentFormat = 1
	flagListed     = 1
)

// Document is one thing to store: put Data under Key, or delete Key if Data is
// nil.
type Document struct {
	Key  string
	Data []byte
}

// Changes returns what has to be stored since it was last called, in the order
// of keys, and takes it for stored. If storing fails, the roster is to be
// loaded anew.
func (r *Roster) Changes() []Document {
	if len(r.dirty) == 0 {
		return nil
	}
	docs := make([]Document, 0, len(r.dirty)+1)
	if r.newHeader {
		docs = append(docs, Document{HeaderKey, r.appendHeader(nil)})
		r.newHeader = false
	}
	for j := range r.dirty {
		doc := Document{Key: j.String()}
		if c := r.find(j); c != nil {
			doc.Data = r.appendContact(nil, c)
		}
		docs = append(docs, doc)
	}
	r.dirty = nil // not cleared: it may have been big once
	slices.SortFunc(docs, func(a, b Document) int { return strings.Compare(a.Key, b.Key) })
	return docs
}

// Documents returns all of the roster, for export and for tests.
func (r *Roster) Documents() []Document {
	docs := make([]Document, 0, len(r.contacts)+1)
	docs = append(docs, Document{HeaderKey, r.appendHeader(nil)})
	for i := range r.contacts {
		c := &r.contacts[i]
		docs = append(docs, Document{c.JID.String(), r.appendContact(nil, c)})
	}
	return docs
}

// Load makes the roster of owner from its documents, in any order. Without any
// it is New's empty one, and only then does the epoch count. The error names
// the document that can't be read. Data is copied. Limits bind what is added
// from now on, not what is there.
func Load(owner stanza.JID, epoch string, limits Limits, docs iter.Seq2[string, []byte]) (*Roster, error) {
	r := New(owner, epoch, limits)
	inOrder := true
	for key, data := range docs {
		if key == HeaderKey {
			if err := r.readHeader(data); err != nil {
				return nil, fmt.Errorf("read the header of the roster: %w", err)
			}
			continue
		}
		j, err := stanza.ParseJID(key)
		if err == nil && (!j.IsBare() || j.String() != key) {
			err = errors.New("not a bare JID in normal form")
		}
		if err == nil {
			err = r.readContact(j, data)
		}
		if err != nil {
			return nil, fmt.Errorf("read the roster's document %q: %w", key, err)
		}
		if n := len(r.contacts); n > 1 && r.contacts[n-2].JID.String() >= key {
			inOrder = false
		}
	}
	if !inOrder {
		byJID := func(a, b contact) int { return strings.Compare(a.JID.String(), b.JID.String()) }
		slices.SortFunc(r.contacts, byJID)
		for i := 1; i < len(r.contacts); i++ {
			if byJID(r.contacts[i-1], r.contacts[i]) == 0 {
				return nil, fmt.Errorf("read the roster's document %q: there are two", r.contacts[i].JID)
			}
		}
	}
	r.rev = max(r.rev, r.floor)
	return r, nil
}

func (r *Roster) appendHeader(dst []byte) []byte {
	dst = append(dst, documentFormat)
	dst = appendText(dst, r.epoch)
	return binary.AppendUvarint(dst, r.floor)
}

func (r *Roster) readHeader(data []byte) error {
	d := reader{rest: string(data)}
	d.format()
	epoch, floor := d.text(), d.number()
	if err := d.end(); err != nil {
		return err
	}
	if plain(epoch) != epoch {
		return errDamaged
	}
	r.epoch, r.floor, r.newHeader = epoch, floor, false
	return nil
}

func (r *Roster) appendContact(dst []byte, c *contact) []byte {
	var flags byte
	if c.listed {
		flags |= flagListed
	}
	dst = append(dst, documentFormat, byte(c.State), flags)
	dst = binary.AppendUvarint(dst, c.rev)
	if c.listed {
		dst = appendText(dst, c.Name)
		dst = binary.AppendUvarint(dst, uint64(len(c.Groups)))
		for _, g := range c.Groups {
			dst = appendText(dst, g)
		}
	}
	if c.State.PendingIn() {
		request := r.requests[c.JID]
		dst = binary.AppendUvarint(dst, uint64(len(request)))
		dst = append(dst, request...)
	}
	return dst
}

func (r *Roster) readContact(j stanza.JID, data []byte) error {
	d := reader{rest: string(data)} // one copy, which the name and the groups share
	d.format()
	c := contact{Item: Item{JID: j, State: State(d.byte())}}
	flags := d.byte()
	c.listed = flags&flagListed != 0
	c.rev = d.number()
	if c.listed {
		c.Name = d.text()
		// Every group takes a byte at least: no more can be there.
		if n := d.number(); n > uint64(len(d.rest)) {
			return errDamaged
		} else if n > 0 {
			c.Groups = make([]string, n)
			for i := range c.Groups {
				c.Groups[i] = d.text()
			}
		}
	}
	// Only Pending In lives without a place on the list (RFC 6121 §A.1).
	if !c.State.Valid() || flags&^flagListed != 0 || !c.listed && c.State != StateNone && c.State != StateNoneIn {
		return errDamaged
	}
	var request []byte
	if c.State.PendingIn() {
		request = []byte(d.text())
	}
	if err := d.end(); err != nil {
		return err
	}
	if c.State.PendingIn() {
		if r.requests == nil {
			r.requests = make(map[stanza.JID][]byte)
		}
		r.requests[j] = request
		r.requestsSum += len(request)
	}
	switch {
	case c.listed:
		r.items++
	case c.gone():
		r.removed++
	}
	r.rev = max(r.rev, c.rev)
	r.contacts = append(r.contacts, c)
	return nil
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

var errDamaged = errors.New("damaged")

// reader takes a document apart. After a fault it yields zeros, and end tells.
type reader struct {
	rest string
	bad  bool
}

func (d *reader) format() {
	if d.byte() != documentFormat {
		d.bad = true
	}
}

func (d *reader) byte() byte {
	if d.bad || d.rest == "" {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *reader) number() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	d.bad = true
	return 0
}

func (d *reader) text() string {
	n := d.number()
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *reader) end() error {
	if d.bad || d.rest != "" {
		return errDamaged
	}
	return nil
}
