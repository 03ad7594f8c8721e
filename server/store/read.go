package store

import (
	"context"
	"fmt"
)

const docColumns = `host, account, kind, key, version, ix0, ix1, data`

func scanDoc(q *stmt) Doc {
	return Doc{
		Key:     Key{Host: q.colText(0), Account: q.colText(1), Kind: q.colText(2), Key: q.colText(3)},
		Version: q.colID(4),
		Index:   [2]string{q.colText(5), q.colText(6)},
		Data:    q.colBlob(7),
	}
}

// docs reads all rows of a query of docColumns.
func (s *Store) docs(ctx context.Context, query func(c *conn) *stmt) (list []Doc, err error) {
	err = s.read(ctx, func(c *conn) error {
		q := query(c)
		for {
			ok, err := q.next()
			if !ok {
				return err
			}
			list = append(list, scanDoc(q))
		}
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Get reads a document; ok is false when there is none.
func (s *Store) Get(ctx context.Context, k Key) (d Doc, ok bool, err error) {
	list, err := s.docs(ctx, func(c *conn) *stmt {
		return c.prep(`SELECT ` + docColumns + ` FROM docs WHERE host = ? AND kind = ? AND account = ? AND key = ?`).
			text(k.Host).text(k.Kind).text(k.Account).text(k.Key)
	})
	if err != nil || len(list) == 0 {
		return Doc{}, false, err
	}
	return list[0], true, nil
}

// List reads an account's documents of a kind in the order of their keys: up
// to n (at most MaxPage; 0 for that) whose key begins with prefix and is above
// after. An empty after begins with the first, the empty key included.
func (s *Store) List(ctx context.Context, host, account, kind, prefix, after string, n int) ([]Doc, error) {
	return s.docs(ctx, func(c *conn) *stmt { return listStmt(c, docColumns, host, account, kind, prefix, after, n) })
}

// Keys is List without the documents: their keys alone.
func (s *Store) Keys(ctx context.Context, host, account, kind, prefix, after string, n int) ([]string, error) {
	return s.texts(ctx, func(c *conn) *stmt { return listStmt(c, "key", host, account, kind, prefix, after, n) })
}

func listStmt(c *conn, columns, host, account, kind, prefix, after string, n int) *stmt {
	from, op := after, ">"
	if after < prefix || after == "" {
		from, op = prefix, ">="
	}
	sql := `SELECT ` + columns + ` FROM docs WHERE host = ? AND kind = ? AND account = ? AND key ` + op + ` ?`
	end := successor(prefix)
	if end != "" {
		sql += ` AND key < ?`
	}
	q := c.prep(sql + ` ORDER BY key LIMIT ?`).text(host).text(kind).text(account).text(from)
	if end != "" {
		q.text(end)
	}
	return q.int(page(n))
}

// texts reads all rows of a query of one text column.
func (s *Store) texts(ctx context.Context, query func(c *conn) *stmt) (list []string, err error) {
	err = s.read(ctx, func(c *conn) error {
		q := query(c)
		for {
			ok, err := q.next()
			if !ok {
				return err
			}
			list = append(list, q.colText(0))
		}
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// FindIndex reads up to n documents of a kind whose i-th index string (0 or 1)
// is value, in the order of account and key. An empty value finds nothing.
func (s *Store) FindIndex(ctx context.Context, host, kind string, i int, value string, n int) ([]Doc, error) {
	if i != 0 && i != 1 {
		return nil, fmt.Errorf("%w: index %d", ErrInvalid, i)
	}
	if value == "" {
		return nil, nil
	}
	sql := [2]string{
		`SELECT ` + docColumns + ` FROM docs INDEXED BY docs_ix0 WHERE host = ? AND kind = ? AND ix0 = ? AND ix0 <> '' ORDER BY account, key LIMIT ?`,
		`SELECT ` + docColumns + ` FROM docs INDEXED BY docs_ix1 WHERE host = ? AND kind = ? AND ix1 = ? AND ix1 <> '' ORDER BY account, key LIMIT ?`,
	}[i]
	return s.docs(ctx, func(c *conn) *stmt { return c.prep(sql).text(host).text(kind).text(value).int(page(n)) })
}

// CountIndex counts what FindIndex finds, without reading it.
func (s *Store) CountIndex(ctx context.Context, host, kind string, i int, value string, n int) (count int, err error) {
	if i != 0 && i != 1 {
		return 0, fmt.Errorf("%w: index %d", ErrInvalid, i)
	}
	if value == "" {
		return 0, nil
	}
	sql := [2]string{
		`SELECT count(*) FROM (SELECT 1 FROM docs INDEXED BY docs_ix0 WHERE host = ? AND kind = ? AND ix0 = ? AND ix0 <> '' LIMIT ?)`,
		`SELECT count(*) FROM (SELECT 1 FROM docs INDEXED BY docs_ix1 WHERE host = ? AND kind = ? AND ix1 = ? AND ix1 <> '' LIMIT ?)`,
	}[i]
	err = s.read(ctx, func(c *conn) error {
		q := c.prep(sql).text(host).text(kind).text(value).int(int64(n))
		ok, err := q.next()
		if ok {
			count = int(q.colInt(0))
			q.reset()
		}
		return err
	})
	return count, err
}

// Accounts lists the accounts of a host that have a document of a kind, in
// order, up to n of them above after.
func (s *Store) Accounts(ctx context.Context, host, kind, after string, n int) ([]string, error) {
	return s.texts(ctx, func(c *conn) *stmt {
		return c.prep(`SELECT DISTINCT account FROM docs WHERE host = ? AND kind = ? AND account > ? ORDER BY account LIMIT ?`).
			text(host).text(kind).text(after).int(page(n))
	})
}

// ListKind reads the documents of a kind over all accounts of a host, in the
// order of account and key: up to n of them above that account and key.
func (s *Store) ListKind(ctx context.Context, host, kind, afterAccount, afterKey string, n int) ([]Doc, error) {
	op := ">"
	if afterAccount == "" && afterKey == "" {
		op = ">="
	}
	return s.docs(ctx, func(c *conn) *stmt {
		return c.prep(`SELECT ` + docColumns + ` FROM docs WHERE host = ? AND kind = ? AND (account, key) ` + op + ` (?, ?)
			ORDER BY account, key LIMIT ?`).text(host).text(kind).text(afterAccount).text(afterKey).int(page(n))
	})
}

// EachOfKind calls fn for the documents of a kind over all accounts of a host that lie
// above an account, in the order of the accounts, for up to n (at most MaxScan; 0 for
// that). It returns the last account, "" after the end. data is valid during the call
// only, and fn must not block: it is for going through many of which few are wanted.
func (s *Store) EachOfKind(ctx context.Context, host, kind, after string, n int, fn func(account string, data []byte)) (last string, err error) {
	if n <= 0 || n > MaxScan {
		n = MaxScan
	}
	rows := 0
	err = s.read(ctx, func(c *conn) error {
		q := c.prep(`SELECT account, data FROM docs WHERE host = ? AND kind = ? AND account > ? ORDER BY account, key LIMIT ?`).
			text(host).text(kind).text(after).int(int64(n))
		for {
			ok, err := q.next()
			if !ok {
				return err
			}
			rows++
			last = q.colText(0)
			fn(last, q.colView(1))
		}
	})
	if rows < n {
		last = ""
	}
	return last, err
}

// MaxScan bounds how many documents one call of EachOfKind goes through.
const MaxScan = 5000

// page bounds the number of rows of one read.
func page(n int) int64 {
	if n <= 0 || n > MaxPage {
		return MaxPage
	}
	return int64(n)
}

// successor is the lowest string above all that begin with prefix, "" if there
// is none.
func successor(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}
