//go:build linux

package main

import (
	"bytes"
	"testing"
)

func TestFrames(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	for _, size := range []int{0, 1, 5, 125, 126, 127, 65535, 65536, 100003} {
		for _, k := range []*[4]byte{nil, &key} {
			payload := newPayload(opBinary, max(size, 30), size)[:size]
			frame := appendFrame(nil, opBinary, payload, k)
			h, n := parseHeader(frame)
			if !h.fin || h.op != opBinary || h.masked != (k != nil) || h.length != size || n != len(frame)-size {
				t.Fatalf("size %d: got %+v and a header of %d bytes", size, h, n)
			}
			for short := range n {
				if _, n := parseHeader(frame[:short]); n != 0 {
					t.Errorf("size %d: %d bytes were taken for a header of %d", size, short, n)
				}
			}
			mask(frame[n:], h.key)
			if !bytes.Equal(frame[n:], payload) {
				t.Errorf("size %d: payload differs after masking twice", size)
			}
		}
	}
}

func TestAcceptKey(t *testing.T) {
	// The example of RFC 6455, 1.3.
	if got, want := acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStamp(t *testing.T) {
	payload := newPayload(opText, 64, 7)
	key := [4]byte{9, 8, 7, 6}
	frame := appendFrame(nil, opText, payload, &key)
	header := len(frame) - len(payload)
	stampMasked(frame[header:], 0xbeef01, key)
	mask(frame[header:], key)
	stamp(payload, 0xbeef01)
	if !bytes.Equal(frame[header:], payload) || string(payload[:stampSize]) != "00beef01" {
		t.Errorf("got %q by the masked stamp and %q by the plain one", frame[header:], payload)
	}
	if bytes.Equal(newPayload(opText, 64, 8)[stampSize:], payload[stampSize:]) {
		t.Error("two sockets have the same payload")
	}
}
