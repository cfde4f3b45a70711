package demux

import "usher/proxy/engineio"

// MinHead is how much of a message its Head has at least, if the message has
// as much.
const MinHead = 512

// Message is an Engine.IO packet on its way.
type Message struct {
	Type   engineio.PacketType
	Binary bool // a message of bytes instead of text

	// More says that the next message given to this side belongs to the same
	// Socket.IO packet. It is set by the session.
	More bool

	// Own says that no side has sent it: the session has made it.
	Own bool

	// Head is the content behind the packet's type, unmasked: all of it, or at
	// least its first MinHead bytes. Packets other than messages have all of it.
	Head []byte
	Size int // of the whole content

	// Frame is the caller's, such as the WebSocket frame that may pass as it is.
	// It is nil in what the session makes itself; then Head is the whole content.
	Frame []byte
}

// whole tells whether Head is the whole content.
func (m *Message) whole() bool { return len(m.Head) == m.Size }

// own returns a message of the session's own.
func own(p []byte) *Message {
	m := text(p)
	m.Own = true
	return m
}

// text returns a message that was sent, in other words.
func text(p []byte) *Message {
	return &Message{Type: engineio.Message, Head: p, Size: len(p)}
}

// control returns a packet that is no message.
func control(t engineio.PacketType, data []byte) *Message {
	return &Message{Type: t, Own: true, Head: data, Size: len(data)}
}
