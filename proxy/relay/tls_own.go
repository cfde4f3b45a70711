package relay

import (
	"errors"
	"io"
	"net"

	"usher/proxy/socket"
	"usher/proxy/tls13"
)

// ownTLS is TLS 1.3 whose records usher protects itself: all of it is data.
type ownTLS struct {
	*tls13.Session
	input error // what follows behind what was fed; nil if there may be more
}

func (r *ownTLS) kept(p []byte) int { return copy(p, r.Rest()) }

func (r *ownTLS) feed(raw []byte, end error) {
	r.Feed(raw)
	r.input = end
}

func (r *ownTLS) settle() { r.Keep() }

// openRoom is what stands behind a buffer into which records are opened.
const openRoom = tls13.OpenRoom - tls13.MaxData

// open puts what records bring behind each other. p has openRoom behind it.
func (r *ownTLS) open(p, out []byte) (n int, reply []byte, err error) {
	for n <= len(p)-tls13.MaxData {
		opened, err := r.Open(p[n:n:cap(p)])
		n += len(opened)
		if r.Owes() {
			out, _ = r.Reply(out) // one that cannot be made shows when more is to be sealed
		}
		switch {
		case errors.Is(err, tls13.ErrShort):
			return n, out, r.atEnd()
		case err != nil:
			return n, out, err
		}
	}
	return n, out, nil
}

// atEnd is what follows where no whole record is left.
func (r *ownTLS) atEnd() error {
	switch {
	case r.input == nil:
		return socket.ErrNothing
	case errors.Is(r.input, io.EOF) && len(r.Rest()) > 0:
		return io.ErrUnexpectedEOF
	}
	return r.input
}

func (r *ownTLS) seal(out, p []byte) ([]byte, error) { return r.Seal(out, p) }

func (r *ownTLS) end(out []byte) ([]byte, error) { return r.End(out) }

func (r *ownTLS) leave(c net.Conn) net.Conn {
	r.Keep()
	return socket.NewSecured(c, r.Session)
}

func (r *ownTLS) over() { r.Clear() }
