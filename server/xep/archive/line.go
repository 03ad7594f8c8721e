package archive

import (
	"context"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// maxWaiting is how many queries of one session may wait for their turn, and how
// many of all askers without a session run at once.
const maxWaiting = 32

// reader is one query at its turn.
type reader struct {
	ctx   context.Context // ends with the server, and when the store takes too long
	t     *server.Turn
	q     *server.IQ
	store *store.Store
	bytes int // how large a page may be, but for the last stanza in it and the wrapping
}

// deliver sends a whole message to the asker.
func (r *reader) deliver(b []byte) {
	if s := r.q.Session(); s != nil {
		s.Out.DeliverRaw(r.t, b)
		return
	}
	r.q.Host.Server.Send(r.t, b)
}

// job answers a query, or returns the error to answer.
type job func(r *reader) error

// line are the queries of one session that wait, the first being answered. Guarded
// by the session's account.
type line struct{ waiting []func(context.Context) }

type lineKey struct{}

// elsewhere bounds the queries of those who have no session here.
var elsewhere = make(chan struct{}, maxWaiting)

// later has a query answered in a goroutine of its own, after those that its
// session asked before. It returns server.Pending, or resource-constraint.
func later(q *server.IQ, j job) error {
	k := q.Keep()
	s := k.Session()
	if s == nil {
		select {
		case elsewhere <- struct{}{}:
		default:
			return busy()
		}
		k.Host.Server.Go(func(ctx context.Context) {
			defer func() { <-elsewhere }()
			run(ctx, k, j)
		})
		return server.Pending
	}
	s.Account.Lock()
	defer s.Account.Unlock()
	l, _ := s.Value(lineKey{}).(*line)
	if l == nil {
		l = new(line)
		s.SetValue(lineKey{}, l)
	}
	if len(l.waiting) >= maxWaiting {
		return busy()
	}
	l.waiting = append(l.waiting, func(ctx context.Context) { run(ctx, k, j) })
	if len(l.waiting) == 1 {
		l.start(s)
	}
	return server.Pending
}

func busy() error {
	return stanza.ResourceConstraint("too many queries wait for an answer; ask again when some have come")
}

// start has the first in line answered, and then the next. The account is locked.
func (l *line) start(s *server.Session) {
	first := l.waiting[0]
	s.Account.Host.Server.Go(func(ctx context.Context) {
		defer func() { // also after a panic
			s.Account.Lock()
			defer s.Account.Unlock()
			l.waiting[0] = nil
			if l.waiting = l.waiting[1:]; len(l.waiting) > 0 {
				l.start(s)
				return
			}
			l.waiting = nil
		}()
		first(ctx)
	})
}

// run answers one query, once there is room for its page.
func run(ctx context.Context, q *server.IQ, j job) {
	srv := q.Host.Server
	srv.Do(func(t *server.Turn) {
		if s := q.Session(); s != nil && !s.Out.Room(t) {
			q.Fail(t, stanza.ResourceConstraint("the connection was lost before the answer; ask again"))
			return
		}
		ctx, cancel := context.WithTimeout(ctx, srv.Config.StoreTimeout)
		defer cancel()
		r := &reader{ctx: ctx, t: t, q: q, store: srv.Store, bytes: srv.Config.QueueBytes / 8}
		t.Flush()
		err := r.settled()
		if err == nil {
			err = j(r)
		}
		if err != nil {
			q.Fail(t, err)
		}
	})
}

// settled waits until what was handed to the store before is there to be read: a
// message that its sender has just sent, say.
func (r *reader) settled() error {
	done := make(chan error, 1)
	r.store.Barrier(func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}
