package ws

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

// wantRule checks that err is a *ProtocolError with this code and rule; an
// empty rule wants no error.
func wantRule(t *testing.T, err error, code Code, rule string) {
	t.Helper()
	if rule == "" {
		if err != nil {
			t.Errorf("got error %q, want none", err)
		}
		return
	}
	broken, ok := errors.AsType[*ProtocolError](err)
	if !ok {
		t.Errorf("got error %v, want %q", err, rule)
		return
	}
	if broken.Code != code || broken.Rule != rule {
		t.Errorf("got %d %q, want %d %q", broken.Code, broken.Rule, code, rule)
	}
}

func TestHeader(t *testing.T) {
	key := [4]byte{0xDE, 0xAD, 0xBE, 0xEF}
	for _, tt := range []struct {
		section string
		wire    string
		header  Header
	}{
		{"5.7 text hello", "\x81\x05", Header{Fin: true, Opcode: Text, Length: 5}},
		{"5.7 masked text hello", "\x81\x85\xDE\xAD\xBE\xEF", Header{Fin: true, Opcode: Text, Masked: true, Key: key, Length: 5}},
		{"5.7 first fragment", "\x01\x03", Header{Opcode: Text, Length: 3}},
		{"5.7 last fragment", "\x80\x02", Header{Fin: true, Length: 2}},
		{"5.7 ping", "\x89\x05", Header{Fin: true, Opcode: Ping, Length: 5}},
		{"5.7 masked pong", "\x8A\x85\xDE\xAD\xBE\xEF", Header{Fin: true, Opcode: Pong, Masked: true, Key: key, Length: 5}},
		{"5.7 256 bytes", "\x82\x7E\x01\x00", Header{Fin: true, Opcode: Binary, Length: 256}},
		{"5.7 64 KiB", "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", Header{Fin: true, Opcode: Binary, Length: 65536}},
		{"5.2 empty", "\x82\x00", Header{Fin: true, Opcode: Binary}},
		{"5.2 largest 7 bits", "\x82\x7D", Header{Fin: true, Opcode: Binary, Length: 125}},
		{"5.2 smallest 16 bits", "\x82\x7E\x00\x7E", Header{Fin: true, Opcode: Binary, Length: 126}},
		{"5.2 largest 16 bits", "\x82\xFE\xFF\xFF\xDE\xAD\xBE\xEF", Header{Fin: true, Opcode: Binary, Masked: true, Key: key, Length: 65535}},
		{"5.2 largest 63 bits", "\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xDE\xAD\xBE\xEF", Header{Fin: true, Opcode: Binary, Masked: true, Key: key, Length: math.MaxInt64}},
		{"5.2 RSV bits", "\xF1\x00", Header{Fin: true, RSV: RSV1 | RSV2 | RSV3, Opcode: Text}},
		{"5.5 largest close", "\x88\x7D", Header{Fin: true, Opcode: Close, Length: 125}},
	} {
		t.Run(tt.section, func(t *testing.T) {
			for end := range len(tt.wire) {
				if _, n, err := ParseHeader([]byte(tt.wire[:end])); n != 0 || err != nil {
					t.Errorf("first %d bytes: got n %d, error %v, want 0, none", end, n, err)
				}
			}
			got, n, err := ParseHeader([]byte(tt.wire + "payload"))
			wantRule(t, err, 0, "")
			if n != len(tt.wire) || got != tt.header {
				t.Errorf("got %+v of %d bytes, want %+v of %d", got, n, tt.header, len(tt.wire))
			}
			if tt.header.Size() != len(tt.wire) {
				t.Errorf("got size %d, want %d", tt.header.Size(), len(tt.wire))
			}
			if wire := AppendHeader([]byte("x"), tt.header); string(wire) != "x"+tt.wire {
				t.Errorf("got %x behind x, want %x", wire, tt.wire)
			}
		})
	}
}

func TestHeaderRefused(t *testing.T) {
	for _, tt := range []struct {
		section string
		wire    string
		from    int // bytes that suffice to tell
		rule    string
	}{
		{"5.2 reserved opcode 3", "\x83\x00", 1, "opcode 0x3 is reserved (RFC 6455, 5.2)"},
		{"5.2 reserved opcode 7", "\x07\x00", 1, "opcode 0x7 is reserved (RFC 6455, 5.2)"},
		{"5.2 reserved opcode B", "\x8B\x00", 1, "opcode 0xB is reserved (RFC 6455, 5.2)"},
		{"5.2 reserved opcode F", "\x0F\x00", 1, "opcode 0xF is reserved (RFC 6455, 5.2)"},
		{"5.2 an HTTP request", "GET / HTTP/1.1", 1, "opcode 0x7 is reserved (RFC 6455, 5.2)"},
		{"5.2 16 bits for 125", "\x82\x7E\x00\x7D", 4, "length 125 is not in its shortest form (RFC 6455, 5.2)"},
		{"5.2 16 bits for 0", "\x82\xFE\x00\x00\x01\x02\x03\x04", 4, "length 0 is not in its shortest form (RFC 6455, 5.2)"},
		{"5.2 64 bits for 65535", "\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF", 10, "length 65535 is not in its shortest form (RFC 6455, 5.2)"},
		{"5.2 2^63", "\x82\x7F\x80\x00\x00\x00\x00\x00\x00\x00", 10, "length 0x8000000000000000 has its highest bit set (RFC 6455, 5.2)"},
		{"5.2 2^64-1", "\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10, "length 0xffffffffffffffff has its highest bit set (RFC 6455, 5.2)"},
		{"5.5 fragmented close", "\x08\x00", 1, "close frame is fragmented (RFC 6455, 5.5)"},
		{"5.5 fragmented ping", "\x09\x00", 1, "ping frame is fragmented (RFC 6455, 5.5)"},
		{"5.5 fragmented pong", "\x0A\x00", 1, "pong frame is fragmented (RFC 6455, 5.5)"},
		{"5.5 close of 126 bytes", "\x88\x7E\x00\x7E", 2, "control frame is longer than 125 bytes (RFC 6455, 5.5)"},
		{"5.5 ping of 64 KiB", "\x89\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 2, "control frame is longer than 125 bytes (RFC 6455, 5.5)"},
	} {
		t.Run(tt.section, func(t *testing.T) {
			for end := range len(tt.wire) + 1 {
				_, n, err := ParseHeader([]byte(tt.wire[:end]))
				rule := tt.rule
				if end < tt.from {
					rule = ""
				}
				wantRule(t, err, CodeProtocolError, rule)
				if n != 0 {
					t.Errorf("first %d bytes: got n %d, want 0", end, n)
				}
			}
		})
	}
}

func TestOpcode(t *testing.T) {
	names := map[Opcode]string{0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong", 3: "opcode 0x3", 15: "opcode 0xF"}
	for op, want := range names {
		if got := op.String(); got != want {
			t.Errorf("got %q for 0x%X, want %q", got, byte(op), want)
		}
		if got, want := op.Control(), op >= 8; got != want {
			t.Errorf("got Control %t for 0x%X, want %t", got, byte(op), want)
		}
	}
}

// FuzzParseHeader holds: a header that is read is written back byte for byte,
// and no other beginning of the same bytes is a header.
func FuzzParseHeader(f *testing.F) {
	f.Add([]byte("\x81\x85\xDE\xAD\xBE\xEFhello"))
	f.Add([]byte("\x82\x7E\x01\x00"))
	f.Add([]byte("\x82\xFF\x00\x00\x00\x00\x00\x01\x00\x00abcd"))
	f.Add([]byte("\x88\x7E\x00\x7E"))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, n, err := ParseHeader(p)
		switch {
		case err != nil || n == 0:
			if n != 0 || err == nil && len(p) >= MaxHeader {
				t.Fatalf("got n %d, error %v for %x", n, err, p)
			}
		case n != h.Size() || !bytes.Equal(AppendHeader(nil, h), p[:n]):
			t.Fatalf("got %+v of %d bytes for %x, which writes %x", h, n, p, AppendHeader(nil, h))
		}
		for end := range n {
			if _, n, err := ParseHeader(p[:end]); n != 0 || err != nil {
				t.Fatalf("first %d bytes of %x: got n %d, error %v", end, p, n, err)
			}
		}
	})
}

func TestHeaderAllocatesNothing(t *testing.T) {
	h := Header{Fin: true, Opcode: Binary, Masked: true, Key: [4]byte{1, 2, 3, 4}, Length: 1 << 20}
	buf := make([]byte, 0, MaxHeader)
	allocs := testing.AllocsPerRun(100, func() {
		buf = AppendHeader(buf[:0], h)
		if got, n, err := ParseHeader(buf); got != h || n != MaxHeader || err != nil {
			t.Fatalf("got %+v of %d bytes, error %v, want %+v", got, n, err, h)
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations, want 0", allocs)
	}
}
