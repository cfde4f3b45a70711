package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"usher/proxy/ws"
)

const (
	maxMessage = 64 << 10
	tick       = time.Second
)

// socket is the service's end of one WebSocket. Its reader and its ticker
// both send, through out.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
	out  chan []byte // whole frames

	// owned by the reader: what there is of a message
	opcode  ws.Opcode
	payload []byte
}

// message is what a service says, as JSON.
type message struct {
	Service string `json:"service"`
	PID     int    `json:"pid"`
	Kind    string `json:"kind"` // hello, tick or echo
	Text    string `json:"text"`
}

// accept answers the upgrade.
func accept(w http.ResponseWriter, r *http.Request) (*socket, error) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		return nil, errors.New("no WebSocket handshake")
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(append(ws.AppendSwitch(nil, key), "\r\n"...)); err != nil {
		conn.Close()
		return nil, err
	}
	return &socket{conn: conn, in: rw.Reader, out: make(chan []byte, 8)}, nil
}

// talk greets, tells the news and sends back what it is told, until either
// side ends.
func (s *socket) talk(ctx context.Context, name string, pid int) {
	defer s.conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { s.conn.Close() })
	say := func(kind, text string) []byte {
		p, err := json.Marshal(message{Service: name, PID: pid, Kind: kind, Text: text})
		if err != nil {
			panic(err) // strings and numbers
		}
		return ws.AppendFrame(nil, ws.Text, p, nil)
	}
	go s.write(ctx, cancel, say, news(name))
	for {
		op, payload, err := s.read()
		if err != nil {
			return
		}
		answer := reply(op, payload, say)
		if answer == nil {
			continue
		}
		select {
		case s.out <- answer:
		case <-ctx.Done():
			return
		}
	}
}

// reply returns the frame that answers what was read, if one does.
func reply(op ws.Opcode, payload []byte, say func(kind, text string) []byte) []byte {
	switch op {
	case ws.Ping:
		return ws.AppendFrame(nil, ws.Pong, payload, nil)
	case ws.Close:
		return ws.AppendFrame(nil, ws.Close, payload, nil)
	case ws.Pong:
		return nil
	default:
		return say("echo", string(payload))
	}
}

// write sends what is to be sent, and news every second, until a Close.
func (s *socket) write(ctx context.Context, cancel func(), say func(kind, text string) []byte, news []string) {
	defer cancel()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	frame := say("hello", "connected")
	for n := 0; ; {
		s.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if _, err := s.conn.Write(frame); err != nil || ws.Opcode(frame[0]&0xF) == ws.Close {
			return
		}
		select {
		case frame = <-s.out:
		case <-ticker.C:
			frame = say("tick", news[n%len(news)])
			n++
		case <-ctx.Done():
			return
		}
	}
}

// read returns the next whole message or control frame.
func (s *socket) read() (ws.Opcode, []byte, error) {
	for {
		h, err := s.header()
		if err != nil {
			return 0, nil, err
		}
		if int64(len(s.payload))+h.Length > maxMessage {
			return 0, nil, errors.New("message too long")
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(s.in, p); err != nil {
			return 0, nil, err
		}
		ws.Mask(p, h.Key, 0)
		if h.Opcode.Control() {
			return h.Opcode, p, nil
		}
		if h.Opcode != ws.Continuation {
			s.opcode = h.Opcode
		}
		if s.payload = append(s.payload, p...); h.Fin {
			whole := s.payload
			s.payload = nil
			return s.opcode, whole, nil
		}
	}
}

// header reads a frame's header.
func (s *socket) header() (ws.Header, error) {
	for size := 2; ; size++ {
		p, err := s.in.Peek(size)
		if err != nil {
			return ws.Header{}, err
		}
		if h, n, err := ws.ParseHeader(p); n > 0 || err != nil {
			_, _ = s.in.Discard(n) // these were peeked at
			return h, err
		}
	}
}
