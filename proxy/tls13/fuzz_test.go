package tls13

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// FuzzOpen gives a session whatever comes: as it is, and behind the first byte of
// a record as what that carries. It ends the same wherever it is split.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{23, 3, 3, 0, 1, 0}, byte(22), []byte{24, 0, 0, 1, 1}, uint16(3))
	f.Add([]byte{20, 3, 3, 0, 1, 1}, byte(21), []byte{1, 0}, uint16(1))
	f.Add([]byte{}, byte(22), []byte{4, 0, 0, 3, 1, 2, 3, 24, 0, 0, 1, 0}, uint16(2))
	f.Fuzz(func(t *testing.T, raw []byte, kind byte, p []byte, split uint16) {
		p = p[:min(len(p), MaxData)]
		end := func(size int) (got []byte, err error) {
			client, server := newPair(t, 0x1303)
			come := mustSeal(t, server, []byte("first"))
			come = append(come, inner(t, server, kind, p, 2)...)
			got, err = take(client, append(come, raw...), size)
			if client.Owes() {
				if reply, told := client.Reply(nil); told != nil || len(reply) == 0 {
					t.Errorf("got %x, %v, want what it owes", reply, told)
				}
			}
			return got, err
		}
		want, fault := end(1 << 20)
		got, other := end(int(split) + 1)
		if !bytes.Equal(got, want) || fmt.Sprint(other) != fmt.Sprint(fault) {
			t.Errorf("got %q, %v, want %q, %v as at once", got, other, want, fault)
		}
		if !bytes.HasPrefix(got, []byte("first")) {
			t.Errorf("got %q, want what stood before", got)
		}
	})
}

// FuzzRestore takes no State that could not go on.
func FuzzRestore(f *testing.F) {
	f.Add(uint16(0x1301), []byte("12345678901234567890123456789012"), []byte{22}, []byte{24, 0}, uint32(0), uint64(7))
	f.Fuzz(func(t *testing.T, suite uint16, secret, rest, message []byte, skip uint32, number uint64) {
		d := Direction{Secret{&secret}, number}
		s, err := Restore(State{Suite: suite, Client: true, In: d, Out: d, Rest: rest, Message: message, Skip: skip})
		if err != nil {
			return
		}
		for err == nil {
			_, err = s.Open(nil)
		}
		if _, err := s.Seal(nil, []byte("x")); err != nil && !errors.Is(err, ErrSpent) {
			t.Error(err)
		}
	})
}
