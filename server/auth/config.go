package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"net/netip"
)

// Config is how one host authenticates its clients. Fill it in before first
// use; after that it is only read, by any number of goroutines.
type Config struct {
	// Domain is the host's prepared domainpart: the only one an authorization
	// identity may name.
	Domain string
	// Lookup finds an account by its prepared localpart. False is an unknown
	// account; an error is trouble in the store, which the client hears of as
	// temporary-auth-failure. It is called from many goroutines and takes
	// about the same time for either answer.
	Lookup func(localpart string) (Credentials, bool, error)
	// Secret, 32 random bytes kept for good, makes the salts of accounts that
	// don't exist the same at every try and after every restart. With fewer
	// than 16 bytes anybody could make them up, so no exchange starts.
	Secret []byte
	// Iterations is the count shown for accounts that don't exist; 0 is the
	// package's Iterations. It should be what real accounts have.
	Iterations int
	// NoPlain never offers PLAIN and answers it with mechanism-too-weak.
	NoPlain bool
	// Throttle slows guessing down; nil does not.
	Throttle *Throttle
	// Guest, if not nil, lets everybody in, with a new name each: ANONYMOUS is offered
	// and nothing else. The error is that there are too many already. The name is the
	// client's from then on.
	Guest func(addr netip.Addr) (localpart string, err error)
	// Tokens finds the tokens of one of an account's devices (XEP-0484), two at
	// most, with whether the account is disabled. Nil offers no tokens. It is called
	// for names without an account too, and then finds none.
	Tokens func(localpart, device string) (tokens []Token, disabled bool, err error)
}

var errNoSecret = errors.New("the configuration has no secret")

// mechanism is one row of the table of what can be offered.
type mechanism struct {
	name   string
	family *family // nil for PLAIN
	plus   bool
}

// mechanisms are all there are, strongest first. There is no SCRAM-SHA-512: no
// verifier is kept for it, and clients would take it if it were offered.
var mechanisms = []mechanism{
	{"SCRAM-SHA-256-PLUS", scramSHA256, true},
	{"SCRAM-SHA-1-PLUS", scramSHA1, true},
	{"SCRAM-SHA-256", scramSHA256, false},
	{"SCRAM-SHA-1", scramSHA1, false},
	{"PLAIN", nil, false},
	{anonymous, nil, false},
}

const anonymous = "ANONYMOUS" // RFC 4505

// Mechanisms lists what to offer over a channel, strongest first, nothing where
// it is not secure: the -PLUS ones where the connection has a binding, PLAIN only
// where the channel is confidential.
func (c *Config) Mechanisms(ch Channel) []string {
	var names []string
	bindable := ch.bindable()
	for i := range mechanisms {
		if c.refusal(&mechanisms[i], &ch, bindable) == nil {
			names = append(names, mechanisms[i].name)
		}
	}
	return names
}

// BindingTypes lists the channel-binding types to announce for a channel
// (XEP-0440), strongest first; none where no -PLUS mechanism is offered.
func (c *Config) BindingTypes(ch Channel) []string { return ch.bindingTypes() }

// refusal says why a mechanism can't be used over a channel, nil if it can.
func (c *Config) refusal(m *mechanism, ch *Channel, bindable bool) *Failure {
	switch {
	case (m.name == anonymous) != (c.Guest != nil):
		return fail(InvalidMechanism, "")
	case m.name == anonymous && ch.secure():
		return nil
	case m.family == nil && c.NoPlain:
		return fail(MechanismTooWeak, "")
	case m.family == nil && !ch.confidential(), !ch.secure():
		return fail(EncryptionRequired, "")
	case m.plus && !bindable:
		return fail(InvalidMechanism, "This connection has nothing to bind to.")
	}
	return nil
}

// Start begins the exchange a client asked for by mechanism name. The error is
// a *Failure: invalid-mechanism, encryption-required or mechanism-too-weak. The
// stream stays, and the client may try another.
func (c *Config) Start(name string, ch Channel) (*Exchange, error) {
	if len(c.Secret) < 16 {
		return nil, &Failure{Condition: TemporaryAuthFailure, Err: errNoSecret}
	}
	for i := range mechanisms {
		m := &mechanisms[i]
		if m.name != name {
			continue
		}
		bindable := ch.bindable()
		if f := c.refusal(m, &ch, bindable); f != nil {
			return nil, f
		}
		x := &Exchange{config: c, channel: ch, mechanism: m, bindable: bindable}
		switch {
		case m.name == anonymous:
			x.next, x.asked = x.anonymous, true // there is nothing to ask for (XEP-0175 §4)
		case m.family == nil:
			x.next = x.plain
		default:
			x.next = x.scramFirst
		}
		return x, nil
	}
	return nil, fail(InvalidMechanism, "")
}

// account returns the keys with which to go on for a name and the hash they are
// for: the first of the families that the account has keys of. Where there is no
// such account, or it has none of them, they are made up for the first family: the
// same salt and count each time, keys that no password fits.
func (c *Config) account(name string, known bool, families ...*family) (keys Keys, f *family, disabled bool, err error) {
	keys = c.fake(name, families[0])
	if !known {
		return keys, families[0], false, nil
	}
	creds, ok, err := c.Lookup(name)
	if err != nil {
		return Keys{}, nil, false, &Failure{Condition: TemporaryAuthFailure, Err: err}
	}
	if ok {
		for _, f := range families {
			if k := f.keys(&creds); k.usable(f) {
				return *k, f, creds.Disabled, nil
			}
		}
	}
	return keys, families[0], false, nil
}

// fake makes up the keys of an account that does not exist. The keys come from
// the secret and not from a password, so that nothing verifies against them.
func (c *Config) fake(name string, f *family) Keys {
	k := Keys{
		Salt:       c.derive("salt", name, f)[:saltSize],
		Iterations: c.Iterations,
		StoredKey:  c.derive("stored", name, f)[:f.size],
		ServerKey:  c.derive("server", name, f)[:f.size],
	}
	if k.Iterations == 0 {
		k.Iterations = Iterations
	}
	return k
}

// derive gives 32 bytes that look random to whoever has not got the secret. The
// parts can't run into each other: no name holds a NUL, that is malformed.
func (c *Config) derive(use, name string, f *family) []byte {
	h := hmac.New(sha256.New, c.Secret)
	for _, s := range []string{use, f.name, c.Domain, name} {
		io.WriteString(h, s)
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}
