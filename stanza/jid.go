package stanza

import (
	"errors"
	"net/netip"
	"strings"

	"mellium.im/xmpp/jid"
)

// A JID is an address in normal form (RFC 7622): two are the same address exactly
// when they are equal by ==, so it serves as a map key. The zero JID is no
// address.
type JID struct {
	s      string
	domain uint16 // where the domainpart starts
	bare   uint16 // length of the bare address
}

const maxPart = 1023 // bytes of each part, RFC 7622 §3.1

var (
	errNoDomain   = errors.New("jid: no domainpart")
	errDomain     = errors.New("jid: malformed domainpart")
	errEmptyPart  = errors.New("jid: part is empty once prepared")
	errLongPart   = errors.New("jid: part is longer than 1023 bytes")
	errNoResource = errors.New("jid: no resourcepart")
	errUnstable   = errors.New("jid: has no normal form")
)

// ParseJID brings an address to its normal form. What is in it already, and
// ASCII, costs one allocation less than the copy of s; all else goes through the
// PRECIS profiles and IDNA.
func ParseJID(s string) (JID, error) {
	if j, ok := normal(s); ok {
		return j, nil
	}
	return prepare(s)
}

// ParseJIDBytes is ParseJID for bytes, which it copies. They are not unescaped.
func ParseJIDBytes(b []byte) (JID, error) { return ParseJID(string(b)) }

// NormalJID reports whether raw, a raw attribute value, is the normal form of an
// address as it stands, so that it may be looked up as a key. It is quick and
// knows ASCII only: where it returns false, the address has to be parsed.
func NormalJID(raw []byte) bool {
	for _, c := range raw {
		if c == '&' {
			return false
		}
	}
	_, _, ok := offsets(raw)
	return ok
}

// normal makes a JID from s when that is in normal form and ASCII.
func normal(s string) (JID, bool) {
	domain, bare, ok := offsets(s)
	return JID{s: s, domain: uint16(domain), bare: uint16(bare)}, ok
}

// Classes of ASCII characters in addresses in normal form.
const (
	inLocal = 1 << iota
	inDomain
	inResource
)

var jidClass = func() (t [256]uint8) {
	for c := ' '; c <= '~'; c++ {
		t[c] = inResource
		// RFC 7622 §3.3.1: UsernameCaseMapped without "&'/:<>@
		if c > ' ' && (c < 'A' || c > 'Z') && !strings.ContainsRune("\"&'/:<>@", c) {
			t[c] |= inLocal
		}
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' {
			t[c] |= inDomain
		}
	}
	return t
}()

// offsets finds the parts of s. ok is set when it is in normal form for sure.
func offsets[T string | []byte](s T) (domain, bare int, ok bool) {
	i := 0
	for i < len(s) && jidClass[s[i]]&inLocal != 0 {
		i++
	}
	if i < len(s) && s[i] == '@' {
		if i == 0 || i > maxPart {
			return 0, 0, false
		}
		domain = i + 1
	}
	label := domain
	for i = domain; i < len(s) && s[i] != '/'; i++ {
		c := s[i]
		if jidClass[c]&inDomain == 0 {
			return 0, 0, false
		}
		if c == '.' {
			if !normalLabel(s[label:i]) {
				return 0, 0, false
			}
			label = i + 1
		}
	}
	if !normalLabel(s[label:i]) || i-domain > 253 {
		return 0, 0, false
	}
	bare = i
	if i == len(s) {
		return domain, bare, true
	}
	i++
	if n := len(s) - i; n == 0 || n > maxPart {
		return 0, 0, false
	}
	for ; i < len(s); i++ {
		if jidClass[s[i]]&inResource == 0 {
			return 0, 0, false
		}
	}
	return domain, bare, true
}

// normalLabel reports whether an ASCII label of a domain needs no preparation:
// it is no A-label, and its hyphens are where they may be (RFC 5890 §2.3.1).
func normalLabel[T string | []byte](l T) bool {
	n := len(l)
	return n > 0 && n <= 63 && l[0] != '-' && l[n-1] != '-' &&
		(n < 4 || l[2] != '-' || l[3] != '-')
}

// prepare is ParseJID for what isn't in normal form for sure.
func prepare(s string) (JID, error) {
	if len(s) > 4*3*maxPart { // no composition makes that fit
		return JID{}, errLongPart
	}
	for range 4 { // RFC 8264 §7: preparation may need to be repeated
		j, err := jid.Parse(s)
		if err != nil {
			return JID{}, err
		}
		domain, err := domainpart(j.Domainpart())
		if err != nil {
			return JID{}, err
		}
		local, resource := j.Localpart(), j.Resourcepart()
		at, slash := strings.IndexByte(s, '@'), strings.IndexByte(s, '/')
		hasLocal := at >= 0 && (slash < 0 || at < slash)
		switch {
		case hasLocal && local == "" || slash >= 0 && resource == "":
			return JID{}, errEmptyPart
		case len(local) > maxPart || len(domain) > maxPart || len(resource) > maxPart:
			return JID{}, errLongPart
		}
		next := domain
		out := JID{}
		if local != "" {
			next = local + "@" + next
			out.domain = uint16(len(local) + 1)
		}
		out.bare = uint16(len(next))
		if resource != "" {
			next += "/" + resource
		}
		if out.s = next; next == s {
			return out, nil
		}
		s = next
	}
	return JID{}, errUnstable
}

// domainpart checks a domainpart that IDNA has mapped, which lets empty labels
// through, and returns its one spelling.
func domainpart(d string) (string, error) {
	if d == "" {
		return "", errNoDomain
	}
	if d[0] == '[' {
		ip, err := netip.ParseAddr(strings.TrimSuffix(d[1:], "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", errDomain
		}
		return "[" + ip.String() + "]", nil
	}
	if d[0] == '.' || d[len(d)-1] == '.' || strings.Contains(d, "..") {
		return "", errDomain
	}
	return d, nil
}

// String returns the address.
func (j JID) String() string { return j.s }

// Local returns the localpart, "" when there is none.
func (j JID) Local() string {
	if j.domain == 0 {
		return ""
	}
	return j.s[:j.domain-1]
}

// Domain returns the domainpart.
func (j JID) Domain() string { return j.s[j.domain:j.bare] }

// Resource returns the resourcepart, "" when there is none.
func (j JID) Resource() string {
	if j.IsBare() {
		return ""
	}
	return j.s[j.bare+1:]
}

// Bare returns the address without its resourcepart. It doesn't allocate.
func (j JID) Bare() JID {
	j.s = j.s[:j.bare]
	return j
}

// DomainJID returns the address of the domain alone. It doesn't allocate.
func (j JID) DomainJID() JID {
	return JID{s: j.Domain(), bare: j.bare - j.domain}
}

// IsBare reports whether there is no resourcepart.
func (j JID) IsBare() bool { return int(j.bare) == len(j.s) }

// IsDomain reports whether there is a domainpart only.
func (j JID) IsDomain() bool { return j.domain == 0 && j.IsBare() }

// IsZero reports whether j is the zero JID.
func (j JID) IsZero() bool { return j.s == "" }

// WithResource returns the address with another resourcepart, brought to its
// normal form.
func (j JID) WithResource(r string) (JID, error) {
	if r == "" {
		return JID{}, errNoResource
	}
	if j.IsZero() {
		return JID{}, errNoDomain
	}
	return ParseJID(j.s[:j.bare] + "/" + r)
}
