package store

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// What an honest Redis never comes near. Its answers are files of a few KiB, lists
// of their names, and what a cluster says of its commands.
const (
	mostReply = 16 << 20 // bytes of a reply
	mostItems = 1 << 17  // of a list
	mostDepth = 16       // of lists in lists
)

var errReply = errors.New("the other end of the connection speaks as no redis does")

// replies is a connection to a Redis that is not believed: the client makes room for
// what a reply says of its length, and goes as deep as it goes, so that one line would
// end the process.
type replies struct {
	net.Conn

	// owned by who reads
	head  []byte // of an item, as far as it has come
	skip  int    // bytes of a string that are still to come
	left  []int  // items that are still to come, by list, the innermost last
	total int    // bytes of the reply
	err   error
}

// checked is replies of a connection that the client asks whether it has ended.
type checked struct {
	*replies
	syscall.Conn
}

// dialler returns how the client makes connections, by TLS if secure is not nil.
func dialler(secure *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: dialTimeout}
	dial := plain.DialContext
	if secure != nil {
		dial = (&tls.Dialer{NetDialer: plain, Config: secure}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if s, ok := c.(syscall.Conn); ok {
			return checked{&replies{Conn: c}, s}, nil
		}
		return &replies{Conn: c}, nil
	}
}

// Read returns nothing of a reply once it is too much.
func (r *replies) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.Conn.Read(p)
	if r.err = r.look(p[:n]); r.err != nil {
		return 0, r.err
	}
	return n, err
}

func (r *replies) look(p []byte) error {
	if r.total += len(p); r.total > mostReply {
		return errReply
	}
	for len(p) > 0 {
		if r.skip > 0 {
			n := min(r.skip, len(p))
			if p, r.skip = p[n:], r.skip-n; r.skip == 0 {
				r.item(len(p))
			}
			continue
		}
		head, rest, whole := bytes.Cut(p, []byte("\n"))
		p, r.head = rest, append(r.head, head...)
		if whole {
			if err := r.begin(len(p)); err != nil {
				return err
			}
			r.head = r.head[:0]
		}
	}
	return nil
}

// begin looks at the head of an item, behind which so many bytes are there.
func (r *replies) begin(behind int) error {
	kind, text := byte(0), bytes.TrimSuffix(r.head, []byte("\r"))
	if len(text) > 0 {
		kind, text = text[0], text[1:]
	}
	var n int
	switch kind {
	case '$', '=', '!', '*', '~', '>', '%':
		var err error
		if n, err = strconv.Atoi(string(text)); err != nil || n < -1 {
			return errReply
		}
	case '|':
		return errReply // attributes, which nobody has asked for
	}
	switch kind {
	case '$', '=', '!':
		if n > mostReply {
			return errReply
		}
		if r.skip = n + len("\r\n"); n >= 0 {
			return nil
		}
		r.skip = 0
	case '*', '~', '>', '%':
		if n > mostItems || len(r.left) == mostDepth {
			return errReply
		}
		if kind == '%' {
			n *= 2
		}
		if n > 0 {
			r.left = append(r.left, n)
			return nil
		}
	}
	r.item(behind)
	return nil
}

// item notes that an item is over, and with it the lists whose last it is.
func (r *replies) item(behind int) {
	for i := len(r.left) - 1; i >= 0; i-- {
		if r.left[i]--; r.left[i] > 0 {
			return
		}
		r.left = r.left[:i]
	}
	r.total = behind // of the next reply
}
