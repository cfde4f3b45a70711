package ws

import "encoding/binary"

// UTF-8 is checked by a state machine that lives in shifts: a state is a bit
// offset, and the row of a byte holds, at each state's offset, the state that
// follows. One step is a load and a shift, without a branch.
const (
	textAccept = 6 * iota // between two characters
	textReject            // final
	textTail1             // one more byte of 80..BF
	textTail2             // two more
	textTail3             // three more
	textE0                // A0..BF, then tail1: no overlong form
	textED                // 80..9F, then tail1: no surrogate
	textF0                // 90..BF, then tail2: no overlong form
	textF4                // 80..8F, then tail2: nothing above U+10FFFF
	textStates = iota

	textState = 1<<6 - 1
)

var textRows = makeTextRows()

func makeTextRows() *[256]uint64 {
	var rows [256]uint64
	for b := range rows {
		for s := range textStates {
			rows[b] |= textReject << (6 * s)
		}
	}
	set := func(state uint, from, to byte, next uint64) {
		for b := int(from); b <= int(to); b++ {
			rows[b] ^= (textReject ^ next) << state
		}
	}
	set(textAccept, 0x00, 0x7F, textAccept)
	set(textAccept, 0xC2, 0xDF, textTail1)
	set(textAccept, 0xE0, 0xE0, textE0)
	set(textAccept, 0xE1, 0xEC, textTail2)
	set(textAccept, 0xED, 0xED, textED)
	set(textAccept, 0xEE, 0xEF, textTail2)
	set(textAccept, 0xF0, 0xF0, textF0)
	set(textAccept, 0xF1, 0xF3, textTail3)
	set(textAccept, 0xF4, 0xF4, textF4)
	set(textTail1, 0x80, 0xBF, textAccept)
	set(textTail2, 0x80, 0xBF, textTail1)
	set(textTail3, 0x80, 0xBF, textTail2)
	set(textE0, 0xA0, 0xBF, textTail1)
	set(textED, 0x80, 0x9F, textTail1)
	set(textF0, 0x90, 0xBF, textTail2)
	set(textF4, 0x80, 0x8F, textTail2)
	return &rows
}

// checkText goes on from state over p, masked with key (0: not masked; its
// lowest byte belongs to p[0]), and returns the state behind it. n is smaller
// than len(p) if p[n] is the byte that cannot be: state is then meaningless.
func checkText(state uint8, key uint32, p []byte) (next uint8, n int) {
	s, k := uint64(state), uint64(key)<<32|uint64(key)
	for len(p)-n >= 8 {
		if s == textAccept {
			if n += asciiPrefix(p[n:], k); len(p)-n < 8 {
				break
			}
		}
		t := stepWord(s, binary.LittleEndian.Uint64(p[n:])^k)
		if t == textReject {
			break // the loop below finds the byte
		}
		s = t
		n += 8
	}
	for ; n < len(p); n++ {
		s = textRows[p[n]^byte(k>>(8*(n&3)))] >> s & textState
		if s == textReject {
			return textReject, n
		}
	}
	return uint8(s), n
}

func stepWord(s, w uint64) uint64 {
	rows := textRows
	s = rows[byte(w)] >> (s & textState)
	s = rows[byte(w>>8)] >> (s & textState)
	s = rows[byte(w>>16)] >> (s & textState)
	s = rows[byte(w>>24)] >> (s & textState)
	s = rows[byte(w>>32)] >> (s & textState)
	s = rows[byte(w>>40)] >> (s & textState)
	s = rows[byte(w>>48)] >> (s & textState)
	return rows[byte(w>>56)] >> (s & textState) & textState
}

// asciiPrefix returns how many bytes at the beginning of p are ASCII, rounded
// down to whole words of 8.
func asciiPrefix(p []byte, k uint64) int {
	const high = 0x8080808080808080
	n := 0
	for len(p)-n >= 32 {
		q := p[n : n+32 : n+32]
		w := binary.LittleEndian.Uint64(q) ^ k
		w |= binary.LittleEndian.Uint64(q[8:]) ^ k
		w |= binary.LittleEndian.Uint64(q[16:]) ^ k
		w |= binary.LittleEndian.Uint64(q[24:]) ^ k
		if w&high != 0 {
			break
		}
		n += 32
	}
	for len(p)-n >= 8 && (binary.LittleEndian.Uint64(p[n:])^k)&high == 0 {
		n += 8
	}
	return n
}
