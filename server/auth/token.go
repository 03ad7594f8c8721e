package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"unicode/utf8"
)

// MaxTokens is how many tokens of one device are looked at: the one in use and the
// one that is to replace it (XEP-0484 §5.1).
const MaxTokens = 2

// Token is one token of a device (XEP-0484).
type Token struct {
	ID        string // names it among the device's; not secret
	Secret    []byte // the token as the client was given it
	Mechanism string // the only one it may be used with (§3.4)
	Count     uint64 // the highest count it was used with
	// Spent says that it is known but no longer trusted: expired or revoked. Whoever
	// proves to have it hears credentials-expired (§4.2).
	Spent bool
}

// Presented is what a client says of the token it authenticates with.
type Presented struct {
	Device  string // its user agent's id
	Count   uint64 // with Counted
	Counted bool
}

// tokenMechanism is a mechanism of draft-schmaus-kitten-sasl-ht-09: a name and the
// type of channel binding that goes into the hash, "" for none.
type tokenMechanism struct{ name, binding string }

// tokenMechanisms are all there are, strongest first.
var tokenMechanisms = []tokenMechanism{
	{"HT-SHA-256-EXPR", tlsExporter},
	{"HT-SHA-256-UNIQ", tlsUnique},
	{"HT-SHA-256-ENDP", tlsServerEndPoint},
	{"HT-SHA-256-NONE", ""},
}

// tokenState is what an exchange with a token knows.
type tokenState struct {
	presented Presented
	mechanism *tokenMechanism
	used      string // id of the token that fitted
}

// TokenMechanisms lists the mechanisms for tokens to announce for a channel
// (XEP-0484 §3.1), strongest first.
func (c *Config) TokenMechanisms(ch Channel) []string {
	if c.Tokens == nil || !ch.secure() {
		return nil
	}
	var names []string
	for _, m := range tokenMechanisms {
		if m.binding == "" || ch.binding(m.binding) != nil {
			names = append(names, m.name)
		}
	}
	return names
}

// IsTokenMechanism reports whether a mechanism authenticates with a token.
func IsTokenMechanism(name string) bool {
	for i := range tokenMechanisms {
		if tokenMechanisms[i].name == name {
			return true
		}
	}
	return false
}

// StartToken begins the exchange of a client that has a token. Errors are as with
// Start.
func (c *Config) StartToken(name string, ch Channel, p Presented) (*Exchange, error) {
	if len(c.Secret) < 16 {
		return nil, &Failure{Condition: TemporaryAuthFailure, Err: errNoSecret}
	}
	for i := range tokenMechanisms {
		m := &tokenMechanisms[i]
		if m.name != name || c.Tokens == nil {
			continue
		}
		switch {
		case !ch.secure():
			return nil, fail(EncryptionRequired, "")
		case m.binding != "" && ch.binding(m.binding) == nil:
			return nil, fail(InvalidMechanism, "This connection has nothing to bind to.")
		}
		x := &Exchange{config: c, channel: ch, mechanism: &mechanism{name: name}}
		x.token = &tokenState{presented: p, mechanism: m}
		x.next = x.proveToken
		return x, nil
	}
	return nil, fail(InvalidMechanism, "")
}

// TokenUsed returns the id of the token that was proven; empty before that, and for
// other mechanisms.
func (x *Exchange) TokenUsed() string {
	if !x.done || x.token == nil {
		return ""
	}
	return x.token.used
}

// proveToken is the one step of the HT mechanisms: authcid NUL and the HMAC, keyed
// with the token, of "Initiator" and the channel-binding data (§3 of the draft).
//
// However many tokens there are and whoever they belong to, the same number of
// hashes is computed and compared.
func (x *Exchange) proveToken(in []byte) ([]byte, error) {
	name, proof, ok := bytes.Cut(in, []byte{0})
	if !ok || len(name) == 0 || len(proof) != sha256.Size || !utf8.Valid(name) {
		return nil, malformed("")
	}
	if err := x.identify(string(name), ""); err != nil {
		return nil, err
	}
	s := x.token
	var tokens []Token
	var disabled bool
	if x.known {
		var err error
		if tokens, disabled, err = x.config.Tokens(x.name, s.presented.Device); err != nil {
			return nil, &Failure{Condition: TemporaryAuthFailure, Err: err}
		}
	}
	data := x.channel.binding(s.mechanism.binding)
	none := Token{Secret: x.config.derive("token", x.name, scramSHA256)}
	found := -1
	for i := range MaxTokens {
		t := &none
		if i < len(tokens) {
			t = &tokens[i]
		}
		fits := subtle.ConstantTimeCompare(tokenHash(t.Secret, "Initiator", data), proof) == 1
		if fits && i < len(tokens) && t.Mechanism == s.mechanism.name && s.presented.fresh(t) {
			found = i
		}
	}
	instead := whenDisabled(disabled)
	if found >= 0 && instead == nil && tokens[found].Spent {
		instead = fail(CredentialsExpired, "Log in with your password again.")
	}
	if err := x.judge(instead, func() bool { return found >= 0 }); err != nil {
		return nil, err
	}
	s.used = tokens[found].ID
	return tokenHash(tokens[found].Secret, "Responder", data), nil
}

// fresh reports that a token is not used with a count it was used with before: such
// a request was recorded and sent again (XEP-0484 §3.4).
func (p *Presented) fresh(t *Token) bool { return !p.Counted || p.Count > t.Count }

func tokenHash(secret []byte, who string, binding []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(who))
	h.Write(binding)
	return h.Sum(nil)
}
