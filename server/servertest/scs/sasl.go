package scs

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xdg-go/scram"
)

// preferred lists the SASL mechanisms the runner speaks, best first. The
// -PLUS ones are used only when a character asks for them by name.
var preferred = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}

// login authenticates on an open stream (RFC 6120 §6) and opens the next one.
// mechanism may be empty: then the best one both sides have is taken, PLAIN
// only under TLS or with plainOK.
func (l *link) login(ctx context.Context, user, password, mechanism string, plainOK bool) error {
	offered := mechanisms(l.features)
	if mechanism == "" {
		for _, m := range preferred {
			if slices.Contains(offered, m) && (m != "PLAIN" || l.secure() || plainOK) {
				mechanism = m
				break
			}
		}
		if mechanism == "" {
			return fmt.Errorf("no mechanism in common: the server offers %q", offered)
		}
	}
	step, err := l.conversation(mechanism, user, password)
	if err != nil {
		return err
	}
	if err := l.authenticate(ctx, mechanism, step); err != nil {
		return err
	}
	<-l.reading
	return l.open(ctx)
}

// mechanisms lists what the features offer.
func mechanisms(features *Element) []string {
	var names []string
	if list := features.Child(nsSASL, "mechanisms"); list != nil {
		for _, m := range list.Elements() {
			names = append(names, m.Text())
		}
	}
	return names
}

// conversation returns the client's side of a mechanism: challenge in,
// response out. It begins with the empty challenge and ends with the data of
// <success/>, which it verifies.
func (l *link) conversation(mechanism, user, password string) (func(challenge string) (string, error), error) {
	if mechanism == "ANONYMOUS" {
		return func(string) (string, error) { return "", nil }, nil
	}
	if mechanism == "PLAIN" {
		return func(challenge string) (string, error) {
			if challenge != "" {
				return "", errors.New("PLAIN knows no challenge")
			}
			return "\x00" + user + "\x00" + password, nil
		}, nil
	}
	base, plus := strings.CutSuffix(mechanism, "-PLUS")
	hash, ok := map[string]scram.HashGeneratorFcn{"SCRAM-SHA-1": scram.SHA1, "SCRAM-SHA-256": scram.SHA256}[base]
	if !ok {
		return nil, fmt.Errorf("unknown mechanism %q", mechanism)
	}
	client, err := hash.NewClient(user, password, "")
	if err != nil {
		return nil, fmt.Errorf("SCRAM: %w", err)
	}
	if !plus {
		return client.NewConversation().Step, nil
	}
	binding, err := l.channelBinding()
	if err != nil {
		return nil, err
	}
	return client.NewConversationWithChannelBinding(binding).Step, nil
}

// channelBinding takes the binding type the server names (XEP-0440), or
// tls-exporter when it names none.
func (l *link) channelBinding() (scram.ChannelBinding, error) {
	state := l.tlsState()
	if !state.HandshakeComplete {
		return scram.ChannelBinding{}, errors.New("channel binding without TLS")
	}
	offered := []string{"tls-exporter"}
	if list := l.features.Child(nsCB, "sasl-channel-binding"); list != nil {
		offered = nil
		for _, e := range list.Elements() {
			kind, _ := e.Attr("type")
			offered = append(offered, kind)
		}
	}
	if slices.Contains(offered, "tls-exporter") && state.Version == tls.VersionTLS13 {
		return scram.NewTLSExporterBinding(&state)
	}
	if slices.Contains(offered, "tls-server-end-point") {
		return scram.NewTLSServerEndpointBinding(&state)
	}
	return scram.ChannelBinding{}, fmt.Errorf("no channel binding in common: the server offers %q", offered)
}

func (l *link) authenticate(ctx context.Context, mechanism string, step func(string) (string, error)) error {
	initial, err := step("")
	if err != nil {
		return err
	}
	err = l.send("<auth xmlns='" + nsSASL + "' mechanism='" + escape(mechanism) + "'>" + encode(initial) + "</auth>")
	if err != nil {
		return err
	}
	for verified := mechanism == "PLAIN" || mechanism == "ANONYMOUS"; ; {
		e, err := l.next(ctx)
		if err != nil {
			return fmt.Errorf("wait for SASL: %w", err)
		}
		data, decodeErr := base64.StdEncoding.DecodeString(strings.TrimPrefix(e.Text(), "="))
		switch {
		case !e.is(nsSASL, "challenge") && !e.is(nsSASL, "success"):
			return &refused{what: "authentication", got: e}
		case decodeErr != nil:
			return fmt.Errorf("SASL data: %w", decodeErr)
		}
		done := e.Name.Local == "success"
		if done && verified && len(data) == 0 {
			return nil
		}
		response, err := step(string(data))
		if err != nil {
			return fmt.Errorf("SASL: %w", err)
		}
		if done {
			return nil
		}
		// A server may put its last word into a challenge (RFC 6120 §6.4.6).
		verified = response == ""
		if err := l.send("<response xmlns='" + nsSASL + "'>" + encode(response) + "</response>"); err != nil {
			return err
		}
	}
}

// encode is base64 with "=" for no data (RFC 6120 §6.4.2).
func encode(s string) string {
	if s == "" {
		return "="
	}
	return base64.StdEncoding.EncodeToString([]byte(s))
}

// bind asks for a resource (RFC 6120 §7), the server's choice when the given
// one is empty, and returns the full JID. A server that insists on the session
// of RFC 3921 gets it.
func (l *link) bind(ctx context.Context, resource string) (string, error) {
	ask := ""
	if resource != "" {
		ask = "<resource>" + escape(resource) + "</resource>"
	}
	e, err := l.request(ctx, "resource binding", "scs-bind", "<bind xmlns='"+nsBind+"'>"+ask+"</bind>")
	if err != nil {
		return "", err
	}
	var full string
	if b := e.Child(nsBind, "bind"); b != nil && b.Child(nsBind, "jid") != nil {
		full = b.Child(nsBind, "jid").Text()
	}
	if !strings.Contains(full, "/") {
		return "", &refused{what: "full JID", got: e}
	}
	session := l.features.Child(nsSession, "session")
	if session != nil && session.Child(nsSession, "optional") == nil {
		if _, err := l.request(ctx, "session", "scs-session", "<session xmlns='"+nsSession+"'/>"); err != nil {
			return "", err
		}
	}
	return full, nil
}

// request sends an IQ of type set without an address and waits for its result.
// Nothing else may arrive before it.
func (l *link) request(ctx context.Context, what, id, payload string) (*Element, error) {
	if err := l.send("<iq type='set' id='" + id + "'>" + payload + "</iq>"); err != nil {
		return nil, err
	}
	e, err := l.expect(ctx, what, nsClient, "iq")
	if err != nil {
		return nil, err
	}
	gotID, _ := e.Attr("id")
	if kind, _ := e.Attr("type"); kind != "result" || gotID != id {
		return nil, &refused{what: what, got: e}
	}
	return e, nil
}
