package main

import "natter/server"

// control opens the control socket and returns what closes it.
func (o *options) control(core *server.Server) (func(), error) { return func() {}, nil }
