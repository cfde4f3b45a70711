package http1

import "net/netip"

// hostPart is where in a host with an optional port (RFC 9110, 7.2) the next
// byte stands.
type hostPart struct {
	part hostState
	n    uint8 // bytes of the address, or digits of the port
}

type hostState uint8

const (
	beginsHost hostState = iota
	inHostName
	inAddress // in brackets
	behindAddress
	inPort
)

// maxAddress is the longest text of an address of IPv6, which buf must hold.
const maxAddress = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// take takes the next byte, and reports whether it may stand there.
func (h *hostPart) take(b byte, buf *[maxAddress]byte) bool {
	switch h.part {
	case beginsHost:
		h.part = inHostName
		if b == '[' {
			h.part = inAddress
			return true
		}
		return class[b]&hostByte != 0
	case inHostName:
		if b == ':' {
			h.part = inPort
			return true
		}
		return class[b]&hostByte != 0
	case inAddress:
		return h.takeAddress(b, buf)
	case behindAddress:
		h.part, h.n = inPort, 0
		return b == ':'
	default: // inPort
		return '0' <= b && b <= '9' && h.takePort(b, buf)
	}
}

func (h *hostPart) takeAddress(b byte, buf *[maxAddress]byte) bool {
	switch {
	case b == ']':
		h.part = behindAddress
		a, err := netip.ParseAddr(string(buf[:h.n]))
		return err == nil && a.Is6()
	case int(h.n) == len(buf) || class[b]&hex == 0 && b != ':' && b != '.':
		return false
	}
	buf[h.n] = b
	h.n++
	return true
}

// lastPort is the largest port. Who reads a larger one by its low bits sees
// another.
const lastPort = "65535"

func (h *hostPart) takePort(digit byte, buf *[maxAddress]byte) bool {
	switch {
	case h.n == 0 && digit == '0':
		return true
	case int(h.n) == len(lastPort):
		return false
	}
	buf[h.n] = digit
	h.n++
	return int(h.n) < len(lastPort) || string(buf[:h.n]) <= lastPort
}

// whole reports whether the host may end here. None at all is one too, where a
// header says so.
func (h *hostPart) whole() bool { return h.part != inAddress }

// ValidHost reports whether s is a name or address with an optional port, or
// empty. It is for hosts that did not come by HTTP/1.
func ValidHost(s string) bool {
	var h hostPart
	var buf [maxAddress]byte
	for i := range len(s) {
		if !h.take(s[i], &buf) {
			return false
		}
	}
	return h.whole()
}
