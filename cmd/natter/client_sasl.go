package main

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
	"mellium.im/sasl"
	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
)

const (
	nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsCB   = "urn:xmpp:sasl-cb:0"
)

// maxIterations bounds how often a server may have the password hashed: a
// larger number would keep the client busy for minutes.
const maxIterations = 5_000_000

// credentials proves who the user is. It keeps what SCRAM derives from the
// password, so that a reconnect costs no second derivation (RFC 5802 §5.1).
type credentials struct {
	jid            jid.JID // bare
	user, password string
	scram          map[string]*scram.Client // by hash name
	mechanism      string                   // the one that was used last
}

func newCredentials(j jid.JID, password string) *credentials {
	return &credentials{jid: j, user: j.Localpart(), password: password, scram: map[string]*scram.Client{}}
}

// channelBindings is the stream feature of XEP-0440: the types of channel
// binding the server offers.
func channelBindings() xmpp.StreamFeature {
	return xmpp.StreamFeature{
		Name:       xml.Name{Space: nsCB, Local: "sasl-channel-binding"},
		Prohibited: xmpp.Authn,
		Parse: func(_ context.Context, d *xml.Decoder, start *xml.StartElement) (bool, any, error) {
			var offer struct {
				Types []struct {
					Type string `xml:"type,attr"`
				} `xml:"urn:xmpp:sasl-cb:0 channel-binding"`
			}
			err := d.DecodeElement(&offer, start)
			var types []string
			for _, t := range offer.Types {
				types = append(types, t.Type)
			}
			return false, types, err
		},
	}
}

// feature is the stream feature that authenticates. trusted says that the
// server's certificate was checked: only then may PLAIN hand it the password.
func (c *credentials) feature(trusted bool) xmpp.StreamFeature {
	whole := xmpp.SASL("", "", sasl.Plain)
	whole.Negotiate = func(ctx context.Context, session *xmpp.Session, data any) (xmpp.SessionState, io.ReadWriter, error) {
		offered, _ := data.([]string)
		announced, _ := session.Feature(nsCB)
		types, _ := announced.([]string)
		mechanisms := c.mechanisms(offered, types, session.ConnectionState(), trusted)
		if len(mechanisms) == 0 {
			return 0, nil, fail(exitAuth, mechanismHint(trusted), "logging in: the server offers only %s", strings.Join(offered, ", "))
		}
		c.mechanism = mechanisms[0].Name
		mask, rw, err := xmpp.SASL("", c.password, mechanisms[0]).Negotiate(ctx, session, data)
		return mask, rw, c.explain(err)
	}
	return whole
}

func mechanismHint(trusted bool) string {
	if trusted {
		return "natter logs in with SCRAM-SHA-256 or SCRAM-SHA-1, and over TLS with PLAIN."
	}
	return "Without a checked certificate natter logs in with SCRAM-SHA-256 or SCRAM-SHA-1 only, so that nobody learns the password."
}

// mechanisms returns those of the offered mechanisms that can be used here,
// best first.
func (c *credentials) mechanisms(offered, bindingTypes []string, state tls.ConnectionState, trusted bool) []sasl.Mechanism {
	var usable []sasl.Mechanism
	binding, bindable := chooseBinding(bindingTypes, state)
	plusOffered := slices.ContainsFunc(offered, func(m string) bool { return strings.HasSuffix(m, "-PLUS") })
	for _, hash := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		if bindable && slices.Contains(offered, hash+"-PLUS") {
			usable = append(usable, c.scramMechanism(hash, "-PLUS", func(s *scram.Client) *scram.ClientConversation {
				return s.NewConversationWithChannelBinding(binding)
			}))
		}
	}
	for _, hash := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		if !slices.Contains(offered, hash) {
			continue
		}
		usable = append(usable, c.scramMechanism(hash, "", func(s *scram.Client) *scram.ClientConversation {
			// Saying "I could bind, but you do not offer it" lets the server notice
			// that somebody took the -PLUS out of its offer (RFC 5802 §6).
			if bindable && !plusOffered {
				return s.NewConversationAdvertisingChannelBinding()
			}
			return s.NewConversation()
		}))
	}
	if trusted && slices.Contains(offered, "PLAIN") {
		usable = append(usable, sasl.Plain)
	}
	return usable
}

// chooseBinding returns the channel binding to use: the best of the types the
// server announced, or when it announced none the one its TLS version implies
// (RFC 9266 §3, RFC 5929 §3).
func chooseBinding(announced []string, state tls.ConnectionState) (scram.ChannelBinding, bool) {
	if state.Version == 0 {
		return scram.ChannelBinding{}, false
	}
	has := func(t scram.ChannelBindingType) bool { return slices.Contains(announced, string(t)) }
	if len(announced) == 0 {
		has = func(t scram.ChannelBindingType) bool {
			return (t == scram.ChannelBindingTLSExporter) == (state.Version >= tls.VersionTLS13) && t != scram.ChannelBindingTLSServerEndpoint
		}
	}
	if has(scram.ChannelBindingTLSExporter) {
		if b, err := scram.NewTLSExporterBinding(&state); err == nil {
			return b, true
		}
	}
	if has(scram.ChannelBindingTLSServerEndpoint) {
		if b, err := scram.NewTLSServerEndpointBinding(&state); err == nil {
			return b, true
		}
	}
	if has(scram.ChannelBindingTLSUnique) && len(state.TLSUnique) > 0 {
		return scram.NewTLSUniqueBinding(state.TLSUnique), true
	}
	return scram.ChannelBinding{}, false
}

// scramMechanism drives the xdg-go SCRAM client from mellium's negotiation.
// mellium's own SCRAM (sasl v0.3.2) has no tls-server-end-point, never says "y",
// takes an iteration count of 1, and loops for ever on a challenge that ends
// with a field of less than three bytes.
func (c *credentials) scramMechanism(hash, suffix string, start func(*scram.Client) *scram.ClientConversation) sasl.Mechanism {
	return sasl.Mechanism{
		Name: hash + suffix,
		Start: func(*sasl.Negotiator) (bool, []byte, any, error) {
			client, err := c.scramClient(hash)
			if err != nil {
				return false, nil, nil, err
			}
			conversation := start(client)
			first, err := conversation.Step("")
			return true, []byte(first), conversation, err
		},
		Next: func(_ *sasl.Negotiator, challenge []byte, data any) (bool, []byte, any, error) {
			conversation := data.(*scram.ClientConversation)
			if n := iterations(string(challenge)); n > maxIterations {
				return false, nil, nil, fmt.Errorf("the server wants the password hashed %d times", n)
			}
			answer, err := conversation.Step(string(challenge))
			if err != nil {
				return false, nil, nil, &scramError{err}
			}
			return !conversation.Valid(), []byte(answer), conversation, nil
		},
	}
}

// scramError is a server message that does not prove what it has to prove.
type scramError struct{ err error }

func (e *scramError) Error() string { return e.err.Error() }

// iterations returns the iteration count in a server-first message, 0 if it has
// none.
func iterations(challenge string) int {
	for field := range strings.SplitSeq(challenge, ",") {
		if value, ok := strings.CutPrefix(field, "i="); ok {
			n, err := strconv.Atoi(value)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

func (c *credentials) scramClient(hash string) (*scram.Client, error) {
	if client := c.scram[hash]; client != nil {
		return client, nil
	}
	generator := scram.HashGeneratorFcn(sha256.New)
	if hash == "SCRAM-SHA-1" {
		generator = sha1.New
	}
	client, err := generator.NewClient(c.user, c.password, "")
	if err != nil {
		// The password has characters SASLprep does not know. Servers that took it
		// nevertheless keep it as it is.
		client, err = generator.NewClientUnprepped(c.user, c.password, "")
	}
	if err != nil {
		return nil, err
	}
	c.scram[hash] = client
	return client, nil
}

// explain turns what went wrong during authentication into something to act on.
func (c *credentials) explain(err error) error {
	if err == nil {
		return nil
	}
	var refusal interface{ TokenReader() xml.TokenReader }
	var unproven *scramError
	switch {
	case errors.As(err, &unproven):
		return fail(exitAuth, "Its answer does not fit the password: it is not the server that knows this account, or somebody sits between.",
			"logging in as %s: the server could not prove itself: %w", c.jid, err)
	case errors.As(err, &refusal):
		condition, text := saslFailure(refusal.TokenReader())
		return fail(exitAuth, saslHint(condition), "logging in as %s: the server refused: %s", c.jid, firstSet(saslWords[condition], text, condition))
	}
	return err
}

// saslFailure reads condition and text out of a <failure/>.
func saslFailure(r xml.TokenReader) (condition, text string) {
	d := xml.NewTokenDecoder(xmlstream.MultiReader(r))
	var failure node
	if d.Decode(&failure) != nil {
		return "", ""
	}
	for _, c := range failure.Children {
		if c.XMLName.Local == "text" {
			text = oneLine(c.Text)
		} else {
			condition = c.XMLName.Local
		}
	}
	return condition, text
}

// saslWords says what the errors of RFC 6120 §6.5 mean.
var saslWords = map[string]string{
	"account-disabled":       "the account is disabled",
	"credentials-expired":    "the password has expired",
	"encryption-required":    "it wants an encrypted connection",
	"invalid-authzid":        "it does not let this account act for that address",
	"malformed-request":      "it did not understand the request",
	"mechanism-too-weak":     "it wants a stronger mechanism",
	"not-authorized":         "the password is wrong, or there is no such account",
	"temporary-auth-failure": "it cannot check passwords just now",
}

func saslHint(condition string) string {
	switch condition {
	case "not-authorized":
		return "Check the address and the password (NATTER_PASSWORD, --password-file or the config file may hold an old one)."
	case "temporary-auth-failure":
		return "Try again in a while."
	case "encryption-required":
		return "Leave out --tls none."
	}
	return ""
}
