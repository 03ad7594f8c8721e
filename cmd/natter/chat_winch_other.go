//go:build !unix

package main

// watchSize does nothing where no signal tells of a new size.
func watchSize(func()) (stop func()) { return func() {} }
