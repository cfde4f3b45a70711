//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// client is one socket: it sends a message, waits for the same, and sends the
// next, until it ends.
type client struct {
	url  string
	conn *websocket.Conn
	over sync.WaitGroup

	mu  sync.Mutex
	end *ending // guarded by mu; nil while it is open
}

// ending is how a socket ended.
type ending struct {
	code   int   // of the Close frame, 0 if there was none
	err    error // what was wrong with it; nil if there was a Close frame
	wrong  error // what came back was not what was sent
	reason string
}

const longest = 96 << 10 // of a message: longer than any buffer on the way

// patience is how long a client waits for its message. It is longer than any
// fault lasts, and only tells a socket that is dead from one that is slow.
const patience = 60 * time.Second

func dial(url string, roots *tls.Config) (*client, error) {
	d := websocket.Dialer{TLSClientConfig: roots, HandshakeTimeout: 20 * time.Second}
	conn, res, err := d.Dial(url, nil)
	if err != nil {
		if res != nil {
			err = fmt.Errorf("%w: %s", err, res.Status)
		}
		return nil, err
	}
	return &client{url: url, conn: conn}, nil
}

// run keeps c busy until it ends. messages counts what came back right.
func (c *client) run(seed uint64, messages *atomic.Uint64) {
	defer c.conn.Close()
	random := rand.New(rand.NewPCG(seed, 1))
	for sequence := uint64(0); ; sequence++ {
		sent := newMessage(random, sequence)
		got, err := c.exchange(sent)
		if err != nil {
			c.ended(endingOf(err))
			return
		}
		if !bytes.Equal(got, sent) {
			c.ended(&ending{wrong: fmt.Errorf("message %d: %s", sequence, difference(sent, got))})
			return
		}
		messages.Add(1)
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
	}
}

func (c *client) exchange(message []byte) ([]byte, error) {
	if err := c.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if err := c.conn.WriteMessage(websocket.BinaryMessage, message); err != nil {
		// What the other side said before it went is still to be read.
		_, _, readErr := c.conn.ReadMessage()
		return nil, errors.Join(err, readErr)
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	_, got, err := c.conn.ReadMessage()
	return got, err
}

func (c *client) ended(e *ending) {
	c.mu.Lock()
	c.end = e
	c.mu.Unlock()
}

func (c *client) ending() *ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

func endingOf(err error) *ending {
	if ce, ok := errors.AsType[*websocket.CloseError](err); ok && ce.Code != websocket.CloseAbnormalClosure {
		return &ending{code: ce.Code, reason: ce.Text}
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return &ending{err: fmt.Errorf("nothing came back for %v", patience)}
	}
	return &ending{err: err}
}

// newMessage makes a message that no other is like: its number, random bytes,
// and their checksum. Most are short.
func newMessage(random *rand.Rand, sequence uint64) []byte {
	size := random.IntN(256)
	if random.IntN(50) == 0 {
		size = random.IntN(longest)
	}
	m := binary.BigEndian.AppendUint64(nil, sequence)
	for range size {
		m = append(m, byte(random.Uint32()))
	}
	return binary.BigEndian.AppendUint32(m, crc32.ChecksumIEEE(m))
}

func difference(sent, got []byte) string {
	for i := range min(len(sent), len(got)) {
		if sent[i] != got[i] {
			return fmt.Sprintf("differs from byte %d of %d", i, len(sent))
		}
	}
	return fmt.Sprintf("%d bytes came back of %d", len(got), len(sent))
}
