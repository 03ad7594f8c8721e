package store

// Full reports whether the queue is at its bound, so that a small batch would
// most likely get ErrBusy: for callers that must do something else first and
// could not take it back.
func (s *Store) Full() bool {
	q := &s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed || q.n >= s.opt.QueueBatches-64 || q.bytes >= s.opt.QueueBytes-s.opt.QueueBytes/16
}
