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

// text returns a message of the session's own.
func text(p []byte) *Message {
	return &Message{Type: engineio.Message, Head: p, Size: len(p)}
}

// control returns a packet that is no message.
func control(t engineio.PacketType, data []byte) *Message {
	return &Message{Type: t, Head: data, Size: len(data)}
}
