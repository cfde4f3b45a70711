package handshake

import (
	"io"
	"net"
	"strings"
	"time"
)

// A server of Socket.IO 3 and later that does not speak a client's version of
// Engine.IO says so behind its own 101: an HTTP answer, where the first frame
// should be. It takes the 101 back.

// HintEIO3 is for the log, where a server has done so.
const HintEIO3 = "a Socket.IO server of 3.x or 4.x takes clients of 1.x and 2.x only with allowEIO3: true"

// openPause is how long a server may take from its 101 to its first packet, if
// the client's 101 is to wait for it.
const openPause = 100 * time.Millisecond

// hear reads until there is a byte behind the head of a.
func (b *buffers) hear(conn net.Conn, a answer) error {
	for len(b.in) <= a.head {
		if len(b.in) == cap(b.in) {
			b.in = append(b.in, 0)[:len(b.in)]
		}
		n, err := conn.Read(b.in[len(b.in):cap(b.in)])
		if b.in = b.in[:len(b.in)+n]; n == 0 && err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// recants tells whether what is behind the head of a is an HTTP answer: no frame
// begins with its first byte.
func (b *buffers) recants(a answer) bool { return len(b.in) > a.head && b.in[a.head] == 'H' }

// recanted returns the answer that takes back the 101 of by, if there is one. A
// client of the old version is worth a short wait: its server speaks first.
func (c *Claim) recanted(b *buffers, by *responder) (bool, error) {
	if c.opens() && strings.Contains(c.Query, "EIO=3") && len(b.in) == by.answer.head {
		by.conn.SetReadDeadline(time.Now().Add(openPause))
		_ = b.hear(by.conn, by.answer) // who has nothing to say may say it to the relay
		setDeadline(by.conn, c.Route.Limits.HandshakeTimeout)
	}
	if !b.recants(by.answer) {
		return false, nil
	}
	b.in = b.in[:copy(b.in, b.in[by.answer.head:])]
	var err error
	b.in, by.answer, err = readAnswer(by.conn, b.in)
	return true, err
}
