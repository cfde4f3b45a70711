package ws

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"
)

// textPrefix returns how many bytes of p may stand at the beginning of a
// UTF-8 string.
func textPrefix(p []byte) int {
	for n := 0; n < len(p); {
		r, size := utf8.DecodeRune(p[n:])
		if r == utf8.RuneError && size == 1 {
			end := n + 1
			for end < len(p) && !utf8.FullRune(p[n:end]) {
				end++
			}
			if !utf8.FullRune(p[n:end]) {
				return len(p) // a character that is not finished
			}
			return end - 1
		}
		n += size
	}
	return len(p)
}

func wantText(t *testing.T, p []byte) {
	t.Helper()
	state, n := checkText(textAccept, 0, p)
	if want := textPrefix(p); n != want {
		t.Fatalf("got %d good bytes of %x, want %d", n, p, want)
	}
	if got, want := n == len(p) && state == textAccept, utf8.Valid(p); got != want {
		t.Fatalf("got valid %t for %x, want %t", got, p, want)
	}
}

func TestTextEveryCharacter(t *testing.T) {
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) {
			continue
		}
		p := utf8.AppendRune(nil, r)
		if state, n := checkText(textAccept, 0, p); n != len(p) || state != textAccept {
			t.Fatalf("got %U refused", r)
		}
	}
}

// Every pair of bytes, then the bytes at which a rule begins or ends, in the
// tail loop and at every place of a word.
func TestTextEverySequence(t *testing.T) {
	edges := []byte{0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF}
	for a := range 256 {
		for b := range 256 {
			wantText(t, []byte{byte(a), byte(b)})
			for _, c := range edges {
				wantText(t, []byte{byte(a), byte(b), c})
			}
		}
		for _, b := range edges {
			for _, c := range edges {
				for _, d := range edges {
					wantText(t, []byte{byte(a), b, c, d})
				}
			}
		}
	}
}

func TestTextAtEveryPlace(t *testing.T) {
	for _, bad := range []string{"", "\x80", "\xC0\xAF", "é\xA9", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x8F", "\xE2\x82", "€", "😀", "\xFF"} {
		for before := range 50 {
			for after := range 40 {
				wantText(t, []byte(strings.Repeat("x", before)+bad+strings.Repeat("y", after)))
			}
		}
	}
}

func TestTextMaskedAndSplit(t *testing.T) {
	key := [4]byte{0xFF, 0x80, 0x01, 0x7E}
	plain := []byte(strings.Repeat("x", 33) + "Grüße aus Köln, 東京, 😀😀 " + strings.Repeat("я", 20))
	for split := range len(plain) + 1 {
		masked := append([]byte(nil), plain...)
		Mask(masked, key, 0)
		k := binary.LittleEndian.Uint32(key[:])
		state, n := checkText(textAccept, k, masked[:split])
		if n != split {
			t.Fatalf("split at %d: got %d good bytes", split, n)
		}
		for range split % 4 {
			k = k>>8 | k<<24
		}
		if state, n = checkText(state, k, masked[split:]); n != len(plain)-split || state != textAccept {
			t.Fatalf("split at %d: got %d good bytes behind it, state %d", split, n, state)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("Grüße aus 東京, 😀"))
	f.Add([]byte("12345678\xED\xA0\x80"))
	f.Fuzz(wantText)
}

func BenchmarkText(b *testing.B) {
	for _, bb := range []struct{ name, unit string }{{"ascii", "hello, world; "}, {"latin", "Grüße aus Köln "}, {"cyrillic", "привет мир "}, {"cjk", "東京都"}} {
		b.Run(bb.name, func(b *testing.B) {
			p := []byte(strings.Repeat(bb.unit, 16<<10/len(bb.unit)))
			Mask(p, [4]byte{1, 2, 3, 4}, 0)
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				if _, n := checkText(textAccept, 0x04030201, p); n != len(p) {
					b.Fatal("refused")
				}
			}
		})
	}
}
