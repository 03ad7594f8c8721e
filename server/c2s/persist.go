package c2s

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"natter/server"
	"natter/server/store"
)

// Kinds of documents, one each per session that can be resumed, keyed by the
// session's id: what the session is, and how many stanzas of it were handled,
// which changes far more often.
const (
	kindSession = "session"
	kindHandled = "session-h"
)

// saved is a session that can be resumed, as a document.
type saved struct {
	Resume string // resumption id
	State  json.RawMessage
}

// Changed stores the session when it can be resumed, so that a restart is
// invisible to its client.
func (s *Stream) Changed(t *server.Turn) {
	s.mu.Lock()
	a := s.acks
	if a == nil || !s.kept() || s.ended {
		s.mu.Unlock()
		return
	}
	id := a.id
	s.mu.Unlock()
	state, err := s.session.Save()
	if err != nil {
		s.c2s.core.Log.Error("session not saved", "account", s.session.Account.Bare, "err", err)
		return
	}
	data, err := json.Marshal(saved{Resume: id, State: state})
	if err != nil {
		s.c2s.core.Log.Error("session not saved", "account", s.session.Account.Bare, "err", err)
		return
	}
	acc := s.session.Account
	b := new(store.Batch)
	b.Put(store.Doc{Key: acc.Host.Key(acc.Local, kindSession, s.session.ID), Data: data})
	if err := t.Commit(b, nil); err != nil {
		s.c2s.core.Log.Warn("session not saved", "account", acc.Bare, "err", err)
	}
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended { // meanwhile: it must not come back after a restart
		s.c2s.unsave(s)
	}
}

// unsave deletes what is stored of a session.
func (c *Server) unsave(s *Stream) {
	if !s.kept() {
		return
	}
	acc := s.session.Account
	b := new(store.Batch)
	b.Delete(acc.Host.Key(acc.Local, kindSession, s.session.ID))
	b.Delete(acc.Host.Key(acc.Local, kindHandled, s.session.ID))
	if err := c.core.Store.Commit(b); err != nil {
		c.core.Log.Warn("ended session not deleted", "account", acc.Bare, "err", err)
	}
}

// Restore brings back the sessions that could be resumed when the server
// stopped: they wait for their clients as if only the connections had been lost.
// It is called before Listen.
func (c *Server) Restore(ctx context.Context) error {
	for _, name := range c.core.Config.Domains {
		h := c.core.Host(name)
		if h == nil {
			continue
		}
		err := c.core.EachAccountWith(ctx, h.Name, kindSession, func(local string) error {
			docs, err := c.core.Store.List(ctx, h.Name, local, kindSession, "", "", store.MaxPage)
			for _, d := range docs {
				if err := c.restore(ctx, h, local, d); err != nil {
					c.core.Log.Warn("session not restored", "account", local, "err", err)
				}
			}
			return err
		})
		if err == nil {
			err = c.sweepDocs(ctx, h)
		}
		if err != nil {
			return fmt.Errorf("restoring sessions: %w", err)
		}
	}
	return c.sweep(ctx)
}

func (c *Server) restore(ctx context.Context, h *server.Host, local string, d store.Doc) error {
	var v saved
	if err := json.Unmarshal(d.Data, &v); err != nil {
		return err
	}
	s := newStream(c, nil)
	a := &acks{stream: s, resumable: true, id: v.Resume, restored: true}
	if doc, ok, err := c.core.Store.Get(ctx, h.Key(local, kindHandled, d.Key.Key)); err != nil {
		return err
	} else if ok {
		n, err := strconv.ParseUint(string(doc.Data), 10, 32)
		if err != nil {
			return errors.New("its count of handled stanzas is damaged")
		}
		a.handled, a.durable = uint32(n), uint32(n)
	}
	t := c.core.Turn()
	defer t.End()
	sess, waiting, err := h.Restore(ctx, t, local, d.Key.Key, v.State, s)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.session, s.acks = sess, a
	for _, w := range waiting {
		a.kept = append(a.kept, entry{b: w.Bytes, d: w.Delivery, seq: w.Seq})
		a.size += len(w.Bytes)
	}
	slices.SortStableFunc(a.kept, inOrder)
	s.alarm.Run = s.ring
	s.detach()
	s.mu.Unlock()
	sess.Set(server.SessionAcks | server.SessionResumable)
	c.remember(s)
	return nil
}

// inOrder compares entries of before a restart by when they were first sent; those
// that were not are the last, in the order they came.
func inOrder(x, y entry) int {
	switch {
	case x.seq == 0 && y.seq == 0:
		return 0
	case x.seq == 0:
		return 1
	case y.seq == 0:
		return -1
	}
	return int(int32(x.seq - y.seq)) // the counter wraps
}

// sweepDocs deletes what is stored of sessions that were not restored.
func (c *Server) sweepDocs(ctx context.Context, h *server.Host) error {
	alive := make(map[string]bool)
	c.mu.Lock()
	for _, s := range c.resumable {
		alive[s.session.ID] = true
	}
	c.mu.Unlock()
	b := new(store.Batch)
	for _, kind := range []string{kindSession, kindHandled} {
		err := c.core.EachAccountWith(ctx, h.Name, kind, func(local string) error {
			keys, err := c.core.Store.Keys(ctx, h.Name, local, kind, "", "", store.MaxPage)
			for _, id := range keys {
				if !alive[id] {
					b.Delete(h.Key(local, kind, id))
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if b.Empty() {
		return nil
	}
	return c.core.Store.CommitWait(ctx, b)
}

// sweep returns to the offline spool what waits for sessions that are no more:
// those that could not be resumed, or were ending when the server stopped.
func (c *Server) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return c.core.SweepSpool(ctx, func(session string) bool { return c.core.SessionByID(session) != nil })
}
