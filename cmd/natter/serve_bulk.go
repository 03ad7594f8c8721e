package main

import (
	"context"
	"fmt"

	"natter/server"
)

// benchPassword is the password of the accounts that --bench-accounts makes.
const benchPassword = "bench"

// bulk makes accounts for the load tool: through the store, in one go.
func (o *options) bulk(ctx context.Context, core *server.Server) error {
	if o.BenchAccounts == 0 {
		return nil
	}
	if !o.Server.Dev {
		return fmt.Errorf("--bench-accounts needs --dev")
	}
	return core.Default().Bulk(ctx, "user", o.BenchAccounts, o.BenchContacts, benchPassword)
}
