package messages

import (
	"bytes"
	"net/textproto"
	"strings"

	"usher/proxy/ws"
)

// greeting is the library's handshake on one leg, which ends in memory. The
// zero value stands before it.
type greeting struct {
	said []byte // by the library, so far
	over bool
}

const keyHeader = "Sec-WebSocket-Key:"

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
			return append(ws.AppendSwitch(nil, textproto.TrimString(line[len(keyHeader):])), "\r\n"...)
		}
	}
	return nil // an answer, not a request
}
