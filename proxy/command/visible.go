package command

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Visible returns a writer to w for what people read, in which others may have
// written what steers a terminal, or hides or turns text around: what is not
// printed is written as an escape, \u202e, which also is what it is in JSON.
func Visible(w io.Writer) io.Writer { return visible{w} }

type visible struct{ w io.Writer }

// Write implements io.Writer. p holds whole characters.
func (v visible) Write(p []byte) (int, error) {
	if isVisible(p) { // as nearly all lines are
		return v.w.Write(p)
	}
	if _, err := v.w.Write(appendVisible(make([]byte, 0, len(p)), p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// isVisible reports whether p is ASCII that is printed as it is.
func isVisible(p []byte) bool {
	for _, b := range p {
		if (b < ' ' || b > '~') && b != '\n' && b != '\t' {
			return false
		}
	}
	return true
}

func appendVisible(dst, p []byte) []byte {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case r == '\n' || r == '\t' || unicode.IsPrint(r) && !(r == utf8.RuneError && n == 1):
			dst = append(dst, p[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		p = p[n:]
	}
	return dst
}

// oneLine keeps what others have written fit for a table: on its line, and each
// character seen.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}
