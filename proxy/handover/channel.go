package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// Format is what ushers write to each other. One with another major number is
// not read; a minor one more has added something that may be left out.
type Format struct{ Major, Minor int }

var format = Format{Major: 1}

// Channel is one end of a socket pair between two ushers. What one gives, data
// and descriptors, is the other's as soon as that has taken it, and not before:
// whatever becomes of either, at no time both have it.
//
// The giver keeps what it gives, untouched, until Give returns. The taker
// prepares, says "taken", and only then touches it. A giver that waits no longer
// first makes that word impossible, and then looks whether it was said.
type Channel struct {
	// static after construction
	conn     *net.UnixConn
	patience time.Duration // for how long what is given may stand still

	mu      sync.Mutex // held while something is given
	revoked error      // guarded by mu: why nothing is given any more
	given   int        // guarded by mu: counts what was

	// of a message that is being read; its reader's
	in     []byte
	rights []int
}

// Delivery is what was made of something that was given, short of touching it.
type Delivery interface {
	Commit() // it is this process's now
	Drop()   // it is still the other's: close the descriptors, and nothing else
}

// message is what stands on the wire: its length and the number of its
// descriptors, four bytes each, and JSON.
type message struct {
	Kind  string
	Given int             `json:",omitempty"` // which of what was given
	Why   string          `json:",omitempty"` // of a refusal
	Body  json.RawMessage `json:",omitempty"`

	descriptors []int
	short       string // why they are not all there
}

// What the taker says.
const (
	taken   = "taken"
	refused = "refused"
)

const (
	headerSize = 8
	// longestMessage is far more than what there is of one parcel of sessions.
	longestMessage = 256 << 20
	// MaxDescriptors is how many go with one message (SCM_MAX_FD of Linux).
	MaxDescriptors = 253
	givePatience   = 3 * time.Second
)

// ErrRevoked is why nothing is given after something was not taken in time.
var ErrRevoked = errors.New("the new process did not answer in time")

// RefusedError is what the taker has to say about what it did not take.
type RefusedError string

func (e RefusedError) Error() string { return "the new process refused: " + string(e) }

// Give gives v, as JSON, and descriptors, which stay the caller's to close. If
// it returns nil the other process has them; if not, it will never touch them.
// After an ErrRevoked it gives nothing any more.
func (c *Channel) Give(kind string, v any, descriptors []int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.revoked != nil {
		return c.revoked
	}
	c.given++
	frame, err := encode(message{Kind: kind, Given: c.given}, v, len(descriptors))
	if err != nil {
		return err
	}
	c.conn.SetDeadline(time.Now().Add(c.patience)) // it stands still from now on
	var answer message
	if err = c.write(frame, descriptors); err == nil {
		answer, err = c.receive()
	}
	if err != nil {
		c.revoked = fmt.Errorf("%w: %w", ErrRevoked, err)
		if answer, err = c.lastWord(); err != nil {
			return c.revoked
		}
	}
	switch {
	case answer.Kind == taken && answer.Given == c.given:
		return nil
	case answer.Kind == refused && answer.Given == c.given:
		return RefusedError(answer.Why)
	}
	c.revoked = fmt.Errorf("the new process answered %q", answer.Kind)
	return c.revoked
}

// lastWord has the other process say nothing any more and returns what it has
// said before that, if it is a whole message.
func (c *Channel) lastWord() (message, error) {
	if err := shutRead(c.conn); err != nil {
		return message{}, err
	}
	c.conn.SetReadDeadline(time.Now().Add(time.Second)) // there is nothing to wait for
	return c.receive()
}

// Take reads what is given, and has prepare make something of it that cannot fail
// any more, until the other process has nothing more to give, or is gone: then it
// returns nil. The descriptors are prepare's, unless it returns an error. body is
// cleared when it returns.
func (c *Channel) Take(prepare func(kind string, body []byte, descriptors []int) (Delivery, error)) error {
	for {
		m, err := c.receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			closeDescriptors(c.rights)
			return err
		}
		d, err := c.prepare(m, prepare)
		clear(m.Body)
		if err != nil {
			closeDescriptors(m.descriptors)
			err = c.send(message{Kind: refused, Given: m.Given, Why: err.Error()}, nil)
		} else if err = c.send(message{Kind: taken, Given: m.Given}, nil); err == nil {
			d.Commit()
		} else {
			d.Drop()
		}
		if err != nil {
			return err
		}
	}
}

func (c *Channel) prepare(m message, prepare func(string, []byte, []int) (Delivery, error)) (Delivery, error) {
	if m.short != "" {
		return nil, errors.New(m.short)
	}
	return prepare(m.Kind, m.Body, m.descriptors)
}

// Close ends the channel.
func (c *Channel) Close() {
	if c != nil {
		c.conn.Close()
	}
}

// send sends m with v.
func (c *Channel) send(m message, v any) error {
	frame, err := encode(m, v, 0)
	if err != nil {
		return err
	}
	return c.write(frame, nil)
}

// encode returns m with v as it stands on the wire before so many descriptors.
func encode(m message, v any, descriptors int) ([]byte, error) {
	if descriptors > MaxDescriptors {
		return nil, fmt.Errorf("%d descriptors, %d are the most", descriptors, MaxDescriptors)
	}
	var err error
	if v != nil {
		if m.Body, err = json.Marshal(v); err != nil {
			return nil, err
		}
		defer clear(m.Body)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	frame := make([]byte, headerSize, headerSize+len(text))
	binary.BigEndian.PutUint32(frame, uint32(len(text)))
	binary.BigEndian.PutUint32(frame[4:], uint32(descriptors))
	return append(frame, text...), nil
}

// write writes a message and forgets it.
func (c *Channel) write(frame []byte, descriptors []int) error {
	defer clear(frame)
	n, _, err := c.conn.WriteMsgUnix(frame, rights(descriptors), nil)
	if err == nil && n < len(frame) {
		_, err = c.conn.Write(frame[n:])
	}
	return err
}

// receive reads a message: io.EOF if there is none, and no beginning of one. It
// may be called again after a deadline, and goes on where it has stopped.
func (c *Channel) receive() (m message, err error) {
	if err := c.read(headerSize); err != nil {
		return m, err
	}
	size, n := binary.BigEndian.Uint32(c.in), int(binary.BigEndian.Uint32(c.in[4:]))
	if size > longestMessage {
		return m, fmt.Errorf("a message of %d bytes, %d are the most", size, longestMessage)
	}
	if err := c.read(headerSize + int(size)); err != nil {
		return m, err
	}
	err = json.Unmarshal(c.in[headerSize:], &m)
	clear(c.in)
	c.in = c.in[:0]
	m.descriptors, c.rights = c.rights, nil
	if err != nil {
		closeDescriptors(m.descriptors)
		return message{}, err
	}
	if n != len(m.descriptors) {
		closeDescriptors(m.descriptors)
		m.short, m.descriptors = fmt.Sprintf("%d of %d descriptors have come: too many open files", len(m.descriptors), n), nil
	}
	return m, err
}

// read reads until there are size bytes of a message, and keeps the descriptors
// that come on the way.
func (c *Channel) read(size int) error {
	room := make([]byte, rightsRoom)
	c.in = slices.Grow(c.in, max(0, size-len(c.in)))
	for len(c.in) < size {
		k, oob, _, _, err := c.conn.ReadMsgUnix(c.in[len(c.in):size], room)
		if some, e := parseRights(room[:oob]); e == nil {
			c.rights = append(c.rights, some...)
		}
		c.in = c.in[:len(c.in)+max(k, 0)]
		switch {
		case errors.Is(err, io.EOF) && len(c.in) > 0:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return nil
}
