package main

import (
	"strings"

	"rsc.io/qr"
)

// quiet is how many light modules there are around a code (ISO/IEC 18004 §6.3.8).
const quiet = 4

// qrText draws a QR code with two modules a character, one above the other. With
// colours it is black on white whatever the terminal's; without, light modules are
// drawn, as fits a dark background. "" for what no code can hold.
func qrText(text string, colours bool) string {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return ""
	}
	dark := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < code.Size && y < code.Size && code.Black(x, y)
	}
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		if colours {
			b.WriteString("\x1b[30;107m")
		}
		for x := -quiet; x < code.Size+quiet; x++ {
			above, below := dark(x, y), dark(x, y+1)
			if !colours {
				above, below = !above, !below && y+1 < code.Size+quiet
			}
			switch {
			case above && below:
				b.WriteString("█")
			case above:
				b.WriteString("▀")
			case below:
				b.WriteString("▄")
			default:
				b.WriteByte(' ')
			}
		}
		if colours {
			b.WriteString("\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
