package store

// docPlan is the documents' part of a group.
type docPlan struct {
	c     *conn
	docs  map[Key]*docState
	wiped map[account]bool // all documents deleted; docs has what came after
	log   []docUndo        // changes of the batch being planned
}

type account struct{ host, account string }

// docState is a document as the group leaves it; never modified once in the map.
type docState struct {
	gone bool
	doc  Doc
	plus uint64 // the version is what the database has plus this, if not 0; else doc.Version
}

type docUndo struct {
	key    Key
	state  *docState // before
	wipe   account   // this account was wiped, when host or account is set
	isWipe bool
}

func (p *docPlan) reset(c *conn) {
	p.c = c
	if p.docs == nil {
		p.docs = make(map[Key]*docState)
		p.wiped = make(map[account]bool)
	}
	clear(p.docs)
	clear(p.wiped)
	p.log = p.log[:0]
}

// plan applies a batch's document operations; on an error it has applied none.
func (p *docPlan) plan(b *Batch) error {
	p.log = p.log[:0]
	for i := range b.docs {
		if err := p.one(&b.docs[i]); err != nil {
			p.undo()
			return err
		}
	}
	return nil
}

func (p *docPlan) undo() {
	for i := len(p.log) - 1; i >= 0; i-- {
		u := &p.log[i]
		switch {
		case u.isWipe:
			delete(p.wiped, u.wipe)
		case u.state == nil:
			delete(p.docs, u.key)
		default:
			p.docs[u.key] = u.state
		}
	}
	p.log = p.log[:0]
}

func (p *docPlan) set(k Key, st *docState) {
	p.log = append(p.log, docUndo{key: k, state: p.docs[k]})
	p.docs[k] = st
}

func (p *docPlan) one(o *docOp) error {
	k := o.doc.Key
	switch o.op {
	case docDelete:
		p.set(k, &docState{gone: true})
		return nil
	case docDeleteAll:
		for key := range p.docs {
			if key.Host == k.Host && key.Account == k.Account {
				p.set(key, &docState{gone: true})
			}
		}
		if a := (account{k.Host, k.Account}); !p.wiped[a] {
			p.log = append(p.log, docUndo{wipe: a, isWipe: true})
			p.wiped[a] = true
		}
		return nil
	case docPut:
		p.set(k, p.put(o.doc))
		return nil
	}
	have, err := p.version(k)
	if err != nil {
		return err
	}
	if o.op == docPutNew && have != 0 {
		return ErrExists
	}
	if o.op == docPutIf && have != o.want {
		return ErrConflict
	}
	d := o.doc
	if d.Version == 0 {
		d.Version = have + 1
	}
	p.set(k, &docState{doc: d})
	return nil
}

// put is the state after an unconditional Put.
func (p *docPlan) put(d Doc) *docState {
	if d.Version != 0 {
		return &docState{doc: d}
	}
	switch st := p.docs[d.Key]; {
	case st == nil && !p.wiped[account{d.Host, d.Account}]:
		return &docState{doc: d, plus: 1}
	case st == nil || st.gone:
		// Deleted before: as for a new document. The row may still be in the
		// database, so the version must be absolute.
		d.Version = 1
	case st.plus != 0:
		return &docState{doc: d, plus: st.plus + 1}
	default:
		d.Version = st.doc.Version + 1
	}
	return &docState{doc: d}
}

// version is a document's version as the group has it so far, 0 for none.
func (p *docPlan) version(k Key) (uint64, error) {
	st := p.docs[k]
	if st != nil {
		if st.gone {
			return 0, nil
		}
		if st.plus == 0 {
			return st.doc.Version, nil
		}
	} else if p.wiped[account{k.Host, k.Account}] {
		return 0, nil
	}
	q := p.c.prep(`SELECT version FROM docs WHERE host = ? AND kind = ? AND account = ? AND key = ?`).
		text(k.Host).text(k.Kind).text(k.Account).text(k.Key)
	ok, err := q.next()
	if err != nil {
		return 0, err
	}
	var v uint64
	if ok {
		v = q.colID(0)
		q.reset()
	}
	if st != nil {
		v += st.plus
	}
	return v, nil
}

func (p *docPlan) write() error {
	for a := range p.wiped {
		if err := p.wipe(a); err != nil {
			return err
		}
	}
	for k, st := range p.docs {
		var err error
		switch {
		case !st.gone:
			err = p.upsert(st)
		case !p.wiped[account{k.Host, k.Account}]:
			err = p.c.prep(`DELETE FROM docs WHERE host = ? AND kind = ? AND account = ? AND key = ?`).
				text(k.Host).text(k.Kind).text(k.Account).text(k.Key).run()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *docPlan) upsert(st *docState) error {
	d := &st.doc
	sql, version := `INSERT INTO docs(host, kind, account, key, version, ix0, ix1, data) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT(host, kind, account, key) DO UPDATE SET
		version = excluded.version, ix0 = excluded.ix0, ix1 = excluded.ix1, data = excluded.data`, d.Version
	if st.plus != 0 {
		sql, version = `INSERT INTO docs(host, kind, account, key, version, ix0, ix1, data) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT(host, kind, account, key) DO UPDATE SET
		version = version + excluded.version, ix0 = excluded.ix0, ix1 = excluded.ix1, data = excluded.data`, st.plus
	}
	return p.c.prep(sql).text(d.Host).text(d.Kind).text(d.Account).text(d.Key.Key).id(version).
		text(d.Index[0]).text(d.Index[1]).blob(d.Data).run()
}

// wipe deletes an account's documents kind by kind: the index begins with the
// kind, and a host has few.
func (p *docPlan) wipe(a account) error {
	kind := ""
	for {
		q := p.c.prep(`SELECT min(kind) FROM docs WHERE host = ? AND kind > ?`).text(a.host).text(kind)
		if _, err := q.next(); err != nil {
			return err
		}
		kind = q.colText(0)
		q.reset()
		if kind == "" {
			return nil
		}
		if err := p.c.prep(`DELETE FROM docs WHERE host = ? AND kind = ? AND account = ?`).
			text(a.host).text(kind).text(a.account).run(); err != nil {
			return err
		}
	}
}
