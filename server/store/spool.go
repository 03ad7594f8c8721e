package store

import "context"

// SpoolPage reads what waits for an owner, in the order of ids: up to n rows
// (at most MaxPage; 0 for that) above afterID of one session, "" for offline,
// or of AnySession. Rows of one id are never parted, so that a page of
// AnySession may be longer by the owner's sessions. Done rows are included.
func (s *Store) SpoolPage(ctx context.Context, owner string, afterID uint64, n int, session string) (list []SpoolRecord, err error) {
	sql := `SELECT ` + recordColumns + `, session, seq, done FROM spool CROSS JOIN log ON log.id = spool.id
		WHERE spool.owner = (SELECT id FROM owners WHERE jid = ?) AND spool.id > ?`
	if session != AnySession {
		sql += ` AND session = ?`
	}
	err = s.read(ctx, func(c *conn) error {
		q := c.prep(sql + ` ORDER BY spool.id`).text(owner).id(afterID)
		if session != AnySession {
			q.text(session)
		}
		for {
			ok, err := q.next()
			if !ok {
				return err
			}
			id := q.colID(0)
			if int64(len(list)) >= page(n) && list[len(list)-1].ID != id {
				q.reset()
				return nil
			}
			r, _ := scanRecord(q, 0)
			list = append(list, SpoolRecord{
				Spool:  Spool{Owner: owner, ID: id, Session: q.colText(11), Seq: uint32(q.colInt(12)), Done: q.colInt(13) != 0},
				Record: r,
			})
		}
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// SpoolStats counts the records that an owner has still to get, each once
// whatever the number of sessions, and their bytes.
func (s *Store) SpoolStats(ctx context.Context, owner string) (count int, bytes int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		q := c.prep(`SELECT count(*), ifnull(sum(size), 0) FROM (SELECT size FROM spool
			WHERE owner = (SELECT id FROM owners WHERE jid = ?) AND done = 0 GROUP BY id)`).text(owner)
		if _, err := q.next(); err != nil {
			return err
		}
		count, bytes = int(q.colInt(0)), q.colInt(1)
		q.reset()
		return nil
	})
	return count, bytes, err
}

// SpoolSessions sums up an owner's spool by session, Done rows included, in
// the order of names; offline, if it has rows, comes first.
func (s *Store) SpoolSessions(ctx context.Context, owner string) (list []SpoolSession, err error) {
	err = s.read(ctx, func(c *conn) error {
		q := c.prep(`SELECT session, count(*), sum(size) FROM spool
			WHERE owner = (SELECT id FROM owners WHERE jid = ?) GROUP BY session ORDER BY session`).text(owner)
		for {
			ok, err := q.next()
			if !ok {
				return err
			}
			list = append(list, SpoolSession{Session: q.colText(0), Count: int(q.colInt(1)), Bytes: q.colInt(2)})
		}
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// SpoolOwners lists the owners for whom something waits, in order, up to n of
// them above after.
func (s *Store) SpoolOwners(ctx context.Context, after string, n int) ([]string, error) {
	return s.texts(ctx, func(c *conn) *stmt {
		return c.prep(`SELECT jid FROM owners WHERE jid > ? AND EXISTS (SELECT 1 FROM spool WHERE spool.owner = owners.id)
			ORDER BY jid LIMIT ?`).text(after).int(page(n))
	})
}
