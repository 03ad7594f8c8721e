package auth

import "fmt"

// Condition is a SASL error condition of RFC 6120 §6.5, spelled as the name of
// the element inside <failure/>.
type Condition string

// The conditions of RFC 6120 §6.5.
const (
	Aborted              Condition = "aborted"
	AccountDisabled      Condition = "account-disabled"
	CredentialsExpired   Condition = "credentials-expired"
	EncryptionRequired   Condition = "encryption-required"
	IncorrectEncoding    Condition = "incorrect-encoding"
	InvalidAuthzid       Condition = "invalid-authzid"
	InvalidMechanism     Condition = "invalid-mechanism"
	MalformedRequest     Condition = "malformed-request"
	MechanismTooWeak     Condition = "mechanism-too-weak"
	NotAuthorized        Condition = "not-authorized"
	TemporaryAuthFailure Condition = "temporary-auth-failure"
)

// Failure is the error of every function here that answers a client: it is the
// <failure/> to send. Condition and Text are fit for the wire (Text is English
// and may be empty); Err is for the log only, and none of the three ever holds
// a key, a password or binding data.
type Failure struct {
	Condition Condition
	Text      string
	Err       error
}

// Error names the condition, the text and what lies behind it; for logs.
func (f *Failure) Error() string {
	s := "auth: " + string(f.Condition)
	if f.Text != "" {
		s += ": " + f.Text
	}
	if f.Err != nil {
		s += fmt.Sprintf(" (%v)", f.Err)
	}
	return s
}

// Unwrap gives the store's error behind a temporary-auth-failure, or nil.
func (f *Failure) Unwrap() error { return f.Err }

func fail(c Condition, text string) *Failure { return &Failure{Condition: c, Text: text} }

func malformed(text string) *Failure { return fail(MalformedRequest, text) }

// whenDisabled is what the owner of a disabled account hears.
func whenDisabled(disabled bool) *Failure {
	if disabled {
		return fail(AccountDisabled, "")
	}
	return nil
}

// wrong is the one answer to a wrong password, an unknown name and an account
// that can't use the mechanism: RFC 6120 §6.5.10 wants no difference between them.
func wrong() *Failure { return fail(NotAuthorized, "The username or password is wrong.") }
