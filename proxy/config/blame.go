package config

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// blame finds the place of a syntax error: the end of the shortest beginning of
// the file from which on every longer one is wrong in the same way. It costs a
// parse per line and per letter of one, which only a broken file pays, and in a
// huge one it stops early, somewhere behind the place.
func blame(text []byte, err error) Position {
	const lines, columns = 1000, 500
	budget := 8 << 20 // bytes to parse
	want := problem(err)
	same := func(n int) bool {
		if budget -= n; budget < 0 {
			return false
		}
		_, _, err := decode(text[:n])
		return err != nil && problem(err) == want
	}
	end := len(text)
	for range lines {
		start := bytes.LastIndexByte(bytes.TrimSuffix(text[:end], []byte("\n")), '\n') + 1
		if start == 0 || !same(start) {
			break
		}
		end = start
	}
	for range columns {
		_, size := utf8.DecodeLastRune(text[:end])
		if end == size || !same(end-size) {
			break
		}
		end -= size
	}
	return positionOf(text, lastToken(text[:end], want))
}

// lastToken returns where the last token of text begins, as far as the message
// tells: most are about one letter.
func lastToken(text []byte, message string) int {
	if name, ok := strings.CutPrefix(message, "unknown anchor '"); ok {
		alias := "*" + strings.TrimSuffix(name, "' referenced")
		if bytes.HasSuffix(text, []byte(alias)) {
			return len(text) - len(alias)
		}
	}
	_, size := utf8.DecodeLastRune(text)
	return len(text) - size
}

// positionOf counts lines as YAML does, which knows more line ends than editors.
func positionOf(text []byte, offset int) Position {
	before := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").
		Replace(strings.TrimPrefix(string(text[:offset]), "\ufeff"))
	last := before[strings.LastIndexByte(before, '\n')+1:]
	return Position{strings.Count(before, "\n") + 1, utf8.RuneCountInString(last) + 1}
}
