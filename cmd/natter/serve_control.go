package main

import (
	"context"
	"sync"
	"time"

	"natter/server"
	"natter/server/admin"
)

// control opens the control socket, for natter user, and returns what closes it.
func (o *options) control(core *server.Server) (func(), error) {
	if o.Control == off {
		return func() {}, nil
	}
	s, err := admin.Start(core, o.Control)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Close(ctx)
	}), nil
}
