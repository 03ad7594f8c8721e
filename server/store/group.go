package store

// group is the work of one transaction. Planning walks the batches in order and
// works out, in memory and from what the database has, how things stand after
// each; only the outcome is written. So what is put and replaced, or added and
// confirmed, within a group costs nothing, and a batch whose condition fails is
// left out without having touched the database.
type group struct {
	s     *Store
	c     *conn
	open  bool // BEGIN was executed
	words int  // records to index the words of
	docs  docPlan
	log   logPlan
}

// begin prepares for the batches of a transaction. The transaction is opened
// before planning reads anything: a read outside costs four system calls.
func (g *group) begin(s *Store, c *conn, batches []*Batch) error {
	g.s, g.c, g.open, g.words = s, c, false, 0
	g.docs.reset(c)
	g.log.reset(s, c)
	for _, b := range batches {
		if !b.Empty() {
			return g.start()
		}
	}
	return nil
}

// plan adds a batch. Its own failure is noted in b.err; an error is one of the
// database.
func (g *group) plan(b *Batch) error {
	b.err = nil
	g.words += b.words
	err := g.docs.plan(b)
	if err == nil {
		if err = g.log.reserve(b); err != nil {
			g.docs.undo()
		}
	}
	if isCondition(err) {
		b.err = err
		return nil
	}
	if err != nil {
		return err
	}
	return g.log.plan(b)
}

// write executes what was planned.
func (g *group) write() error {
	if err := g.docs.write(); err != nil {
		return err
	}
	return g.log.write()
}

// start opens the transaction, unless it is open.
func (g *group) start() error {
	if g.open {
		return nil
	}
	if err := g.c.prep("BEGIN IMMEDIATE").run(); err != nil {
		return err
	}
	g.open = true
	return nil
}

// commit makes the transaction durable, if there is one.
func (g *group) commit() error {
	if !g.open {
		return nil
	}
	return g.c.prep("COMMIT").run()
}

// publish lets reads see what the group appended, after the commit.
func (g *group) publish() {
	g.log.publish()
}
