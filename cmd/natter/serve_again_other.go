//go:build !unix

package main

import "errors"

func again() error { return errors.New("this system cannot do that; start it yourself") }
