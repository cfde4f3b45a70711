package command

import "bytes"

// topKey is a key that was pressed: a character, or one of the others.
type topKey rune

// The keys that are no characters.
const (
	keyInterrupt topKey = 3 // what Ctrl-C is while a terminal is raw
	keyEnd       topKey = 4 // Ctrl-D
	keyUp        topKey = -iota
	keyDown
	keyPageUp
	keyPageDown
	keyHome
)

// readKeys returns the keys that input holds. What it does not know of what
// terminals send, it leaves out.
func readKeys(input []byte) (keys []topKey) {
	for len(input) > 0 {
		if input[0] != 0x1b {
			keys = append(keys, topKey(input[0]))
			input = input[1:]
			continue
		}
		n := sequence(input)
		if k, ok := escaped(input[:n]); ok {
			keys = append(keys, k)
		}
		input = input[n:]
	}
	return keys
}

// sequence returns the length of the escape sequence that p begins with (ECMA-48,
// 5.4): up to its final byte.
func sequence(p []byte) int {
	if len(p) < 2 || p[1] != '[' && p[1] != 'O' {
		return min(len(p), 2)
	}
	for i := 2; i < len(p); i++ {
		if p[i] >= 0x40 && p[i] <= 0x7e {
			return i + 1
		}
	}
	return len(p)
}

func escaped(p []byte) (topKey, bool) {
	for _, known := range []struct {
		text string
		key  topKey
	}{
		{"[A", keyUp}, {"OA", keyUp}, {"[B", keyDown}, {"OB", keyDown},
		{"[5~", keyPageUp}, {"[6~", keyPageDown}, {"[H", keyHome}, {"OH", keyHome}, {"[1~", keyHome},
	} {
		if bytes.Equal(p[1:], []byte(known.text)) {
			return known.key, true
		}
	}
	return 0, false
}
