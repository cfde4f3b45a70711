//go:build linux

package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// newTestSocket is a socket that receives only.
func newTestSocket() (*load, *socket) {
	l := &load{message: func(*socket) error { return nil }}
	return l, newSocket(3, nil, opText, 200)
}

// reply is what an upstream would send for message n, in one frame.
func reply(n uint32) []byte {
	payload := newPayload(opText, 200, 3)
	stamp(payload, n)
	return appendFrame(nil, opText, payload, nil)
}

func TestFeedAtEverySplit(t *testing.T) {
	stream := append(reply(0), appendFrame(nil, opPong, []byte("hello"), nil)...)
	payload := newPayload(opText, 200, 3)
	stamp(payload, 1)
	stream = append(appendHeader(stream, opText, 70, nil), payload[:70]...) // a fragment
	stream = append(appendHeader(stream, 0x80|opContinuation, 130, nil), payload[70:]...)
	for i := range stream {
		for j := i; j < len(stream); j += 7 {
			l, s := newTestSocket()
			for _, part := range [][]byte{stream[:i], stream[i:j], stream[j:]} {
				if err := s.feed(l, part); err != nil {
					t.Fatalf("split at %d and %d: %v", i, j, err)
				}
			}
			if l.messages != 2 || l.bytes != 400 || s.inFrame {
				t.Fatalf("split at %d and %d: got %d messages, %d bytes, want 2 and 400", i, j, l.messages, l.bytes)
			}
		}
	}
}

// What a proxy could do wrong is noticed.
func TestFeedRefuses(t *testing.T) {
	damaged := reply(0)
	damaged[100] ^= 1
	other := newPayload(opText, 200, 4)
	stamp(other, 0)
	tests := []struct {
		name   string
		stream []byte
		want   string
	}{
		{"a damaged byte", damaged, "differs"},
		{"a message twice", append(reply(0), reply(0)...), "differs"},
		{"a message lost", reply(1), "differs"},
		{"another socket's message", appendFrame(nil, opText, other, nil), "differs"},
		{"a short message", appendFrame(nil, opText, reply(0)[4:100], nil), "want 200"},
		{"a long message", appendFrame(nil, opText, append(reply(0)[4:], 'x'), nil), "longer"},
		{"a masked frame", appendFrame(nil, opText, reply(0)[4:], &[4]byte{}), "masked"},
		{"another opcode", append([]byte{0x80 | opBinary}, reply(0)[1:]...), "opcode 2"},
		{"a reserved bit", append([]byte{0xc0 | opText}, reply(0)[1:]...), "reserved"},
		{"a continuation of nothing", append([]byte{0x80 | opContinuation}, reply(0)[1:]...), "opcode 0"},
		{"a close", appendFrame(nil, opClose, []byte("\x03\xe9bye"), nil), "bye"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, s := newTestSocket()
			err := s.feed(l, tt.stream)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestFeedKeepsDone(t *testing.T) {
	l, s := newTestSocket()
	l.message = func(s *socket) error {
		if s.received == 1 {
			return errDone
		}
		return nil
	}
	if err := s.feed(l, append(reply(0), reply(1)...)); !errors.Is(err, errDone) || l.messages != 2 {
		t.Errorf("got %v after %d messages, want errDone after both", err, l.messages)
	}
}

func TestUpstreamAnswers(t *testing.T) {
	key := [4]byte{7, 0, 0xff, 1}
	request := []byte("GET /echo HTTP/1.1\r\nHost: x\r\nsec-websocket-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	small := newPayload(opText, 100, 1)
	large := newPayload(opBinary, 3000, 2)
	stream := appendFrame(bytes.Clone(request), opText, small, &key)
	stream = appendFrame(stream, opPing, []byte("you"), &key)
	stream = appendFrame(stream, opBinary, large, &key)
	want := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	want = appendFrame(want, opText, small, nil)
	want = appendFrame(want, opPong, []byte("you"), nil)
	want = appendFrame(want, opBinary, large, nil)
	for split := range stream {
		u, p := &upstream{}, &peer{}
		p.out = []byte("-") // as if the socket took nothing: answers are kept
		rest, ok := u.take(p, bytes.Clone(stream[:split]))
		if ok {
			rest, ok = u.take(p, append(bytes.Clone(rest), stream[split:]...))
		}
		if !ok || len(rest) > 0 || !bytes.Equal(p.out[1:], want) {
			t.Fatalf("split at %d: got %q, rest %q, %v, want %q", split, p.out[1:], rest, ok, want)
		}
	}
}
