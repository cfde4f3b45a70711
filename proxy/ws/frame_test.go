package ws

import (
	"bytes"
	"testing"
)

// pattern returns n bytes that do not repeat within a word.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

func TestMask(t *testing.T) {
	key := [4]byte{0x12, 0x84, 0xF3, 0x60}
	for size := range 100 {
		for pos := range 9 {
			want := pattern(size)
			for i := range want {
				want[i] ^= key[(pos+i)%4]
			}
			got := append(pattern(size), 0xEE)
			Mask(got[:size], key, pos)
			if !bytes.Equal(got[:size], want) || got[size] != 0xEE {
				t.Fatalf("%d bytes at %d: got %x, want %x", size, pos, got, want)
			}
		}
	}
}

func TestAppendFrame(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		for _, key := range []*[4]byte{nil, {9, 8, 7, 6}} {
			frame := AppendFrame([]byte("before"), Binary, pattern(size), key)
			frame = frame[len("before"):]
			h, n, err := ParseHeader(frame)
			if err != nil || !h.Fin || h.Opcode != Binary || h.Length != int64(size) || h.Masked != (key != nil) {
				t.Fatalf("%d bytes: got %+v, error %v", size, h, err)
			}
			if key != nil && h.Key != *key {
				t.Errorf("got key %v, want %v", h.Key, *key)
			}
			Mask(frame[n:], h.Key, 0)
			if !bytes.Equal(frame[n:], pattern(size)) {
				t.Errorf("%d bytes, key %v: payload changed", size, key)
			}
		}
	}
}

func TestMaskAllocatesNothing(t *testing.T) {
	p, buf := pattern(1000), make([]byte, 0, 2000)
	if allocs := testing.AllocsPerRun(100, func() { Mask(p, [4]byte{1, 2, 3, 4}, 3) }); allocs != 0 {
		t.Errorf("got %v allocations for Mask, want 0", allocs)
	}
	key := &[4]byte{1, 2, 3, 4}
	if allocs := testing.AllocsPerRun(100, func() { AppendFrame(buf, Text, p, key) }); allocs != 0 {
		t.Errorf("got %v allocations for AppendFrame, want 0", allocs)
	}
}

func BenchmarkMask(b *testing.B) {
	p := pattern(16 << 10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Mask(p, [4]byte{1, 2, 3, 4}, 1)
	}
}
