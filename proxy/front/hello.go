package front

import "encoding/binary"

const (
	// maxHello is how much is waited for: crypto/tls takes 64 KiB of a message,
	// and needs four bytes more for its header and five for that of each record.
	maxHello = 66 << 10

	recordHeader  = 5
	messageHeader = 4

	maxMessage    = 64 << 10       // of crypto/tls
	maxPlaintext  = 16 << 10       // RFC 8446, 5.1
	maxCiphertext = 16<<10 + 2<<10 // RFC 5246, 6.2.3
	noVersion     = 0x1000         // of TLS, whatever comes: crypto/tls reads no further
	isAlert       = 21             // types of records
	isHandshake   = 22
)

// hello follows a client's first bytes on a TLS port to the end of its first
// message, the ClientHello, so that no handshake has to wait for one that comes
// slowly. It judges nothing: what is no ClientHello is for crypto/tls to refuse.
// The zero value stands before the first byte.
type hello struct {
	at     int // where in what has come the next record begins
	length int // of the message, as far as it stands in the records before
	header [messageHeader]byte
}

// enough reports whether p, all that has come so far, is what crypto/tls can
// answer or refuse without another byte, or more than is waited for. p begins
// with the p of the last call, whose records are not looked at again. An alert
// before the message is enough too, although crypto/tls may forgive it.
func (h *hello) enough(p []byte) bool {
	for len(p)-h.at >= recordHeader {
		record := p[h.at:]
		kind, version := record[0], binary.BigEndian.Uint16(record[1:])
		size := int(binary.BigEndian.Uint16(record[3:]))
		switch {
		case kind != isHandshake && kind != isAlert || version >= noVersion || size > maxCiphertext:
			return true // refused by its header
		case len(record) < recordHeader+size:
			return len(p) >= maxHello
		case kind != isHandshake || size == 0 || size > maxPlaintext:
			return true
		case h.take(record[recordHeader:][:size]):
			return true
		}
		h.at += recordHeader + size
	}
	return len(p) >= maxHello
}

// take takes the content of a record, and reports whether the message is whole,
// or too large to be waited for.
func (h *hello) take(p []byte) bool {
	if h.length < messageHeader {
		copy(h.header[h.length:], p)
	}
	if h.length += len(p); h.length < messageHeader {
		return false
	}
	size := int(binary.BigEndian.Uint32(h.header[:]) & 0xff_ffff)
	return size > maxMessage || h.length >= messageHeader+size
}
