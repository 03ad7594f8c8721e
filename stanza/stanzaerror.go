package stanza

// ErrorType tells what the sender may do about a stanza error (RFC 6120 §8.3.2).
type ErrorType uint8

// The types of stanza errors.
const (
	ByCondition ErrorType = iota // the one recommended for the condition
	Auth                         // retry after providing credentials
	Cancel                       // do not retry
	Continue                     // go on: it was only a warning
	Modify                       // retry after changing what was sent
	Wait                         // retry after waiting
)

var errorTypes = [...]string{"", "auth", "cancel", "continue", "modify", "wait"}

// String returns the attribute's value, "" for ByCondition.
func (t ErrorType) String() string {
	if int(t) < len(errorTypes) {
		return errorTypes[t]
	}
	return ""
}

// Error is a stanza error (RFC 6120 §8.3). It is a Go error that knows its reply:
// a handler returns it and the core sends it once, see AppendErrorReply.
type Error struct {
	Type      ErrorType // ByCondition unless another one fits better
	Condition string    // one of RFC 6120 §8.3.3, e.g. "item-not-found"
	Text      string    // for people, in English; may be empty
	By        string    // address of the entity that found the error; may be empty
	URI       string    // the other address, for gone and redirect only
	App       []byte    // a serialised application-specific condition (§8.3.4), or nil
}

// The conditions of RFC 6120 §8.3.3 as errors of their recommended type. The text
// is for people and may be empty.

func BadRequest(text string) *Error            { return newError("bad-request", text) }
func Conflict(text string) *Error              { return newError("conflict", text) }
func FeatureNotImplemented(text string) *Error { return newError("feature-not-implemented", text) }
func Forbidden(text string) *Error             { return newError("forbidden", text) }
func InternalServerError(text string) *Error   { return newError("internal-server-error", text) }
func ItemNotFound(text string) *Error          { return newError("item-not-found", text) }
func JIDMalformed(text string) *Error          { return newError("jid-malformed", text) }
func NotAcceptable(text string) *Error         { return newError("not-acceptable", text) }
func NotAllowed(text string) *Error            { return newError("not-allowed", text) }
func NotAuthorized(text string) *Error         { return newError("not-authorized", text) }
func PolicyViolation(text string) *Error       { return newError("policy-violation", text) }
func RecipientUnavailable(text string) *Error  { return newError("recipient-unavailable", text) }
func RegistrationRequired(text string) *Error  { return newError("registration-required", text) }
func RemoteServerNotFound(text string) *Error  { return newError("remote-server-not-found", text) }
func RemoteServerTimeout(text string) *Error   { return newError("remote-server-timeout", text) }
func ResourceConstraint(text string) *Error    { return newError("resource-constraint", text) }
func ServiceUnavailable(text string) *Error    { return newError("service-unavailable", text) }
func SubscriptionRequired(text string) *Error  { return newError("subscription-required", text) }
func UndefinedCondition(text string) *Error    { return newError("undefined-condition", text) }
func UnexpectedRequest(text string) *Error     { return newError("unexpected-request", text) }

// Gone says that the addressee can be contacted at uri, "" when nowhere.
func Gone(uri, text string) *Error {
	return &Error{Condition: "gone", Text: text, URI: uri}
}

// Redirect says that requests go to uri for now.
func Redirect(uri, text string) *Error {
	return &Error{Condition: "redirect", Text: text, URI: uri}
}

func newError(condition, text string) *Error {
	return &Error{Condition: condition, Text: text}
}

// recommended returns the type that RFC 6120 §8.3.3 recommends for a condition.
func recommended(condition string) ErrorType {
	switch condition {
	case "bad-request", "jid-malformed", "not-acceptable", "policy-violation", "redirect":
		return Modify
	case "forbidden", "not-authorized", "registration-required", "subscription-required":
		return Auth
	case "recipient-unavailable", "remote-server-timeout", "resource-constraint", "unexpected-request":
		return Wait
	}
	return Cancel
}

// Error describes the error for a log.
func (e *Error) Error() string {
	if e.Text == "" {
		return "stanza error " + e.Condition
	}
	return "stanza error " + e.Condition + ": " + e.Text
}

// AppendTo appends the <error/> element, for a parent in a content namespace.
func (e *Error) AppendTo(dst []byte) []byte {
	t := e.Type
	if t == ByCondition {
		t = recommended(e.Condition)
	}
	dst = append(dst, "<error type='"...)
	dst = append(append(dst, t.String()...), '\'')
	if e.By != "" {
		dst = append(AppendAttr(append(dst, " by='"...), e.By), '\'')
	}
	dst = append(dst, '>')
	dst = appendCondition(dst, e.Condition, NSStanzaError, e.URI)
	dst = appendErrorText(dst, NSStanzaError, e.Text)
	dst = append(dst, e.App...)
	return append(dst, "</error>"...)
}

// ErrorOf reads the error of a stanza of type error. It is nil when there is
// none. An unknown condition is undefined-condition (RFC 6120 §8.3.2).
func ErrorOf(st *Stanza) *Error {
	ns, _ := st.Name()
	c, ok := st.Child(string(ns), "error")
	if !ok || st.Type != TypeError {
		return nil
	}
	e := &Error{Condition: "undefined-condition"}
	kind, _ := st.ChildAttr(c, "type")
	for t, name := range errorTypes {
		if kind == name {
			e.Type = ErrorType(t)
		}
	}
	e.By, _ = st.ChildAttr(c, "by")
	for child := range st.Children(c) {
		local := string(st.Local(child))
		switch {
		case string(st.Space(child)) != NSStanzaError:
			e.App = st.Detach(nil, child)
		case local == "text":
			e.Text = st.Text(child)
		default:
			e.Condition, e.URI = local, st.Text(child)
		}
	}
	return e
}
