package ws

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// outcome is what a stream came to.
type outcome struct {
	passed   string   // bytes of data frames
	controls []string // opcode and payload, each
	messages uint32
	held     string // bytes that wait for more
	code     Code   // of the refusal
	rule     string // of the refusal
	boundary bool
	open     bool
}

func (o outcome) String() string {
	return fmt.Sprintf("passed %x, controls %q, %d messages, held %x, %d %q, boundary %t, open %t",
		o.passed, o.controls, o.messages, o.held, o.code, o.rule, o.boundary, o.open)
}

// run sends chunks through a Checker the way a relay does. It stops behind a
// Close frame.
func run(t testing.TB, r *Rules, chunks ...[]byte) outcome {
	t.Helper()
	var (
		c       Checker
		o       outcome
		scratch [MaxControlPayload]byte
		p       []byte
	)
	end := func(err error) outcome {
		if broken, ok := errors.AsType[*ProtocolError](err); ok {
			o.code, o.rule = broken.Code, broken.Rule
		} else if err != nil {
			t.Fatalf("got error %v, want a *ProtocolError", err)
		}
		o.messages, o.boundary, o.open = c.Messages(), c.Boundary(), c.Open()
		return o
	}
	for _, chunk := range chunks {
		p = append(p, chunk...)
		before := string(p)
		for {
			n, k, err := c.Next(r, p)
			o.passed += string(p[:n])
			p = p[n:]
			if err != nil {
				return end(err)
			}
			if k != Control {
				if (k == Data) != (len(p) == 0) || len(p) >= MaxControlFrame {
					t.Fatalf("got kind %d with %d bytes held", k, len(p))
				}
				break
			}
			frame := c.Control(p, &scratch)
			if !bytes.HasPrefix(p, AppendHeader(nil, frame.Header)) {
				t.Fatalf("got %+v for %x", frame.Header, p)
			}
			o.controls = append(o.controls, fmt.Sprintf("%s %s", frame.Header.Opcode, frame.Payload))
			p = p[frame.Size:]
			if frame.Header.Opcode == Close {
				return end(nil)
			}
		}
		if !strings.HasSuffix(before, string(p)) {
			t.Fatalf("got input changed to %x", p)
		}
	}
	o.held = string(p)
	return end(nil)
}

// everySplit runs the stream whole, in every two parts, and byte by byte, and
// wants the same outcome from all.
func everySplit(t *testing.T, r *Rules, stream string) outcome {
	t.Helper()
	want := run(t, r, []byte(stream))
	for split := range len(stream) {
		got := run(t, r, []byte(stream[:split]), []byte(stream[split:]))
		if got.String() != want.String() {
			t.Errorf("split at %d:\ngot  %v\nwant %v", split, got, want)
		}
	}
	got := run(t, r, cut([]byte(stream), bytes.Repeat([]byte{1}, len(stream)))...)
	if got.String() != want.String() {
		t.Errorf("byte by byte:\ngot  %v\nwant %v", got, want)
	}
	return want
}

// client returns a masked frame; flags are the first byte.
func client(flags byte, payload string) string {
	h := Header{Fin: flags&0x80 != 0, RSV: flags >> 4 & 7, Opcode: Opcode(flags & 0xF), Masked: true, Key: [4]byte{0x91, 0x02, 0xF3, 0x44}, Length: int64(len(payload))}
	p := []byte(payload)
	Mask(p, h.Key, 0)
	return string(AppendHeader(nil, h)) + string(p)
}

// server returns an unmasked frame.
func server(flags byte, payload string) string {
	h := Header{Fin: flags&0x80 != 0, RSV: flags >> 4 & 7, Opcode: Opcode(flags & 0xF), Length: int64(len(payload))}
	return string(AppendHeader(nil, h)) + payload
}

func TestCheckerPasses(t *testing.T) {
	for _, tt := range []struct {
		section  string
		rules    Rules
		data     []string // frames to be passed on
		controls []string // frames between them, before data[i+1]
		want     []string
		messages uint32
	}{
		{section: "5.4 one frame", rules: Rules{FromClient: true}, data: []string{client(0x81, "Grüße, 東京 😀")}, messages: 1},
		{section: "5.4 from the server", data: []string{server(0x82, "\xFF\xFE")}, messages: 1},
		{section: "5.4 fragments", data: []string{server(0x01, "a"), server(0x00, "b"), server(0x80, "c"), server(0x82, "d")}, messages: 2},
		{section: "5.4 empty fragments", data: []string{server(0x01, ""), server(0x00, ""), server(0x80, "")}, messages: 1},
		{section: "5.4 control frames inside a message", rules: Rules{FromClient: true},
			data:     []string{client(0x01, "a"), client(0x00, "b"), client(0x80, "c")},
			controls: []string{client(0x89, "1"), client(0x8A, strings.Repeat("2", 125))},
			want:     []string{"ping 1", "pong " + strings.Repeat("2", 125)}, messages: 1},
		{section: "5.5.1 empty close", data: []string{server(0x82, "x"), ""}, controls: []string{server(0x88, "")}, want: []string{"close "}, messages: 1},
		{section: "5.5.1 close inside a message", rules: Rules{FromClient: true}, data: []string{client(0x02, "x"), ""},
			controls: []string{client(0x88, "\x03\xE8bye")}, want: []string{"close \x03\xE8bye"}},
		{section: "5.6 character split over fragments", data: []string{server(0x01, "\xF0"), server(0x00, "\x9F\x98"), server(0x00, ""), server(0x80, "\x80")}, messages: 1},
		{section: "5.6 binary may hold anything", data: []string{server(0x02, "\xFF"), server(0x80, "\xC0")}, messages: 1},
		{section: "5.2 lengths of 16 bits", rules: Rules{FromClient: true}, data: []string{client(0x82, strings.Repeat("x", 126)), client(0x81, strings.Repeat("y", 300))}, messages: 2},
		{section: "RFC 7692, 6 compressed text is not looked into", rules: Rules{Deflate: true}, data: []string{server(0x41, "\xFF\xFF"), server(0x80, "\xC0")}, messages: 1},
		{section: "RFC 7692, 6 uncompressed in between", rules: Rules{Deflate: true}, data: []string{server(0xC2, "\xFF"), server(0x81, "é")}, messages: 2},
		{section: "limits just reached", rules: Rules{MaxMessage: 4, MaxFragments: 3}, data: []string{server(0x02, "ab"), server(0x00, "c"), server(0x80, "d"), server(0x82, "abcd")}, messages: 2},
	} {
		t.Run(tt.section, func(t *testing.T) {
			var stream strings.Builder
			for i, frame := range tt.data {
				if i > 0 && i <= len(tt.controls) {
					stream.WriteString(tt.controls[i-1])
				}
				stream.WriteString(frame)
			}
			got := everySplit(t, &tt.rules, stream.String())
			want := outcome{passed: strings.Join(tt.data, ""), controls: tt.want, messages: tt.messages, boundary: true, open: tt.messages == 0}
			if got.String() != want.String() {
				t.Errorf("\ngot  %v\nwant %v", got, want)
			}
		})
	}
}

func TestCheckerRefuses(t *testing.T) {
	client1, server1 := client(0x81, "good"), server(0x81, "good")
	for _, tt := range []struct {
		section string
		rules   Rules
		good    string // passes
		bad     string // does not
		code    Code
		rule    string
	}{
		{"5.1 unmasked from a client", Rules{FromClient: true}, client1, server1, 1002, "client frame is not masked (RFC 6455, 5.1)"},
		{"5.1 unmasked ping from a client", Rules{FromClient: true}, client1, server(0x89, ""), 1002, "client frame is not masked (RFC 6455, 5.1)"},
		{"5.1 masked from a server", Rules{}, server1, client1, 1002, "server frame is masked (RFC 6455, 5.1)"},
		{"5.1 masked close from a server", Rules{}, server1, client(0x88, ""), 1002, "server frame is masked (RFC 6455, 5.1)"},
		{"5.2 RSV1 without an extension", Rules{}, server1, server(0xC1, "x"), 1002, "RSV bits 0b100 on a text frame were not agreed on (RFC 6455, 5.2)"},
		{"5.2 RSV2", Rules{Deflate: true}, server1, server(0xA2, "x"), 1002, "RSV bits 0b010 on a binary frame were not agreed on (RFC 6455, 5.2)"},
		{"5.2 RSV1 and RSV3", Rules{Deflate: true}, server1, server(0xD2, "x"), 1002, "RSV bits 0b101 on a binary frame were not agreed on (RFC 6455, 5.2)"},
		{"5.2 RSV1 on a continuation", Rules{Deflate: true}, server(0x41, "x"), server(0xC0, "x"), 1002, "RSV bits 0b100 on a continuation frame were not agreed on (RFC 6455, 5.2)"},
		{"5.2 RSV1 on a ping", Rules{Deflate: true}, server1, server(0xC9, "x"), 1002, "RSV bits 0b100 on a ping frame were not agreed on (RFC 6455, 5.2)"},
		{"5.2 reserved opcode", Rules{}, server1, "\x83\x01x", 1002, "opcode 0x3 is reserved (RFC 6455, 5.2)"},
		{"5.2 length", Rules{}, server1, "\x82\x7E\x00\x01x", 1002, "length 1 is not in its shortest form (RFC 6455, 5.2)"},
		{"5.4 continuation first", Rules{}, "", server(0x80, "x"), 1002, "continuation frame outside a message (RFC 6455, 5.4)"},
		{"5.4 continuation behind a message", Rules{}, server1, server(0x00, "x"), 1002, "continuation frame outside a message (RFC 6455, 5.4)"},
		{"5.4 message inside a message", Rules{}, server(0x01, "x"), server(0x81, "x"), 1002, "text frame inside a message (RFC 6455, 5.4)"},
		{"5.5 fragmented ping", Rules{}, server1, server(0x09, "x"), 1002, "ping frame is fragmented (RFC 6455, 5.5)"},
		{"5.5 long ping", Rules{FromClient: true}, client1, client(0x89, strings.Repeat("x", 126)), 1002, "control frame is longer than 125 bytes (RFC 6455, 5.5)"},
		{"5.5.1 half a code", Rules{FromClient: true}, client1, client(0x88, "\x03"), 1002, "close frame has half a code (RFC 6455, 5.5.1)"},
		{"5.5.1 bad reason", Rules{FromClient: true}, client1, client(0x88, "\x03\xE8\xFF"), 1007, "reason of the close frame is not UTF-8 (RFC 6455, 5.5.1)"},
		{"7.4 code 1005", Rules{FromClient: true}, client1, client(0x88, "\x03\xED"), 1002, "close code 1005 may not be sent (RFC 6455, 7.4)"},
		{"7.4 code 0", Rules{}, server1, server(0x88, "\x00\x00"), 1002, "close code 0 may not be sent (RFC 6455, 7.4)"},
		{"5.6 empty end inside a character", Rules{}, server(0x01, "\xE2\x82"), server(0x80, ""), 1007, "text message ends inside a character (RFC 6455, 5.6)"},
		{"limits message size", Rules{MaxMessage: 4}, server1, server(0x82, "abcde"), 1009, "message is longer than 4 bytes"},
		{"limits message size over fragments", Rules{MaxMessage: 4}, server(0x02, "abc"), server(0x00, "de"), 1009, "message is longer than 4 bytes"},
		{"limits 2^63-1 bytes", Rules{MaxMessage: 4}, server1, "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 1009, "message is longer than 4 bytes"},
		{"limits more bytes than can be counted", Rules{}, server(0x02, "x"), "\x80\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 1009, "message is longer than 9223372036854775807 bytes"},
		{"limits fragments", Rules{MaxFragments: 3}, server(0x02, "") + server(0x00, "") + server(0x00, ""), server(0x80, ""), 1008, "message has more than 3 fragments"},
	} {
		t.Run(tt.section, func(t *testing.T) {
			got := everySplit(t, &tt.rules, tt.good+tt.bad)
			want := run(t, &tt.rules, []byte(tt.good))
			want.code, want.rule = tt.code, tt.rule
			if want.passed != tt.good || got.String() != want.String() {
				t.Errorf("\ngot  %v\nwant %v", got, want)
			}
		})
	}
}

// What is not UTF-8 is refused at the byte that shows it, not at the end of
// the message or of what happened to be read.
func TestCheckerRefusesText(t *testing.T) {
	for _, tt := range []struct {
		name, payload string
		good          int
	}{
		{"lone tail", "abc\x80", 3},
		{"overlong", "abcdefghijk\xE0\x9F\xBFmore of it", 12},
		{"surrogate", "\xED\xA0\x80", 1},
		{"above U+10FFFF", "x\xF4\x90\x80\x80 and more", 2},
		{"ends inside a character", "abc\xE2\x82", 4},
		{"ends at its first byte", "\xC3", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := client(0x81, tt.payload)
			want := outcome{passed: frame[:6+tt.good], code: 1007, rule: "text message is not UTF-8 (RFC 6455, 5.6)", open: true}
			if got := everySplit(t, &Rules{FromClient: true}, frame); got.String() != want.String() {
				t.Errorf("\ngot  %v\nwant %v", got, want)
			}
		})
	}
}

// Every split of the header of a long message; its payload has too many.
func TestCheckerLongMessage(t *testing.T) {
	stream := client(0x81, strings.Repeat("0123456é", 20000)) + client(0x89, "?")
	want := run(t, &Rules{FromClient: true}, []byte(stream))
	if want.messages != 1 || want.rule != "" || len(want.passed) != MaxHeader+180000 {
		t.Fatalf("got %d messages, %q, %d bytes passed, want 1, none, %d", want.messages, want.rule, len(want.passed), MaxHeader+180000)
	}
	for split := range MaxHeader + 20 {
		if got := run(t, &Rules{FromClient: true}, []byte(stream[:split]), []byte(stream[split:])); got.String() != want.String() {
			t.Errorf("split at %d: got another outcome", split)
		}
	}
}

func TestCheckerSize(t *testing.T) {
	if got := unsafe.Sizeof(Checker{}); got > 32 {
		t.Errorf("got %d bytes, want at most 32: there are two in every session", got)
	}
}
