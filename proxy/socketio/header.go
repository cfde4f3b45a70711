// Package socketio is the wire of Socket.IO, protocols 4 and 5, as far as an
// edge proxy reads it: the header of a packet, which names its namespace, and
// the few packets that the proxy makes or edits itself. The JSON behind the
// header is never parsed, but for that of a CONNECT. It works on
// bytes and state only; it does no I/O.
package socketio

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// Type is the character that begins a packet.
type Type byte

// The types of packets.
const (
	Connect      Type = '0'
	Disconnect   Type = '1'
	Event        Type = '2'
	Ack          Type = '3'
	ConnectError Type = '4' // ERROR in protocol 4
	BinaryEvent  Type = '5'
	BinaryAck    Type = '6'
)

// Sizes in bytes.
const (
	// MaxNamespace bounds a namespace's name.
	MaxNamespace = 256
	// MaxHeader is as much of a packet as holds its header, unless a name is
	// longer than MaxNamespace or protocol 4 has put a query behind it.
	MaxHeader = 1 + maxDigits + 1 + MaxNamespace + 1 + maxDigits + 1

	maxDigits = 16
)

// maxNumber is the largest number that JavaScript counts up to.
const maxNumber = 1<<53 - 1

// Header is what stands before the JSON of a packet. Its slices are parts of
// the packet, except for the name of the root namespace where it is implied.
type Header struct {
	Type        Type
	HasID       bool
	ID          uint64 // of the acknowledgement that is asked for or given
	Attachments int    // binary messages that follow the packet
	Namespace   []byte // without its query
	Query       []byte // behind the ? (protocol 4, CONNECT)
	Data        int    // where the JSON begins; the packet's length if there is none

	idStart, idEnd int
}

// Binary tells whether the packet announces attachments, though it may be none:
// JavaScript servers do so for objects that hide bytes behind toJSON.
func (h *Header) Binary() bool { return h.Type == BinaryEvent || h.Type == BinaryAck }

// Root tells whether the packet belongs to the namespace "/".
func (h *Header) Root() bool { return len(h.Namespace) == 1 }

// The ways in which a header is broken.
var (
	ErrEmpty  = errors.New("socket.io packet is empty")
	ErrCount  = errors.New("socket.io packet has no number of attachments before a hyphen")
	ErrNumber = errors.New("socket.io packet has a number beyond 2^53")
)

// TypeError says that a packet begins with what is no type.
type TypeError struct{ Type byte }

func (e *TypeError) Error() string {
	return fmt.Sprintf("socket.io packet type %q is not 0 to 6", e.Type)
}

// root is only ever read.
var root = []byte("/")

// ParseHeader reads the header of a packet, which is what stands behind the
// type of an Engine.IO message, or only its beginning (whole is false). It
// returns the length of the header, which is 0 if more bytes are needed; of a
// whole packet, or MaxHeader bytes of one with a valid name and no query, none
// are. It allocates nothing.
func ParseHeader(p []byte, whole bool) (Header, int, error) {
	var h Header
	if len(p) == 0 {
		return h, 0, need(whole, ErrEmpty)
	}
	if p[0] < byte(Connect) || p[0] > byte(BinaryAck) {
		return h, 0, &TypeError{p[0]}
	}
	h.Type = Type(p[0])
	i := 1
	if h.Binary() {
		n, end, err := number(p, i)
		switch {
		case err != nil:
			return h, 0, err
		case end == len(p):
			return h, 0, need(whole, ErrCount)
		case end == i || p[end] != '-':
			return h, 0, ErrCount
		}
		h.Attachments, i = int(min(n, math.MaxInt32)), end+1
	}
	return h.parseNamespace(p, i, whole)
}

// need is the error for the end of p: none if more bytes may come.
func need(whole bool, err error) error {
	if whole {
		return err
	}
	return nil
}

func (h Header) parseNamespace(p []byte, i int, whole bool) (Header, int, error) {
	h.Namespace = root
	if i < len(p) && p[i] == '/' {
		end := bytes.IndexByte(p[i:], ',')
		switch {
		case end >= 0:
			h.Namespace = p[i : i+end]
			i += end + 1
		case whole: // as in "0/admin"
			h.Namespace = p[i:]
			i = len(p)
		default:
			return h, 0, nil
		}
		if h.Type == Connect {
			h.Namespace, h.Query, _ = bytes.Cut(h.Namespace, []byte{'?'})
		}
	}
	return h.parseID(p, i, whole)
}

func (h Header) parseID(p []byte, i int, whole bool) (Header, int, error) {
	if i == len(p) && !whole {
		return h, 0, nil // an id or a namespace may follow
	}
	n, end, err := number(p, i)
	if err != nil {
		return h, 0, err
	}
	if end == len(p) && !whole {
		return h, 0, nil
	}
	h.ID, h.HasID = n, end > i
	h.idStart, h.idEnd, h.Data = i, end, end
	return h, end, nil
}

// number reads the digits at p[i:], which may be none.
func number(p []byte, i int) (n uint64, end int, err error) {
	for end = i; end < len(p) && p[end] >= '0' && p[end] <= '9'; end++ {
		if end-i == maxDigits {
			return 0, 0, ErrNumber
		}
		n = n*10 + uint64(p[end]-'0')
	}
	if n > maxNumber {
		return 0, 0, ErrNumber
	}
	return n, end, nil
}

// ValidNamespace tells whether name may be that of a namespace: it begins with
// a slash, has at most MaxNamespace bytes and no control characters.
func ValidNamespace(name []byte) bool {
	if len(name) == 0 || name[0] != '/' || len(name) > MaxNamespace {
		return false
	}
	for _, c := range name {
		if c < ' ' || c == 0x7F {
			return false
		}
	}
	return true
}
