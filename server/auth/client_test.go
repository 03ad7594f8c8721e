package auth

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
	"mellium.im/sasl"
)

var scramNames = []string{"SCRAM-SHA-256", "SCRAM-SHA-1"}

func TestXdgClientLogsInWithoutBinding(t *testing.T) {
	for _, name := range scramNames {
		for _, authzid := range []string{"", "romeo@localhost", "ROMEO@LocalHost"} {
			x, err := play(testConfig(), name, loopback, xdgClient(t, name, "romeo", testPassword, authzid, nil))
			if err != nil || x.Username() != "romeo" || x.Mechanism() != name {
				t.Errorf("%s with authzid %q: got %q, %v", name, authzid, x.Username(), err)
			}
		}
	}
}

func TestXdgClientLogsInWithEachBinding(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ch, view := tlsPair(t, version)
		exporter, err := scram.NewTLSExporterBinding(&view)
		if err != nil {
			t.Fatal(err)
		}
		endPoint, err := scram.NewTLSServerEndpointBinding(&view)
		if err != nil {
			t.Fatal(err)
		}
		bindings := []scram.ChannelBinding{exporter, endPoint}
		if version == tls.VersionTLS12 {
			bindings = append(bindings, scram.NewTLSUniqueBinding(view.TLSUnique))
		}
		for _, name := range scramNames {
			for _, b := range bindings {
				x, err := play(testConfig(), name+"-PLUS", ch, xdgClient(t, name, "romeo", testPassword, "", &b))
				if err != nil || x.Username() != "romeo" {
					t.Errorf("%s-PLUS with %s over %s: got %q, %v",
						name, b.Type, tls.VersionName(version), x.Username(), err)
				}
			}
		}
	}
}

func TestMelliumClientLogsIn(t *testing.T) {
	credentials := sasl.Credentials(func() ([]byte, []byte, []byte) {
		return []byte("romeo"), []byte(testPassword), nil
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ch, view := tlsPair(t, version)
		c := testConfig()
		for _, m := range []sasl.Mechanism{
			sasl.ScramSha256Plus, sasl.ScramSha1Plus, sasl.ScramSha256, sasl.ScramSha1, sasl.Plain,
		} {
			n := sasl.NewClient(m, credentials, sasl.TLSState(view), sasl.RemoteMechanisms(c.Mechanisms(ch)...))
			x, err := play(c, m.Name, ch, func(challenge string) (string, error) {
				_, response, err := n.Step([]byte(challenge))
				return string(response), err
			})
			if err != nil || x.Username() != "romeo" {
				t.Errorf("%s over %s: got %q, %v", m.Name, tls.VersionName(version), x.Username(), err)
			}
		}
	}
}

func TestWrongPasswordIsNotAuthorized(t *testing.T) {
	for _, name := range scramNames {
		x, err := play(testConfig(), name, loopback, xdgClient(t, name, "romeo", "rosaline", "", nil))
		wantFailure(t, err, NotAuthorized)
		if x.Username() != "" || x.Claimed() != "romeo" {
			t.Errorf("got username %q, claimed %q", x.Username(), x.Claimed())
		}
	}
}

func TestSomebodyBetweenClientAndServerIsFoundOut(t *testing.T) {
	// The client has one TLS connection, the server another: each binding
	// that is the connection's own differs.
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ch, _ := tlsPair(t, version)
		_, view := tlsPair(t, version)
		exporter, err := scram.NewTLSExporterBinding(&view)
		if err != nil {
			t.Fatal(err)
		}
		endPoint, err := scram.NewTLSServerEndpointBinding(&view)
		if err != nil {
			t.Fatal(err)
		}
		bindings := []scram.ChannelBinding{exporter, endPoint}
		if version == tls.VersionTLS12 {
			bindings = append(bindings, scram.NewTLSUniqueBinding(view.TLSUnique))
		}
		for _, b := range bindings {
			_, err := play(testConfig(), "SCRAM-SHA-256-PLUS", ch, xdgClient(t, "SCRAM-SHA-256", "romeo", testPassword, "", &b))
			wantFailure(t, err, NotAuthorized)
		}
	}
}

func TestDowngradeIsFoundOut(t *testing.T) {
	ch, _ := tlsPair(t, tls.VersionTLS13)
	for _, name := range scramNames {
		// "y": the client could bind and saw no -PLUS. It was there.
		_, err := play(testConfig(), name, ch, flagged(xdgClient(t, name, "romeo", testPassword, "", nil), "y"))
		wantFailure(t, err, NotAuthorized)
		// Where none was offered, "y" is the truth.
		x, err := play(testConfig(), name, loopback, advertising(t, name))
		if err != nil || x.Username() != "romeo" {
			t.Errorf("%s, y without -PLUS on offer: %v", name, err)
		}
		// "n": a client that can't bind is welcome.
		if _, err := play(testConfig(), name, ch, xdgClient(t, name, "romeo", testPassword, "", nil)); err != nil {
			t.Errorf("%s, n with -PLUS on offer: %v", name, err)
		}
	}
}

// advertising is a client that says it could have bound the channel.
func advertising(t *testing.T, mechanism string) client {
	hash := scram.SHA1
	if mechanism == "SCRAM-SHA-256" {
		hash = scram.SHA256
	}
	c, err := hash.NewClient("romeo", testPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	return c.NewConversationAdvertisingChannelBinding().Step
}

// flagged changes the channel-binding flag of a client's first message.
func flagged(step client, flag string) client {
	first := true
	return func(challenge string) (string, error) {
		m, err := step(challenge)
		if first {
			m = flag + strings.TrimPrefix(m, "n")
		}
		first = false
		return m, err
	}
}

func TestMechanismsOnOffer(t *testing.T) {
	tls12, _ := tlsPair(t, tls.VersionTLS12)
	tls13, _ := tlsPair(t, tls.VersionTLS13)
	all := []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}
	c := testConfig()
	wantMechanisms(t, c.Mechanisms(tls12), all...)
	wantMechanisms(t, c.Mechanisms(tls13), all...)
	wantMechanisms(t, c.Mechanisms(loopback), "SCRAM-SHA-256", "SCRAM-SHA-1")
	wantMechanisms(t, c.Mechanisms(confidential), "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")
	wantMechanisms(t, c.Mechanisms(Channel{}))
	c.NoPlain = true
	wantMechanisms(t, c.Mechanisms(tls13), all[:4]...)

	wantMechanisms(t, c.BindingTypes(tls12), "tls-exporter", "tls-unique", "tls-server-end-point")
	wantMechanisms(t, c.BindingTypes(tls13), "tls-exporter", "tls-server-end-point")
	wantMechanisms(t, c.BindingTypes(loopback))
	wantMechanisms(t, c.BindingTypes(confidential))
	tls13.Leaf = nil
	wantMechanisms(t, c.BindingTypes(tls13), "tls-exporter")
}

func TestOnlyWhatIsOnOfferCanBeStarted(t *testing.T) {
	tls13, _ := tlsPair(t, tls.VersionTLS13)
	strict := testConfig()
	strict.NoPlain = true
	for _, row := range []struct {
		what      string
		config    *Config
		mechanism string
		channel   Channel
		want      Condition
	}{
		{"PLAIN in the clear", testConfig(), "PLAIN", Channel{}, EncryptionRequired},
		{"PLAIN from loopback in the clear", testConfig(), "PLAIN", loopback, EncryptionRequired},
		{"SCRAM in the clear", testConfig(), "SCRAM-SHA-1", Channel{}, EncryptionRequired},
		{"PLAIN against policy", strict, "PLAIN", tls13, MechanismTooWeak},
		{"-PLUS without TLS", testConfig(), "SCRAM-SHA-1-PLUS", loopback, InvalidMechanism},
		{"-PLUS behind a proxy", testConfig(), "SCRAM-SHA-256-PLUS", confidential, InvalidMechanism},
		{"no verifier for it", testConfig(), "SCRAM-SHA-512", tls13, InvalidMechanism},
		{"no mechanism named", testConfig(), "", tls13, InvalidMechanism},
		{"lower case", testConfig(), "scram-sha-1", tls13, InvalidMechanism},
		{"unknown", testConfig(), "DIGEST-MD5", tls13, InvalidMechanism},
	} {
		t.Run(row.what, func(t *testing.T) {
			x, err := row.config.Start(row.mechanism, row.channel)
			wantFailure(t, err, row.want)
			if x != nil || slices.Contains(row.config.Mechanisms(row.channel), row.mechanism) {
				t.Error("refused and yet on offer")
			}
		})
	}
}

func TestExchangeBeginsWithOrWithoutInitialResponse(t *testing.T) {
	c := testConfig()
	step := xdgClient(t, "SCRAM-SHA-1", "romeo", testPassword, "", nil)
	x, err := c.Start("SCRAM-SHA-1", loopback)
	if err != nil {
		t.Fatal(err)
	}
	out, done, err := x.Step(nil)
	if err != nil || done || out == nil || len(out) != 0 {
		t.Fatalf("no initial response: got %q, %v, %v", out, done, err)
	}
	first, _ := step("")
	if out, done, err = x.Step([]byte(first)); err != nil || done {
		t.Fatalf("first message: %v, %v", done, err)
	}
	final, _ := step(string(out))
	if out, done, err = x.Step([]byte(final)); err != nil || !done || !strings.HasPrefix(string(out), "v=") {
		t.Fatalf("final message: %q, %v, %v", out, done, err)
	}
	_, _, err = x.Step([]byte(final))
	wantFailure(t, err, MalformedRequest)

	for _, name := range []string{"SCRAM-SHA-1", "PLAIN"} {
		x, err = c.Start(name, confidential)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = x.Step(nil); err != nil {
			t.Fatal(err)
		}
		_, _, err = x.Step(nil) // an empty <response/>
		wantFailure(t, err, MalformedRequest)

		x, err = c.Start(name, confidential)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = x.Step([]byte{}) // <auth>=</auth>
		wantFailure(t, err, MalformedRequest)
	}
}
