package server_test

import (
	"slices"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
)

func TestAStoreKnowsItsHosts(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "example.org"}}})
	domains, err := server.Domains(t.Context(), srv.Store)
	if err != nil || !slices.Equal(domains, []string{"example.org", "localhost"}) {
		t.Errorf("the domains are %q, %v", domains, err)
	}
}

func TestEachAccountComesInOrderWithItsAge(t *testing.T) {
	srv := servertest.New(t)
	for _, name := range []string{"romeo", "juliet", "nurse"} {
		srv.Account(t, name+"@localhost")
	}
	var names []string
	err := srv.Core.Default().EachAccount(t.Context(), func(local string, created time.Time) error {
		names = append(names, local)
		if since := time.Since(created); since < -time.Second || since > time.Minute {
			t.Errorf("%s was made at %v", local, created)
		}
		return nil
	})
	if err != nil || !slices.Equal(names, []string{"juliet", "nurse", "romeo"}) {
		t.Errorf("the accounts are %q, %v", names, err)
	}
	if _, err := srv.Core.Default().Created("mercutio"); err != server.ErrUnknown {
		t.Errorf("nobody was made: %v", err)
	}
}

func TestStagesHaveNames(t *testing.T) {
	if got := server.SessionEnded.String(); got != "SessionEnded" {
		t.Errorf("the last stage is %q", got)
	}
	if got := (server.SessionEnded + 1).String(); got != "" {
		t.Errorf("beyond the last stage there is %q", got)
	}
}
