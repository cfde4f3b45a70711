package tls13

import (
	"errors"
	"fmt"
	"io"
)

const (
	// maxUseless is how many records may come in a row that bring nothing, as
	// crypto/tls has it.
	maxUseless = 16
	// maxUpdates is how many times a peer may change its keys at once. Another
	// is free for each updateEvery records that bring something.
	maxUpdates  = 32
	updateEvery = 256
	// maxNumber is from where on the keys that seal are changed. AES-GCM may
	// protect 2^24.5 records (RFC 8446, 5.5).
	maxNumber = 1 << 24
)

var (
	// ErrShort says that the next record is not whole yet.
	ErrShort = errors.New("tls: a record is not whole")
	// ErrHandedOn says that somebody else has the connection.
	ErrHandedOn = errors.New("tls: the session was handed on")
	// ErrEnded says that the peer was told that nothing more comes.
	ErrEnded = errors.New("tls: the end was said already")
)

// Session protects the records of a connection in both directions. The zero
// value is not usable.
type Session struct {
	// static
	client bool // the peer is a server

	handed bool // only the owner of both directions may set it

	// for who reads
	in      half
	post    post
	useless uint8 // records in a row that brought nothing
	updates uint8 // that the peer made, less those that are free again
	brought uint16
	due     Alert  // to be told the peer, if dueAlert
	owes    owed   //
	fault   error  // for every further Open
	rest    []byte // has come, and is not opened
	own     []byte // where rest stands when it was kept

	// for who writes
	out  half
	said bool // that nothing follows
}

// owed is a set of what a session has to say to its peer by itself.
type owed uint8

const (
	owesUpdate owed = 1 << iota
	owesAlert
)

// Feed gives the session what has come, which begins with Rest. It is used until
// Keep or another Feed.
func (s *Session) Feed(p []byte) { s.rest = p }

// Rest returns what has come and is not opened.
func (s *Session) Rest() []byte { return s.rest }

// Keep has Rest stand in memory of the session's own.
func (s *Session) Keep() {
	if len(s.rest) == 0 {
		s.rest, s.own = nil, nil
		return
	}
	s.own = append(s.own[:0], s.rest...)
	s.rest = s.own
}

// Wants returns how many bytes Rest must have at least for the next record to be
// whole.
func (s *Session) Wants() int {
	n, _ := RecordSize(s.rest)
	return n
}

// Warm tells whether ciphers are there that Cool would drop.
func (s *Session) Warm() bool { return s.in.aead != nil || s.out.aead != nil }

// Cool drops the ciphers, which are larger than all else, until they are needed.
func (s *Session) Cool() {
	s.in.cool()
	s.out.cool()
}

// Resume has the session go on after State, if nobody has taken that.
func (s *Session) Resume() { s.handed = false }

// Clear overwrites the secrets. The session is over.
func (s *Session) Clear() {
	s.handed = true
	s.in.clear()
	s.out.clear()
}

// Format hides what the session is.
func (s *Session) Format(f fmt.State, _ rune) { io.WriteString(f, "tls13.Session") } //nolint:errcheck // fmt has it
