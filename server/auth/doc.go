// Package auth implements the server's side of SASL for XMPP: RFC 6120 §6 with
// the mechanisms SCRAM-SHA-256 and SCRAM-SHA-1 (RFC 5802, RFC 7677), both with
// channel binding (-PLUS; RFC 5929, RFC 9266, XEP-0440 version 1.0.0) and protected
// against downgrades (XEP-0474, version 0.5.0), PLAIN (RFC 4616) where the channel is
// confidential, and the HT-SHA-256 mechanisms for tokens (XEP-0484, version 0.2.0;
// draft-schmaus-kitten-sasl-ht-09).
//
// An [Exchange] is a step function: decoded bytes in, bytes out. It knows
// nothing of XML, so the same exchange serves SASL (RFC 6120), SASL2 (XEP-0388)
// and any transport. What a caller does for one <auth/>:
//
//	x, err := config.Start(mechanism, channel)
//	in, err := auth.DecodeBase64(text)      // nil when there was no text at all
//	out, done, err := x.Step(in)
//	hold the answer back for x.Wait()       // 0 for nearly everybody
//	err != nil:  <failure/> with err.(*auth.Failure).Condition
//	!done:       <challenge/> with base64 of out, then Step with the response
//	done:        <success/> with base64 of out if out is not empty; x.Username()
//
// At rest there are only salt, iteration count, StoredKey and ServerKey: neither
// the password nor anything that lets its holder log in. Tokens are the caller's.
//
// # Why the SCRAM exchange is written here
//
// github.com/xdg-go/scram v1.4.0 was measured first: its server conversation
// accepts line breaks and non-zero padding bits in the proof's base64, text after
// it, an empty username, an empty, binary or megabyte-long nonce, malformed
// extensions and names that are not UTF-8; it takes its channel binding before the
// client has named the type, does not know which mechanism was asked for, and its
// error texts carry binding data. All of that has to be checked before it would
// see the message, after which four lines of arithmetic are left. It remains as
// the client in this package's tests, where an independent opinion is worth most.
package auth
