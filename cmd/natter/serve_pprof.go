package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
)

// servePprof serves profiles when it was asked for; they end with the process.
func (o *options) servePprof() error {
	if o.Pprof == "" {
		return nil
	}
	if !loopback(o.Pprof) {
		return fmt.Errorf("--pprof is for this machine only, not for %s", o.Pprof)
	}
	ln, err := net.Listen("tcp", o.Pprof)
	if err != nil {
		return listenError("pprof", o.Pprof, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	go http.Serve(ln, mux)
	return nil
}
