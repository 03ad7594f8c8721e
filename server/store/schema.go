package store

import "fmt"

// migrations bring a database from one schema version to the next; the i-th
// leads to version i+1. Released entries are never changed: a new need is a
// new entry. Each runs in a transaction of its own together with the version.
var migrations = []string{schema1, schema2}

// schema1 in words:
//
// docs holds the documents; one index serves reading by key, listing an
// account's documents of a kind and listing a kind over all accounts.
//
// log holds the messages in the order of their ids and nothing else, so that a
// commit appends to its right edge. log_owner says which owner has a record in
// the archive and who the peer is; its rows are written in bulk, some time
// after the record (see index.go). peer and res are hashes: a match is
// confirmed against the record's addresses.
//
// owners gives each bare JID a small number, never used again. n counts its rows in log_owner;
// up to the id "upto" they are complete. Records below floor are cut from the
// archive; jid is null when the account is gone; dirty rows have leftovers for
// sweep.go to remove.
//
// spool holds who has which record still to get.
const schema1 = `
CREATE TABLE meta(
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE docs(
	id      INTEGER PRIMARY KEY,
	host    TEXT NOT NULL,
	kind    TEXT NOT NULL,
	account TEXT NOT NULL,
	key     TEXT NOT NULL,
	version INTEGER NOT NULL,
	ix0     TEXT NOT NULL,
	ix1     TEXT NOT NULL,
	data    BLOB NOT NULL
);
CREATE UNIQUE INDEX docs_key ON docs(host, kind, account, key);
CREATE INDEX docs_ix0 ON docs(host, kind, ix0) WHERE ix0 <> '';
CREATE INDEX docs_ix1 ON docs(host, kind, ix1) WHERE ix1 <> '';

CREATE TABLE log(
	id        INTEGER PRIMARY KEY,
	o0        INTEGER NOT NULL,
	o1        INTEGER NOT NULL,
	kind      INTEGER NOT NULL,
	flags     INTEGER NOT NULL,
	sender    TEXT NOT NULL,
	recipient TEXT NOT NULL,
	stanza    BLOB NOT NULL,
	body      TEXT NOT NULL
);
CREATE TABLE log_owner(
	owner INTEGER NOT NULL,
	id    INTEGER NOT NULL,
	peer  INTEGER NOT NULL,
	res   INTEGER NOT NULL,
	PRIMARY KEY(owner, id)
) WITHOUT ROWID;
CREATE INDEX log_peer ON log_owner(owner, peer, id, res);

CREATE TABLE owners(
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	jid   TEXT UNIQUE,
	n     INTEGER NOT NULL DEFAULT 0,
	upto  INTEGER NOT NULL DEFAULT 0,
	floor INTEGER NOT NULL DEFAULT 0,
	dirty INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX owners_dirty ON owners(id) WHERE dirty <> 0;

CREATE TABLE spool(
	owner   INTEGER NOT NULL,
	id      INTEGER NOT NULL,
	session TEXT NOT NULL,
	seq     INTEGER NOT NULL,
	done    INTEGER NOT NULL,
	flags   INTEGER NOT NULL,
	size    INTEGER NOT NULL,
	PRIMARY KEY(owner, id, session)
) WITHOUT ROWID;
CREATE INDEX spool_id ON spool(id);
`

// schema2 adds the index of words (words.go). Its words are made before they come to
// it, so the tokenizer has only to split them at spaces.
const schema2 = `
CREATE VIRTUAL TABLE words USING fts5(owner, body, content='', contentless_delete=1, tokenize='ascii');
`

// Rows of meta.
const (
	metaWatermark = "watermark" // up to this id log_owner is complete for every owner
	metaFloor     = "floor"     // records below are deleted, but for what is spooled
	metaWords     = "words"     // up to this id the index of words is complete
	metaLastID    = "last_id"   // highest id known to be given out; deleted records may have held it
)

// migrate brings the database to the current schema version. A database of a
// later version is refused with ErrNewer.
func migrate(c *conn) error {
	if err := c.exec(`CREATE TABLE IF NOT EXISTS schema_version(version INTEGER NOT NULL)`); err != nil {
		return fmt.Errorf("store: schema version: %w", err)
	}
	have, _, err := c.queryInt(`SELECT max(version) FROM schema_version`)
	if err != nil {
		return fmt.Errorf("store: schema version: %w", err)
	}
	if have > int64(len(migrations)) {
		return fmt.Errorf("%w: schema version %d, this program knows %d", ErrNewer, have, len(migrations))
	}
	for v := have; v < int64(len(migrations)); v++ {
		err := c.exec("BEGIN IMMEDIATE;" + migrations[v] + fmt.Sprintf(
			";DELETE FROM schema_version; INSERT INTO schema_version VALUES(%d); COMMIT", v+1))
		if err != nil {
			if c.inTx() {
				c.exec("ROLLBACK")
			}
			return fmt.Errorf("store: migrate to schema version %d: %w", v+1, err)
		}
	}
	return nil
}

// queryInt reads one integer; ok is false when there is no row.
func (c *conn) queryInt(sql string) (v int64, ok bool, err error) {
	s := c.prep(sql)
	if ok, err = s.next(); ok {
		v = s.colInt(0)
		s.reset()
	}
	return v, ok, err
}

// queryText is queryInt for a string.
func (c *conn) queryText(sql string) (v string, err error) {
	s := c.prep(sql)
	ok, err := s.next()
	if ok {
		v = s.colText(0)
		s.reset()
	}
	return v, err
}

func (c *conn) meta(key string) (uint64, error) {
	s := c.prep(`SELECT value FROM meta WHERE key = ?`).text(key)
	ok, err := s.next()
	if !ok {
		return 0, err
	}
	defer s.reset()
	return s.colID(0), nil
}

func (c *conn) setMeta(key string, value uint64) error {
	return c.prep(`INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value`).
		text(key).id(value).run()
}
