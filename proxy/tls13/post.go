package tls13

const (
	newSessionTicket = 4
	keyUpdate        = 24
	messageHead      = 4
	maxMessage       = 1 << 16 // as crypto/tls has it

	updateRequested = 1
)

// post is the handshake message that comes behind the handshake and is not whole
// (RFC 8446, 4.6). Nothing is kept of a ticket.
type post struct {
	head [messageHead + 1]byte
	have uint8  // of head
	skip uint32 // of a ticket, to come
}

// within tells whether a message has begun, which nothing may interrupt.
func (m *post) within() bool { return m.have > 0 || m.skip > 0 }

// news is what the handshake messages of a record said.
type news struct{ updated, requested bool }

// take reads what a record carries. Where tickets is false the peer must not send
// any.
func (m *post) take(p []byte, tickets bool) (n news, err error) {
	if len(p) == 0 {
		return n, unexpectedMessage.fault() // RFC 8446, 5.1
	}
	for len(p) > 0 {
		if m.skip > 0 {
			k := min(m.skip, uint32(len(p)))
			m.skip -= k
			p = p[k:]
			continue
		}
		m.head[m.have] = p[0]
		m.have++
		p = p[1:]
		if n.updated, n.requested, err = m.look(tickets, len(p) == 0); err != nil {
			return n, err
		}
	}
	return n, nil
}

// look looks at the head after each of its bytes. last says that the record has
// none behind it.
func (m *post) look(tickets, last bool) (updated, requested bool, err error) {
	kind := m.head[0]
	switch {
	case kind != keyUpdate && (kind != newSessionTicket || !tickets):
		return false, false, unexpectedMessage.fault()
	case m.have < messageHead:
		return false, false, nil
	}
	size := uint32(m.head[1])<<16 | uint32(m.head[2])<<8 | uint32(m.head[3])
	if kind == newSessionTicket {
		m.skip, m.have = size, 0
		if size == 0 || size > maxMessage {
			return false, false, decodeError.fault()
		}
		return false, false, nil
	}
	if size != 1 {
		return false, false, decodeError.fault()
	}
	if m.have == messageHead {
		return false, false, nil
	}
	m.have = 0
	switch request := m.head[messageHead]; {
	case request > updateRequested:
		return false, false, illegalParameter.fault()
	case !last: // under keys that are over (RFC 8446, 5.1)
		return false, false, unexpectedMessage.fault()
	default:
		return true, request == updateRequested, nil
	}
}
