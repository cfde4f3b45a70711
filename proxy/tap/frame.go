package tap

import (
	"usher/proxy/session"
	"usher/proxy/ws"
)

// Frame is what is known of one that passes.
type Frame struct {
	Session *session.Session
	From    session.Side // who made it; usher's own go to To
	To      session.Side
	Leg     string // the upstream, where a session has several
	Time    int64  // when it came, in nanoseconds since 1970

	Opcode     ws.Opcode
	Fin        bool
	Compressed bool  // permessage-deflate; a message says so on its first frame only
	Polling    bool  // an Engine.IO packet that came by HTTP, as a WebSocket would have carried it
	Size       int64 // of its payload
}

// readable tells whether payload is shown. What is compressed cannot be read;
// nor can what stands in the middle of a message, as what came before says
// whether it is secret.
func (f *Frame) readable() bool { return !f.Compressed && f.Opcode != ws.Continuation }
