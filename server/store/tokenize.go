package store

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord bounds a word in bytes; what is longer is cut.
const maxWord = 64

// tokenize appends the words of a text, up to n of them, with spaces between, as the
// index has them: letters and digits in lower case, without accents and other marks.
// Scripts that are written without spaces, as Chinese is, become a word a character,
// so that any part of a text is found as a phrase; so do symbols such as emoji.
func tokenize(dst []byte, text string, n int) []byte {
	t := tokenizer{b: dst, start: len(dst), left: n}
	for i := 0; i < len(text) && t.left > 0; {
		if c := text[i]; c < utf8.RuneSelf {
			t.ascii(c)
			i++
			continue
		}
		end := i + 1 // to the next ASCII character, which starts a new normalisation
		for end < len(text) && text[end] >= utf8.RuneSelf && end-i < 4096 {
			end++
		}
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end++
		}
		for _, r := range norm.NFKD.String(text[i:end]) {
			t.rune(r)
		}
		i = end
	}
	t.end()
	return t.b
}

type tokenizer struct {
	b     []byte
	start int
	word  int // bytes of the word that is being written
	left  int // words that may yet be begun
}

func (t *tokenizer) ascii(c byte) {
	switch {
	case 'A' <= c && c <= 'Z':
		c += 'a' - 'A'
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
	default:
		t.end()
		return
	}
	if t.room(1) {
		t.b = append(t.b, c)
	}
}

func (t *tokenizer) rune(r rune) {
	switch {
	case r < utf8.RuneSelf: // made by normalisation
		t.ascii(byte(r))
	case unicode.In(r, unicode.Mn, unicode.Me) || r == '\u200d' || r == '\ufe0f':
		// accents, and what joins and varies characters: no part of a word
	case unspaced(r):
		t.end()
		if t.room(utf8.RuneLen(r)) {
			t.b = utf8.AppendRune(t.b, r)
		}
		t.end()
	case unicode.IsLetter(r), unicode.IsNumber(r), unicode.Is(unicode.Mc, r):
		if r = unicode.ToLower(r); t.room(utf8.RuneLen(r)) {
			t.b = utf8.AppendRune(t.b, r)
		}
	default:
		t.end()
	}
}

// room begins a word unless one is begun, and reports whether n bytes of it are
// written.
func (t *tokenizer) room(n int) bool {
	if t.word == 0 {
		if t.left == 0 {
			return false
		}
		t.left--
		if len(t.b) > t.start {
			t.b = append(t.b, ' ')
		}
	}
	if t.word+n > maxWord {
		return false
	}
	t.word += n
	return true
}

func (t *tokenizer) end() { t.word = 0 }

// unspaced reports characters of scripts without spaces between words, and symbols.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar, unicode.So)
}
