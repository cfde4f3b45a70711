package redact

import (
	"encoding/hex"
	"strings"
)

// maxEscaped is how often what is escaped may be escaped again: a URL in the
// query of a URL in a query.
const maxEscaped = 3

// reading is a text as it reads when its escapes are resolved.
type reading struct {
	text   string
	places []int // where in the original each byte of text stands, and the end; nil for the original
	depth  int
}

// place returns where in the original the given place of the text is.
func (r reading) place(at int) int {
	if r.places == nil {
		return at
	}
	return r.places[at]
}

// unescaped resolves what is escaped as in a URL ("%3D"), or in JSON though it
// need not be ("\/", "\u0026"). It returns false if there is nothing of that.
func (r reading) unescaped() (reading, bool) {
	if r.depth == maxEscaped || !strings.ContainsAny(r.text, `%\`) {
		return r, false
	}
	plain := make([]byte, 0, len(r.text))
	places := make([]int, 0, len(r.text)+1)
	for at := 0; at < len(r.text); {
		c, n := unescape(r.text[at:])
		plain, places = append(plain, c), append(places, r.place(at))
		at += n
	}
	places = append(places, r.place(len(r.text)))
	return reading{string(plain), places, r.depth + 1}, len(plain) < len(r.text)
}

// unescape returns the byte that text begins with, and how many it takes.
func unescape(text string) (byte, int) {
	var c [1]byte
	switch {
	case text[0] == '%' && len(text) >= 3:
		if _, err := hex.Decode(c[:], []byte(text[1:3])); err == nil {
			return c[0], 3
		}
	case strings.HasPrefix(text, `\/`):
		return '/', 2
	case strings.HasPrefix(text, `\u00`) && len(text) >= 6:
		if _, err := hex.Decode(c[:], []byte(text[4:6])); err == nil {
			return c[0], 6
		}
	}
	return text[0], 1
}
