package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
)

// newPassword finds the password for an account that is made or changed.
func (u *userVerb) newPassword(ctx context.Context, who string) (string, error) {
	switch {
	case u.password == "-":
		return passwordLine("standard input", u.std.in)
	case u.password != "":
		return passwordFromFile(u.password)
	case os.Getenv("NATTER_PASSWORD") != "":
		return os.Getenv("NATTER_PASSWORD"), nil
	case !isTerminal(u.std.in):
		return passwordLine("standard input", u.std.in)
	}
	return u.askTwice(ctx, who)
}

// askTwice asks for a password on the terminal that standard input is, until it
// was typed twice the same.
func (u *userVerb) askTwice(ctx context.Context, who string) (string, error) {
	ask := func(prompt string) (string, error) {
		fmt.Fprint(u.std.err, prompt)
		b, err := readPassword(ctx, int(u.std.in.(*os.File).Fd()))
		fmt.Fprintln(u.std.err)
		if err != nil && !errors.Is(err, context.Canceled) {
			err = fail(exitUsage, "", "reading the password: %w", err)
		}
		return string(b), err
	}
	for range 3 {
		password, err := ask(fmt.Sprintf("Password for %s: ", who))
		if err != nil {
			return "", err
		}
		if password == "" {
			return "", fail(exitUsage, "--random makes one up.", "no password given for %s", who)
		}
		again, err := ask("The same again: ")
		if err != nil {
			return "", err
		}
		if password == again {
			return password, nil
		}
		fmt.Fprintln(u.std.err, "They differ.")
	}
	return "", fail(exitUsage, "", "the passwords differed three times")
}

// randomPassword returns a password of 80 random bits, in letters and digits
// that cannot be mistaken for each other, in four groups to read out.
func randomPassword() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789" // 32, no l, o, 0, 1
	var random [16]byte
	rand.Read(random[:]) // never fails
	var b strings.Builder
	for i, r := range random {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(letters[r%32])
	}
	return b.String()
}
