package messages

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/proxy/config"
	"usher/proxy/session"
	"usher/proxy/ws"
)

var differentialLimits = config.Limits{MaxMessage: 100_000, MaxFragments: 12}

// script is the traffic of one session: what each side sends, and how one of
// them ends it when everything has arrived.
type script struct {
	sends [2][]sent // by side: client, upstream
	ender int       // side
	end   ending
}

// sent is one frame.
type sent struct {
	flags   byte
	payload string
}

// ending is the last that a side does.
type ending struct {
	name   string
	frames []sent
	hangUp bool // close the connection without a word
	deaf   bool // the peer may get another end: the frames relay cannot tell it
}

var endings = []ending{
	{name: "close", frames: []sent{{0x88, "\x03\xE8bye"}}},
	{name: "close without a code", frames: []sent{{0x88, ""}}},
	{name: "close 1014", frames: []sent{{0x88, "\x03\xF6"}}},
	{name: "close 4999", frames: []sent{{0x88, "\x13\x87" + strings.Repeat("é", 61)}}},
	{name: "close inside a message", frames: []sent{{0x01, "unfini"}, {0x88, "\x03\xE9"}}},
	{name: "lost", hangUp: true},
	{name: "lost inside a message", frames: []sent{{0x02, "unfini"}}, hangUp: true},
	{name: "too big", frames: []sent{{0x82, strings.Repeat("x", 100_001)}}},
	{name: "too big in fragments", frames: []sent{{0x01, strings.Repeat("x", 60_000)}, {0x80, strings.Repeat("x", 60_000)}}},
	{name: "too many fragments", frames: append([]sent{{0x02, "x"}}, slices.Repeat([]sent{{0, "x"}}, 12)...)},
	{name: "reserved opcode", frames: []sent{{0x83, ""}}},
	{name: "compressed", frames: []sent{{0xC1, "x"}}},
	{name: "continuation", frames: []sent{{0x80, "x"}}},
	{name: "code 1005", frames: []sent{{0x88, "\x03\xED"}}},
	{name: "not UTF-8", frames: []sent{{0x81, "x\xFF"}}, deaf: true},
}

func makeScript(rnd *rand.Rand, n int) script {
	var s script
	for side := range s.sends {
		for range rnd.IntN(12) {
			s.sends[side] = append(s.sends[side], makeFrames(rnd)...)
		}
	}
	s.ender, s.end = n%2, endings[n/2%len(endings)]
	return s
}

// makeFrames returns a message in up to 12 fragments, with control frames in
// between, or a control frame.
func makeFrames(rnd *rand.Rand) []sent {
	if rnd.IntN(5) == 0 {
		return []sent{{0x89 + byte(rnd.IntN(2)), fmt.Sprint(rnd.Uint32())}}
	}
	sizes := []int{0, 1, 125, 126, 4096, 4097, 65535, 65536, 80_000}
	payload := long(sizes[rnd.IntN(len(sizes))])
	flags := byte(ws.Binary)
	if rnd.IntN(2) == 0 {
		flags, payload = byte(ws.Text), "Grüße "+payload
	}
	var frames []sent
	for range rnd.IntN(3) * rnd.IntN(6) {
		cut := rnd.IntN(len(payload) + 1)
		frames = append(frames, sent{flags, payload[:cut]})
		payload, flags = payload[cut:], 0
		if rnd.IntN(3) == 0 {
			frames = append(frames, sent{0x89, fmt.Sprint(rnd.Uint32())})
		}
	}
	return append(frames, sent{flags | 0x80, payload})
}

// wanted is how many messages and pings frames come to.
func wanted(frames []sent) int {
	n := 0
	for _, f := range frames {
		if f.flags&0x80 != 0 {
			n++
		}
	}
	return n
}

// player is one side of a session.
type player struct {
	peer
	br      *bufio.Reader
	writing sync.Mutex // held while a frame is written
	closed  bool       // has sent its Close frame; guarded by writing
	arrived []string
	enough  chan struct{} // closed when want have arrived
	want    int
}

// listen takes down what arrives, as messages, until the connection ends, and
// answers a Close frame by its code.
func (p *player) listen() {
	defer p.conn.Close()
	var message []byte
	var opcode ws.Opcode
	note := func(text string) {
		if p.arrived = append(p.arrived, text); len(p.arrived) == p.want {
			close(p.enough)
		}
	}
	if p.want == 0 {
		close(p.enough)
	}
	for {
		h, payload, err := readFrame(p.br)
		if err != nil {
			return // how the connection ends is TCP's business
		}
		switch {
		case h.Masked == p.client:
			note("wrong mask")
		case h.Opcode == ws.Close:
			note(show(h.Opcode, true, payload))
			p.send(0x88, string(payload[:min(len(payload), 2)]))
			if !p.client {
				return // the server's to close first (RFC 6455, 7.1.1)
			}
		case h.Opcode.Control():
			note(show(h.Opcode, true, payload))
		default:
			if h.Opcode != ws.Continuation {
				opcode, message = h.Opcode, nil
			}
			if message = append(message, payload...); h.Fin {
				note(show(opcode, true, message))
			}
		}
	}
}

func readFrame(br *bufio.Reader) (ws.Header, []byte, error) {
	for size := 2; ; size++ {
		head, err := br.Peek(size)
		if err != nil {
			return ws.Header{}, nil, err
		}
		h, n, err := ws.ParseHeader(head)
		if err != nil {
			return h, nil, err
		}
		if n == 0 {
			continue
		}
		br.Discard(n)
		payload := make([]byte, h.Length)
		_, err = io.ReadFull(br, payload)
		ws.Mask(payload, h.Key, 0)
		return h, payload, err
	}
}

// send sends a frame, unless a Close frame was sent.
func (p *player) send(flags byte, payload string) {
	p.writing.Lock()
	defer p.writing.Unlock()
	if !p.closed {
		p.conn.Write(p.frame(flags, payload)) // fails at the end of some sessions
	}
	p.closed = p.closed || flags&0xF == byte(ws.Close)
}

// result is what a script came to.
type result struct {
	arrived [2][]string
	cause   string
	code    uint16
}

// play runs a script through the relay at path.
func (s *server) play(path string, sc script) result {
	s.t.Helper()
	clientConn, fromClient := s.dial(upgrade(path))
	up, fromUpstream, req := s.accept()
	io.WriteString(up, answer101(req))
	if res, _ := response(s.t, fromClient); res.StatusCode != 101 {
		s.t.Fatalf("got %d, want 101", res.StatusCode)
	}
	var players [2]*player
	var listening, sending sync.WaitGroup
	for side, conn := range []net.Conn{clientConn, up} {
		p := &player{br: fromClient, want: wanted(sc.sends[1-side]), enough: make(chan struct{})}
		p.t, p.conn, p.client = s.t, conn, side == 0
		if side == 1 {
			p.br = fromUpstream
		}
		players[side] = p
		listening.Go(p.listen)
		sending.Go(func() {
			for _, f := range sc.sends[side] {
				p.send(f.flags, f.payload)
			}
		})
	}
	sending.Wait()
	<-players[0].enough
	<-players[1].enough
	ender := players[sc.ender]
	for _, f := range sc.end.frames {
		ender.send(f.flags, f.payload)
	}
	if sc.end.hangUp {
		ender.conn.Close()
	}
	end := <-s.ends
	listening.Wait()
	return result{[2][]string{players[0].arrived, players[1].arrived}, end.Cause.String(), end.Code}
}

// TestRelaysAgree sends the same traffic through both relays: what arrives,
// message by message, and how it ends must be the same.
func TestRelaysAgree(t *testing.T) {
	s := newServer(t, differentialLimits)
	rnd := rand.New(rand.NewPCG(6455, 2))
	for n := range 2 * len(endings) {
		sc := makeScript(rnd, n)
		name := fmt.Sprintf("%d: %s by the %s", n, sc.end.name, []session.Side{session.Client, session.Upstream}[sc.ender])
		frames, messages := s.play("/frames", sc), s.play("/messages", sc)
		for side, receiver := range []session.Side{session.Client, session.Upstream} {
			if sc.end.deaf && side != sc.ender {
				continue
			}
			if got, want := messages.arrived[side], frames.arrived[side]; !slices.Equal(got, want) {
				t.Errorf("%s: the %s got by messages\n%q\nand by frames\n%q", name, receiver, got, want)
			}
			if got, want := len(messages.arrived[side]), wanted(sc.sends[1-side]); got < want {
				t.Errorf("%s: the %s got %d messages and control frames, want at least %d", name, receiver, got, want)
			}
		}
		if messages.cause != frames.cause || messages.code != frames.code {
			t.Errorf("%s: got end %s with %d by messages, %s with %d by frames", name, messages.cause, messages.code, frames.cause, frames.code)
		}
	}
}
