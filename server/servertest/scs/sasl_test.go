package scs

import (
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/xdg-go/scram"
)

// scramPuppet lets in who proves to know the password; last tells it how to
// say its final word.
func scramPuppet(last func(p *puppet, signature string)) func(*puppet, int) {
	return func(p *puppet, _ int) {
		client, err := scram.SHA256.NewClient("romeo", "password", "")
		if err != nil {
			p.t.Error(err)
			return
		}
		stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
		if err != nil {
			p.t.Error(err)
			return
		}
		server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
		if err != nil {
			p.t.Error(err)
			return
		}
		conversation := server.NewConversation()
		p.header("<mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism><mechanism>SCRAM-SHA-1</mechanism><mechanism>SCRAM-SHA-256</mechanism></mechanisms>")
		step := func() string {
			data, err := base64.StdEncoding.DecodeString(p.hear().Text())
			if err != nil {
				p.t.Error(err)
			}
			answer, err := conversation.Step(string(data))
			if err != nil {
				p.t.Error(err)
			}
			return answer
		}
		p.say("<challenge xmlns='" + nsSASL + "'>" + encode(step()) + "</challenge>")
		last(p, step())
		p.header("<bind xmlns='" + nsBind + "'/>")
		p.hear()
		p.say("<iq type='result' id='scs-bind'><bind xmlns='" + nsBind + "'><jid>romeo@localhost/x</jid></bind></iq>")
		p.linger()
	}
}

func TestScramIsPreferredAndTheServerIsChecked(t *testing.T) {
	success := func(data string) string { return "<success xmlns='" + nsSASL + "'>" + data + "</success>" }
	rows := []struct {
		name string
		last func(p *puppet, signature string)
		want string // part of the error; "" for success
	}{
		{"the signature comes with success", func(p *puppet, s string) { p.say(success(encode(s))) }, ""},
		{"the signature comes in a challenge", func(p *puppet, s string) {
			p.say("<challenge xmlns='" + nsSASL + "'>" + encode(s) + "</challenge>")
			if e := p.hear(); e.Text() != "=" && e.Text() != "" {
				p.t.Errorf("answered %s", e)
			}
			p.say(success(""))
		}, ""},
		{"the signature is wrong", func(p *puppet, s string) { p.say(success(encode("v=" + strings.Repeat("A", 43) + "="))) }, "SASL"},
		{"the signature is missing", func(p *puppet, _ string) { p.say(success("")) }, "SASL"},
		{"the signature is no base64", func(p *puppet, _ string) { p.say(success("***")) }, "SASL data"},
		{"the server refuses", func(p *puppet, _ string) { p.say("<failure xmlns='" + nsSASL + "'><not-authorized/></failure>") }, "not-authorized"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			_, err := perform(t, "Romeo connects", scramPuppet(r.last))
			switch {
			case r.want == "" && err != nil:
				t.Error(err)
			case r.want != "" && (err == nil || !strings.Contains(err.Error(), r.want)):
				t.Errorf("got %v, want %q", err, r.want)
			}
		})
	}
}

func TestAMechanismByName(t *testing.T) {
	for mechanism, want := range map[string]string{
		"PLAIN":              "",
		"ROT13":              `unknown mechanism "ROT13"`,
		"SCRAM-SHA-256-PLUS": "channel binding without TLS",
	} {
		script := mustParse(t, "[Client] Romeo\n\tjid: romeo@localhost\n\tmechanism: "+mechanism+"\n---\nRomeo connects")
		synctest.Test(t, func(t *testing.T) {
			err := script.Play(t.Context(), newStage(t, says("")).options())
			switch {
			case want != "":
				wantFailure(t, err, want)
			case err != nil:
				t.Errorf("%s: %v", mechanism, err)
			}
		})
	}
}
