package main

import (
	"context"

	"natter/server/servertest/scs"
)

// runTest plays .scs scripts; package scs holds the verb, so that the same
// runner serves Go tests.
func runTest(ctx context.Context, args []string, std stdio) int {
	return scs.Main(ctx, args, std.out, std.err)
}
