package messages

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"net/textproto"
	"strings"
)

// greeting is the library's handshake on one leg, which ends in memory. The
// zero value stands before it.
type greeting struct {
	said []byte // by the library, so far
	over bool
}

const (
	keyHeader = "Sec-WebSocket-Key:"
	guid      = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, 1.3
)

// hear takes what the library says. At the end of a request it returns the
// answer that the library wants to read.
func (g *greeting) hear(p []byte) (answer []byte) {
	g.said = append(g.said, p...)
	if !bytes.HasSuffix(g.said, []byte("\r\n\r\n")) {
		return nil
	}
	head := string(g.said)
	g.said, g.over = nil, true
	for line := range strings.SplitSeq(head, "\r\n") {
		if len(line) > len(keyHeader) && strings.EqualFold(line[:len(keyHeader)], keyHeader) {
			sum := sha1.Sum([]byte(textproto.TrimString(line[len(keyHeader):]) + guid))
			return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
		}
	}
	return nil // an answer, not a request
}
