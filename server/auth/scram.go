package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"strconv"
)

// scramState is what a SCRAM exchange remembers between its two steps.
type scramState struct {
	keys     Keys
	disabled bool
	binding  []byte // what c= must decode to: gs2-header and channel-binding data
	nonce    string // client's and ours
	messages string // client-first-message-bare "," server-first-message
}

// scramFirst takes the client-first-message and answers with salt and count
// (RFC 5802 §5.1), made up where there is no such account.
func (x *Exchange) scramFirst(in []byte) ([]byte, error) {
	first, ok := parseClientFirst(string(in))
	if !ok {
		return nil, malformed("")
	}
	binding, err := x.bind(first)
	if err != nil {
		return nil, err
	}
	if err := x.identify(first.username, first.authzid); err != nil {
		return nil, err
	}
	s := &scramState{nonce: first.nonce + rand.Text()}
	s.binding = append([]byte(first.gs2), binding...)
	s.keys, _, s.disabled, err = x.config.account(x.name, x.known, x.mechanism.family)
	if err != nil {
		return nil, err
	}
	challenge := "r=" + s.nonce + ",s=" + EncodeBase64(s.keys.Salt) + ",i=" + strconv.Itoa(s.keys.Iterations) +
		",h=" + EncodeBase64(x.config.announced(&x.channel, x.mechanism.family))
	s.messages = first.bare + "," + challenge
	x.scram, x.next = s, x.scramFinal
	return []byte(challenge), errMore
}

// bind checks the client's word on channel binding against what was offered and
// asked for (RFC 5802 §6) and returns the data that c= must end in.
func (x *Exchange) bind(first *clientFirst) ([]byte, error) {
	switch {
	case x.mechanism.plus != (first.flag == 'p'):
		return nil, malformed("The channel-binding flag does not fit the mechanism.")
	case first.flag == 'y' && x.bindable:
		// The client would have bound the channel but saw no -PLUS among
		// the mechanisms, and it was there: somebody took it out.
		return nil, fail(NotAuthorized, "The server does support channel binding.")
	case first.flag != 'p':
		return nil, nil
	}
	data := x.channel.binding(first.bindingType)
	if data == nil {
		return nil, malformed("This channel-binding type is not supported here.")
	}
	return data, nil
}

// scramFinal takes the client-final-message and answers with the server's own
// signature (RFC 5802 §5.1, §7).
func (x *Exchange) scramFinal(in []byte) ([]byte, error) {
	final, ok := parseClientFinal(string(in), x.mechanism.family.size)
	if !ok {
		return nil, malformed("")
	}
	s := x.scram
	x.scram = nil
	if !hmac.Equal(final.binding, s.binding) {
		return nil, fail(NotAuthorized, "The channel-binding data does not match.")
	}
	if final.nonce != s.nonce {
		return nil, fail(NotAuthorized, "The nonce does not match.")
	}
	var serverKey []byte
	f := x.mechanism.family
	message := s.messages + "," + final.withoutProof
	if err := x.judge(whenDisabled(s.disabled), func() (ok bool) {
		serverKey, ok = f.prove(&s.keys, message, final.proof)
		return ok
	}); err != nil {
		return nil, err
	}
	return []byte("v=" + EncodeBase64(f.mac(serverKey, message))), nil
}

// prove checks a proof against each pair of keys and returns the ServerKey of
// the one it fits. All pairs are tried, whichever fits.
func (f *family) prove(k *Keys, message string, proof []byte) (serverKey []byte, ok bool) {
	try := func(stored, server []byte) {
		if len(stored) != f.size || len(server) != f.size {
			return
		}
		clientKey := f.mac(stored, message)
		subtle.XORBytes(clientKey, clientKey, proof)
		if subtle.ConstantTimeCompare(f.sum(clientKey), stored) == 1 {
			serverKey, ok = server, true
		}
	}
	try(k.StoredKey, k.ServerKey)
	for _, p := range k.Other {
		try(p.StoredKey, p.ServerKey)
	}
	return serverKey, ok
}
