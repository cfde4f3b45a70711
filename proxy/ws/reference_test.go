package ws

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// reference says what a stream must come to, slowly: it sees all of it at
// once, unmasks a byte at a time, and judges the whole text again at each.
func reference(r *Rules, stream []byte) outcome {
	ref := referee{rules: r, out: outcome{boundary: true}}
	for p := stream; len(p) > 0 && !ref.over; {
		p = ref.frame(p)
	}
	return ref.out
}

type referee struct {
	rules *Rules
	out   outcome
	over  bool // nothing more is looked at

	// the current message
	text      []byte
	plain     bool
	fragments int
	size      *big.Int
}

func (ref *referee) refuse(code Code, rule string) []byte {
	ref.out.code, ref.out.rule, ref.over = code, rule, true
	return nil
}

func (ref *referee) hold(p []byte) []byte {
	ref.out.held, ref.over = string(p), true
	return nil
}

// frame judges the frame that p begins with and returns what is behind it.
func (ref *referee) frame(p []byte) []byte {
	const answer = "HTTP/1."
	if n := min(len(p), len(answer)); string(p[:n]) == answer[:n] {
		if n < len(answer) {
			return ref.hold(p)
		}
		return ref.refuse(1002, "HTTP answer in place of a frame")
	}
	if rule := badFirstByte(p[0]); rule != "" {
		return ref.refuse(1002, rule)
	}
	op, control := Opcode(p[0]&15), p[0]&8 != 0
	if len(p) > 1 && control && p[1]&127 > 125 {
		return ref.refuse(1002, "control frame is longer than 125 bytes (RFC 6455, 5.5)")
	}
	length, key, head, rule := referenceLength(p)
	if rule != "" {
		return ref.refuse(1002, rule)
	}
	if head == 0 {
		return ref.hold(p)
	}
	if masked := p[1] >= 128; masked != ref.rules.FromClient {
		rule := map[bool]string{true: "server frame is masked", false: "client frame is not masked"}[masked]
		return ref.refuse(1002, rule+" (RFC 6455, 5.1)")
	}
	if rsv := p[0] >> 4 & 7; rsv != 0 && !(rsv == 4 && ref.rules.Deflate && (op == Text || op == Binary)) {
		return ref.refuse(1002, fmt.Sprintf("RSV bits 0b%03b on a %s frame were not agreed on (RFC 6455, 5.2)", rsv, op))
	}
	if control {
		return ref.control(op, p, head, head+int(length.Int64()), key)
	}
	if code, rule := ref.begin(p[0], op, length); rule != "" {
		return ref.refuse(code, rule)
	}
	ref.out.passed += string(p[:head])
	ref.out.open = true
	return ref.payload(p[0] >= 128, length, key, p[head:])
}

func (ref *referee) control(op Opcode, p []byte, head, end int, key [4]byte) []byte {
	if len(p) < end {
		return ref.hold(p)
	}
	payload := referenceUnmask(p[head:end], key)
	if op == Close {
		if code, rule := referenceClose(payload); rule != "" {
			return ref.refuse(code, rule)
		}
		ref.over = true
	}
	ref.out.controls = append(ref.out.controls, fmt.Sprintf("%s %s", op, payload))
	return p[end:]
}

// begin judges the header of a data frame in its place.
func (ref *referee) begin(first byte, op Opcode, length *big.Int) (Code, string) {
	switch {
	case ref.out.open && op != Continuation:
		return 1002, fmt.Sprintf("%s frame inside a message (RFC 6455, 5.4)", op)
	case !ref.out.open && op == Continuation:
		return 1002, "continuation frame outside a message (RFC 6455, 5.4)"
	case !ref.out.open:
		ref.text, ref.plain, ref.fragments, ref.size = nil, op == Text && first&0x40 == 0, 0, new(big.Int)
	}
	limit := big.NewInt(ref.rules.MaxMessage)
	if ref.rules.MaxMessage == 0 {
		limit.SetUint64(1<<63 - 1)
	}
	ref.fragments++
	if ref.size.Add(ref.size, length).Cmp(limit) > 0 {
		return 1009, fmt.Sprintf("message is longer than %d bytes", limit)
	}
	if ref.rules.MaxFragments != 0 && ref.fragments > ref.rules.MaxFragments {
		return 1008, fmt.Sprintf("message has more than %d fragments", ref.rules.MaxFragments)
	}
	if length.Sign() == 0 && first >= 128 && ref.plain && !utf8.Valid(ref.text) {
		return 1007, "text message ends inside a character (RFC 6455, 5.6)"
	}
	return 0, ""
}

// payload takes what of a frame's payload p has and returns what is behind it.
func (ref *referee) payload(fin bool, length *big.Int, key [4]byte, p []byte) []byte {
	for i := 0; ; i++ {
		left := new(big.Int).Sub(length, big.NewInt(int64(i)))
		if ref.out.boundary = left.Sign() == 0; ref.out.boundary {
			if fin {
				ref.out.open = false
				ref.out.messages++
			}
			return p[i:]
		}
		if i == len(p) {
			return nil
		}
		if ref.plain {
			ref.text = append(ref.text, p[i]^key[i%4])
			last := fin && left.Cmp(big.NewInt(1)) == 0
			if textPrefix(ref.text) < len(ref.text) || last && !utf8.Valid(ref.text) {
				return ref.refuse(1007, "text message is not UTF-8 (RFC 6455, 5.6)")
			}
		}
		ref.out.passed += string(p[i : i+1])
	}
}

func badFirstByte(b byte) string {
	switch b & 15 {
	case 0, 1, 2:
		return ""
	case 8, 9, 10:
		if b < 128 {
			return fmt.Sprintf("%s frame is fragmented (RFC 6455, 5.5)", Opcode(b&15))
		}
		return ""
	}
	return fmt.Sprintf("opcode 0x%X is reserved (RFC 6455, 5.2)", b&15)
}

// referenceLength returns a header's length, key and size; size 0 needs more.
func referenceLength(p []byte) (length *big.Int, key [4]byte, size int, rule string) {
	if len(p) < 2 {
		return nil, key, 0, ""
	}
	length, size = big.NewInt(int64(p[1]&127)), 2
	if extended := map[byte]int{126: 2, 127: 8}[p[1]&127]; extended > 0 {
		if size += extended; len(p) < size {
			return nil, key, 0, ""
		}
		length.SetBytes(p[2:size])
		smallest := map[int]int64{2: 126, 8: 65536}[extended]
		switch {
		case length.BitLen() > 63:
			return nil, key, 0, fmt.Sprintf("length 0x%x has its highest bit set (RFC 6455, 5.2)", length)
		case length.Cmp(big.NewInt(smallest)) < 0:
			return nil, key, 0, fmt.Sprintf("length %d is not in its shortest form (RFC 6455, 5.2)", length)
		}
	}
	if p[1] >= 128 {
		if size += 4; len(p) < size {
			return nil, key, 0, ""
		}
		copy(key[:], p[size-4:])
	}
	return length, key, size, ""
}

func referenceUnmask(p []byte, key [4]byte) []byte {
	plain := []byte{}
	for i, b := range p {
		plain = append(plain, b^key[i%4])
	}
	return plain
}

func referenceClose(p []byte) (Code, string) {
	if len(p) == 0 {
		return 0, ""
	}
	if len(p) == 1 {
		return 1002, "close frame has half a code (RFC 6455, 5.5.1)"
	}
	code := int(p[0])*256 + int(p[1])
	named := code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006
	if !named && (code < 3000 || code > 4999) {
		return 1002, fmt.Sprintf("close code %d may not be sent (RFC 6455, 7.4)", code)
	}
	if !utf8.Valid(p[2:]) {
		return 1007, "reason of the close frame is not UTF-8 (RFC 6455, 5.5.1)"
	}
	return 0, ""
}

// fuzzRules makes rules of a byte.
func fuzzRules(b byte) *Rules {
	r := &Rules{FromClient: b&1 != 0, Deflate: b&2 != 0}
	if b&4 != 0 {
		r.MaxMessage = int64(b)
	}
	if b&8 != 0 {
		r.MaxFragments = int(b>>4) + 1
	}
	return r
}

// cut splits stream: each byte of splits is the size of a part.
func cut(stream, splits []byte) [][]byte {
	var chunks [][]byte
	for _, size := range splits {
		n := min(int(size), len(stream))
		chunks = append(chunks, stream[:n])
		stream = stream[n:]
	}
	return append(chunks, stream)
}

func wantReference(t testing.TB, rules byte, stream, splits []byte) {
	t.Helper()
	r := fuzzRules(rules)
	want := reference(r, stream).String()
	if got := run(t, r, stream).String(); got != want {
		t.Fatalf("%+v, stream %x:\ngot  %v\nwant %v", *r, stream, got, want)
	}
	if got := run(t, r, cut(stream, splits)...).String(); got != want {
		t.Fatalf("%+v, stream %x, splits %v:\ngot  %v\nwant %v", *r, stream, splits, got, want)
	}
}

// FuzzChecker holds: any split of a stream gives the verdict, the bytes and
// the counts of the reference.
func FuzzChecker(f *testing.F) {
	f.Add(byte(1), []byte(client(0x01, "Grü")+client(0x89, "?")+client(0x80, "ße")), []byte{1, 2, 3})
	f.Add(byte(0), []byte(server(0x01, "\xF0\x9F")+server(0x80, "\x98\x80")+server(0x88, "\x03\xE8")), []byte{5, 1})
	f.Add(byte(2), []byte(server(0x41, "\xFF")+server(0x80, "")+server(0x82, "12345678")), []byte{})
	f.Add(byte(0x2D), []byte(client(0x02, "")+client(0x00, "")+client(0x00, "")+client(0x80, "")), []byte{7})
	f.Add(byte(0), []byte("\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFabc"), []byte{10})
	f.Add(byte('-'), []byte("H"), []byte("0"))
	f.Add(byte(0), []byte(server(0x82, "x")+"HTTP/1.1 400 Bad Request\r\n"), []byte{3, 1, 2})
	f.Add(byte(1), []byte("HTTP/2"), []byte{1})
	f.Fuzz(func(t *testing.T, rules byte, stream, splits []byte) {
		if len(stream) > 2000 {
			return // the reference is quadratic
		}
		wantReference(t, rules, stream, splits)
	})
}

// TestCheckerRandom does the same for streams that are mostly right, which a
// fuzzer seldom finds.
func TestCheckerRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 5))
	for range 3000 {
		rules := byte(rnd.Uint32())
		frame := server
		if rules&1 != 0 {
			frame = client
		}
		var stream []byte
		for range rnd.IntN(8) {
			stream = append(stream, randomFrames(rnd, frame, rules&2 != 0)...)
		}
		if len(stream) > 0 && rnd.IntN(3) == 0 {
			stream[rnd.IntN(len(stream))] ^= 1 << rnd.IntN(8)
		}
		stream = stream[:len(stream)-min(len(stream), rnd.IntN(4))]
		splits := make([]byte, rnd.IntN(30))
		for i := range splits {
			splits[i] = byte(rnd.IntN(12))
		}
		wantReference(t, rules, stream, splits)
	}
}

// randomFrames returns a message in fragments, or a control frame.
func randomFrames(rnd *rand.Rand, frame func(byte, string) string, deflate bool) []byte {
	payload := string([]rune("aé€😀\u07FF\uFFFD ")[rnd.IntN(7)]) + string(bytes.Repeat([]byte("x"), rnd.IntN(140)))
	switch rnd.IntN(6) {
	case 0:
		return []byte(frame(0x89+byte(rnd.IntN(2)), payload[:min(len(payload), 125)]))
	case 1:
		if rnd.IntN(4) == 0 {
			return []byte(frame(0x88, "\x03"+string([]byte{0xE8 + byte(rnd.IntN(16))})+"é"))
		}
	}
	flags := byte(1 + rnd.IntN(2))
	if deflate && rnd.IntN(2) == 0 {
		flags |= 0x40
	}
	var stream strings.Builder
	for rnd.IntN(3) == 0 {
		n := rnd.IntN(len(payload) + 1)
		stream.WriteString(frame(flags, payload[:n]))
		payload, flags = payload[n:], 0
		if rnd.IntN(4) == 0 {
			stream.WriteString(frame(0x8A, "pong"))
		}
	}
	return []byte(stream.String() + frame(flags|0x80, payload))
}
