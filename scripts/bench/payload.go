//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
)

// Every payload begins with a stamp of 8 hexadecimal digits that changes from
// message to message, and goes on with what is the socket's own: a message
// that is lost, doubled, mixed up or damaged is noticed.
const stampSize = 8

const digits = "0123456789abcdef"

// stamp writes n to the head of payload.
func stamp(payload []byte, n uint32) {
	for i := range stampSize {
		payload[i] = digits[n>>(28-4*i)&15]
	}
}

// stampMasked writes n to the head of a payload that is masked with key.
func stampMasked(payload []byte, n uint32, key [4]byte) {
	for i := range stampSize {
		payload[i] = digits[n>>(28-4*i)&15] ^ key[i&3]
	}
}

// newPayload is size bytes for one socket: ASCII for text, anything for binary.
func newPayload(op byte, size, socket int) []byte {
	r := rand.New(rand.NewPCG(uint64(socket), uint64(size)))
	p := make([]byte, size)
	for i := range p {
		if op == opText {
			p[i] = ' ' + byte(r.UintN(95))
		} else {
			p[i] = byte(r.UintN(256))
		}
	}
	copy(p[stampSize:], fmt.Sprintf(" socket %05d ", socket))
	return p
}

// fanPayload is what the upstream fans out; both ends build it alike.
func fanPayload() []byte { return newPayload(opText, smallMessage, 0) }

// pageBody is what the upstream answers to requests for pathPage.
var pageBody = newPayload(opText, kib, 0)

// pageAnswer is the whole of that answer.
var pageAnswer = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(pageBody), pageBody)

const smallMessage = 128
