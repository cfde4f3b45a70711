package engineio

import (
	"errors"
	"strings"
	"testing"
)

func (p Packet) equal(q Packet) bool {
	return p.Type == q.Type && p.Binary == q.Binary && string(p.Data) == string(q.Data)
}

func text(t PacketType, data string) Packet { return Packet{Type: t, Data: []byte(data)} }
func binary(data string) Packet {
	return Packet{Type: Message, Binary: true, Data: []byte(data)}
}

func TestMessages(t *testing.T) {
	for _, tt := range []struct {
		name   string
		v      Version
		b64    bool
		packet Packet
		wire   string
		frame  bool // binary
	}{
		{"ping", V4, false, text(Ping, ""), "2", false},
		{"probe", V4, false, text(Ping, "probe"), "2probe", false},
		{"upgrade", V3, false, text(Upgrade, ""), "5", false},
		{"open", V4, false, text(Open, "{}"), "0{}", false},
		{"text", V4, false, text(Message, `2["a"]`), `42["a"]`, false},
		{"text with b64", V3, true, text(Message, `2["a"]`), `42["a"]`, false},
		{"binary 4", V4, false, binary("\x00\xFF"), "\x00\xFF", true},
		{"empty binary 4", V4, false, binary(""), "", true},
		{"binary 3", V3, false, binary("\x00\xFF"), "\x04\x00\xFF", true},
		{"empty binary 3", V3, false, binary(""), "\x04", true},
		{"base64 4", V4, true, binary("\x00\xFF"), "bAP8=", false},
		{"empty base64 4", V4, true, binary(""), "b", false},
		{"base64 3", V3, true, binary("\x00\xFF"), "b4AP8=", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, frame := AppendMessage(nil, tt.v, tt.packet, tt.b64)
			if string(got) != tt.wire || frame != tt.frame {
				t.Errorf("appended %q, binary %v, want %q, %v", got, frame, tt.wire, tt.frame)
			}
			p, err := ParseMessage(tt.v, tt.frame, []byte(tt.wire))
			if err != nil || !p.equal(tt.packet) {
				t.Errorf("parsed %v %q, error %v, want %v", p.Type, p.Data, err, tt.packet)
			}
		})
	}
}

func TestBrokenMessages(t *testing.T) {
	typeOf := func(c byte) string { return (&TypeError{c}).Error() }
	for _, tt := range []struct {
		v      Version
		binary bool
		wire   string
		want   string
	}{
		{V4, false, "", ErrEmpty.Error()},
		{V3, true, "", ErrEmpty.Error()},
		{V3, false, "b", ErrEmpty.Error()},
		{V4, false, "7", typeOf('7')},
		{V4, false, "/", typeOf('/')},
		{V3, false, "x4", typeOf('x')},
		{V3, false, "bx", typeOf('x')},
		{V3, true, "\x07", typeOf(7)},
		{V3, true, "4", typeOf('4')},
		{V4, false, "bA", ErrBase64.Error()},
		{V4, false, "b====", ErrBase64.Error()},
		{V4, false, "bAA=A", ErrBase64.Error()},
		{V4, false, "b-_-_", ErrBase64.Error()},
	} {
		if p, err := ParseMessage(tt.v, tt.binary, []byte(tt.wire)); err == nil || err.Error() != tt.want {
			t.Errorf("%d %q: got %v, error %v, want error %q", tt.v, tt.wire, p, err, tt.want)
		}
	}
	if p, err := ParseMessage(V4, false, []byte("bAP8")); err != nil || string(p.Data) != "\x00\xFF" {
		t.Errorf("without padding: got %q, %v, want its bytes", p.Data, err)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	wire, scratch := []byte("42[\"event\",1]"), make([]byte, 0, 64)
	bytes := []byte("\x04content")
	if n := testing.AllocsPerRun(100, func() {
		p, err := ParseMessage(V4, false, wire)
		q, err3 := ParseMessage(V3, true, bytes)
		_, _ = AppendMessage(scratch, V4, p, false)
		_, _ = AppendMessage(scratch, V3, q, true)
		if errors.Join(err, err3) != nil {
			t.Fatal(err, err3)
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, seed := range []string{"", "2probe", "42[]", "bAP8=", "b4AP8=", "\x04\x00", "b=", "4" + strings.Repeat("x", 300)} {
		f.Add(true, true, seed)
		f.Add(false, false, seed)
	}
	f.Fuzz(func(t *testing.T, three, frame bool, wire string) {
		v := V4
		if three {
			v = V3
		}
		p, err := ParseMessage(v, frame, []byte(wire))
		if err != nil {
			return
		}
		for _, b64 := range []bool{false, true} {
			again, frame := AppendMessage(nil, v, p, b64)
			if q, err := ParseMessage(v, frame, again); err != nil || !q.equal(p) {
				t.Errorf("%q was %v, and became %v, error %v, as %q", wire, p, q, err, again)
			}
		}
	})
}
