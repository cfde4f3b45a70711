package ws

import (
	"crypto/sha1"
	"encoding/base64"
)

// acceptGUID is what both sides add to the key (RFC 6455, 1.3).
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// AcceptKey returns the proof that the other side has read the key as what it
// is: the value of Sec-WebSocket-Accept.
func AcceptKey(key string) string {
	var buf [64]byte
	sum := sha1.Sum(append(append(buf[:0], key...), acceptGUID...))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// AppendSwitch appends what every 101 to that key begins with (RFC 6455,
// 4.2.2). Further header lines and the empty one follow.
func AppendSwitch(b []byte, key string) []byte {
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	return append(append(b, AcceptKey(key)...), "\r\n"...)
}
