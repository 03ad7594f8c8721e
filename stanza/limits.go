package stanza

// Limits bound what one first-level element (or the stream header) may cost.
// They bound memory as well as input: a count of things that need no closing
// bracket of their own is worth more to an attacker than bytes. Crossing one is
// a policy-violation stream error (RFC 6120 §4.9.3.14, §13.12).
//
// A field that is zero or negative takes its value from AfterLogin.
type Limits struct {
	// Bytes is the size of a whole first-level element, or of the stream header.
	Bytes int
	// Depth is how deep elements nest; the first-level element is at depth 1.
	Depth int
	// Attrs is the number of attributes of one element, namespace declarations
	// included.
	Attrs int
	// Namespaces is the number of declarations in scope at one place within a
	// first-level element. Those of the stream header are counted apart, against
	// the lower of this and 32.
	Namespaces int
	// Memory is the number of bytes that the scanner itself may use to describe
	// one element: its direct children, declarations and attributes.
	Memory int
}

var (
	// BeforeLogin is for streams whose peer is not known yet (RFC 6120 §13.12
	// asks for at least 10,000 bytes).
	BeforeLogin = Limits{Bytes: 10_000, Depth: 16, Attrs: 32, Namespaces: 16, Memory: 16 << 10}
	// AfterLogin is for authenticated streams.
	AfterLogin = Limits{Bytes: 256 << 10, Depth: 64, Attrs: 128, Namespaces: 64, Memory: 512 << 10}
)

const (
	maxName        = 1024    // bytes of one qualified name
	maxEntity      = 64      // bytes of one reference, from '&' to ';'
	maxDeclaration = 256     // bytes of an XML declaration
	maxHeaderNS    = 32      // declarations on a stream header
	maxBytes       = 1 << 29 // offsets must fit a reference (see ref)
)

// orDefault fills what is unset and cuts what this package can't count.
func (l Limits) orDefault() Limits {
	or := func(v *int, d, max int) {
		if *v <= 0 {
			*v = d
		}
		*v = min(*v, max)
	}
	or(&l.Bytes, AfterLogin.Bytes, maxBytes)
	or(&l.Depth, AfterLogin.Depth, 1<<15)
	or(&l.Attrs, AfterLogin.Attrs, 1<<15)
	or(&l.Namespaces, AfterLogin.Namespaces, 1<<15)
	or(&l.Memory, AfterLogin.Memory, maxBytes)
	return l
}
