package scs

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"
)

// Options say how a script reaches its server. The zero value dials nowhere:
// Dial must be set.
type Options struct {
	// Dial opens a connection for the character with that bare JID. It is
	// called once a connection; the runner closes what it returns. It should
	// obey ctx.
	Dial func(ctx context.Context, jid string) (net.Conn, error)

	// TLS configures the client's side. ServerName defaults to the JID's
	// domain. With nil the runner stays in plain text.
	TLS *tls.Config
	// DirectTLS starts with TLS (XEP-0368) where STARTTLS is the default.
	DirectTLS bool
	// PlainPassword allows SASL PLAIN without TLS.
	PlainPassword bool

	// EnsureAccount, when set, is called for every account of the cast, in
	// order and once each, before the first act. Characters with the property
	// "account: none" are left out.
	EnsureAccount func(ctx context.Context, jid, password string) error

	// Timeout bounds each step; 5 s when zero. An act's own time wins.
	Timeout time.Duration
	// Quiet is how long "receives nothing" watches; 300 ms when zero.
	Quiet time.Duration
	// Settle is how long a character waits before it acts while what another
	// sent may not be processed yet; 50 ms when zero, none when negative.
	Settle time.Duration
	// PassPresence makes a "receives" that expects no presence pass over the
	// presence stanzas before what it expects. Scripts written for other
	// runners count on it; it hides a presence that nobody should have got.
	PassPresence bool
	// Log, when set, receives every act and every element in both directions.
	Log io.Writer
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Quiet <= 0 {
		o.Quiet = 300 * time.Millisecond
	}
	if o.Settle == 0 {
		o.Settle = 50 * time.Millisecond
	}
	return o
}

// TB is what Run needs of a *testing.T.
type TB interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
}

// Run plays the script in a file and fails the test with what went wrong.
func Run(t TB, file string, opt Options) {
	t.Helper()
	script, err := ParseFile(file)
	if err != nil {
		t.Fatal(err)
		return
	}
	if err := script.Play(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
}
