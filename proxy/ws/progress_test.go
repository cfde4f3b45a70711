package ws

import (
	"strings"
	"testing"
)

func TestCheckerProgress(t *testing.T) {
	r := &Rules{Deflate: true}
	var c Checker
	step := func(p string, boundary, open bool, opaque int64) {
		t.Helper()
		if n, k, err := c.Next(r, []byte(p)); n != len(p) || k != Data || err != nil {
			t.Fatalf("got n %d, kind %d, error %v, want all of %q", n, k, err, p)
		}
		if c.Boundary() != boundary || c.Open() != open || c.Opaque() != opaque {
			t.Errorf("behind %q: got boundary %t, open %t, opaque %d, want %t, %t, %d", p, c.Boundary(), c.Open(), c.Opaque(), boundary, open, opaque)
		}
	}
	step("", true, false, 0)
	step("\x02\x03", false, true, 3) // binary
	step("ab", false, true, 1)
	step("c", true, true, 0)
	step("\x80\x02", false, true, 2)
	step("de", true, false, 0)
	step("\x81\x02x", false, true, 0) // text
	step("y", true, false, 0)
	step("\xC1\x02\xFF", false, true, 1) // compressed
	step("\xFF\x82\x00", true, false, 0)
	if c.Messages() != 4 {
		t.Errorf("got %d messages, want 4", c.Messages())
	}
}

// A frame whose payload goes past the checker counts like one that does not.
func TestCheckerSkip(t *testing.T) {
	const size = 1 << 40
	r := &Rules{FromClient: true, MaxMessage: size + 1}
	var c Checker
	head := AppendHeader(nil, Header{Opcode: Binary, Masked: true, Key: [4]byte{1, 2, 3, 4}, Length: size})
	if n, _, err := c.Next(r, head); n != len(head) || err != nil {
		t.Fatalf("got n %d, error %v", n, err)
	}
	c.Skip(0)
	c.Skip(size - 1)
	if c.Boundary() || c.Opaque() != 1 {
		t.Errorf("got boundary %t, opaque %d, want false, 1", c.Boundary(), c.Opaque())
	}
	c.Skip(1)
	if !c.Boundary() || !c.Open() || c.Messages() != 0 {
		t.Errorf("got boundary %t, open %t, %d messages, want true, true, 0", c.Boundary(), c.Open(), c.Messages())
	}
	next := []byte(client(0x80, "xy"))
	_, _, err := c.Next(r, next)
	wantRule(t, err, CodeTooBig, "message is longer than 1099511627777 bytes")

	c = Checker{}
	c.Next(r, AppendHeader(nil, Header{Fin: true, Opcode: Binary, Masked: true, Length: 5}))
	c.Skip(5)
	if c.Messages() != 1 || c.Open() {
		t.Errorf("got %d messages, open %t, want 1, false", c.Messages(), c.Open())
	}
}

func TestCheckerSkipRefusesText(t *testing.T) {
	var c Checker
	c.Next(&Rules{}, []byte("\x81\x05"))
	defer func() {
		if recover() == nil {
			t.Error("got text skipped, want a panic")
		}
	}()
	c.Skip(1)
}

func TestControlWithoutFrame(t *testing.T) {
	for _, p := range []string{"", "\x89", "\x89\x01", "\x81\x00", "\x83\x00"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("got a control frame in %x, want a panic", p)
				}
			}()
			var c Checker
			c.Control([]byte(p), new([MaxControlPayload]byte))
		}()
	}
}

func TestCheckerAllocatesNothing(t *testing.T) {
	stream := []byte(client(0x01, "Grüße ") + client(0x89, "ping") + client(0x80, strings.Repeat("東京", 50)) + client(0x82, strings.Repeat("\xFF", 200)) + client(0x88, "\x03\xE8bye"))
	var scratch [MaxControlPayload]byte
	r := &Rules{FromClient: true, MaxMessage: 1 << 20, MaxFragments: 10}
	allocs := testing.AllocsPerRun(100, func() {
		var c Checker
		p := stream
		for len(p) > 0 {
			n, k, err := c.Next(r, p)
			if p = p[n:]; err != nil {
				t.Fatal(err)
			}
			if k == Control {
				p = p[c.Control(p, &scratch).Size:]
			}
		}
		if c.Messages() != 2 {
			t.Fatalf("got %d messages, want 2", c.Messages())
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations, want 0", allocs)
	}
}

func BenchmarkNext(b *testing.B) {
	for _, bb := range []struct {
		name  string
		flags byte
		size  int
	}{{"text128", 0x81, 128}, {"binary128", 0x82, 128}, {"text16KiB", 0x81, 16 << 10}} {
		b.Run(bb.name, func(b *testing.B) {
			p := []byte(client(bb.flags, strings.Repeat("x", bb.size)))
			r := &Rules{FromClient: true, MaxMessage: 1 << 20, MaxFragments: 1000}
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			var c Checker
			for b.Loop() {
				if n, _, err := c.Next(r, p); n != len(p) || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkControl(b *testing.B) {
	p := []byte(client(0x89, "12345678"))
	r := &Rules{FromClient: true}
	var scratch [MaxControlPayload]byte
	b.ReportAllocs()
	var c Checker
	for b.Loop() {
		if _, k, err := c.Next(r, p); k != Control || err != nil {
			b.Fatal(err)
		}
		c.Control(p, &scratch)
	}
}
