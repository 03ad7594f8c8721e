package stanza

import "encoding/binary"

// plainText returns how many bytes at the start of b are plain character data:
// ASCII, and nothing that the scan has to stop for.
func plainText(b []byte) int {
	i := 0
	for {
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			if (x|(x-' '*ones)|(x^'<'*ones-ones)|(x^'&'*ones-ones)|(x^']'*ones-ones))&highs != 0 {
				break
			}
			i += 8
		}
		for end := min(i+8, len(b)); i < end; i++ {
			if class[b[i]]&okText == 0 {
				return i
			}
		}
		if i == len(b) {
			return i
		}
	}
}

// plainValue is plainText for an attribute value.
func plainValue(b []byte) int {
	i := 0
	for {
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			// & and ' differ in the lowest bit
			if (x|(x-' '*ones)|(x^'<'*ones-ones)|(x^'"'*ones-ones)|((x&^ones)^'&'*ones-ones))&highs != 0 {
				break
			}
			i += 8
		}
		for end := min(i+8, len(b)); i < end; i++ {
			if class[b[i]]&okValue == 0 {
				return i
			}
		}
		if i == len(b) {
			return i
		}
	}
}

// Eight bytes are looked at as one number. (x ^ c*ones) has a zero byte where x
// has c, and taking ones away sets the high bit of a zero byte; so does taking
// away ' ' from a control character. A borrow can only reach bytes above one that
// is marked already, and a byte marked without need is looked at on its own.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)
