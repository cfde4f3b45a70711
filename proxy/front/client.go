package front

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"

	"usher/proxy/http1"
	"usher/proxy/proxyproto"
	"usher/proxy/relay"
)

// client is a connection of HTTP/1 on a loop, from the accept until it is known
// what it asks for: as long as it is half said, it costs what has come. A
// handshake that nothing stands against is made on the loop, and nobody else ever
// has the connection. All others are guests of net/http, see guest.go, and of TLS
// before that, see secure.go.
//
// Everything but what is said to be shared belongs to the loop.
type client struct {
	// static
	from *Listener
	how  *Speech
	tls  *tls.ConnectionState // nil if plain

	counts netip.Addr // that the connection counts for; invalid for nobody

	seat   atomic.Pointer[relay.Seat] // shared; nil while no loop has the client
	stage  clientStage
	peer   proxyproto.Addresses // whom a trusted peer speaks for
	hello  hello
	header http1.Checker
	head   []byte // what has come of the current stage, and waits for the rest
	idle   bool   // it was answered before, and may ask for more
	stays  bool   // another process has not taken it
	shake  *shake // nil before its handshake
}

// clientStage is what a client is to say next.
type clientStage uint8

const (
	saysProxy clientStage = iota // whom it speaks for
	saysHello                    // of TLS
	saysHead                     // of a request
	shakes                       // nothing: its handshake is under way
	gone                         // nothing: the client is not here any more
)

// saysNext is what the client says once it is known who it is.
func (c *client) saysNext() clientStage {
	if c.how.TLS != nil {
		return saysHello
	}
	return saysHead
}

// Take implements relay.Owner.
func (c *client) Take(s *relay.Seat, p []byte) {
	if c.from.server.departures.open.Load() && c.depart(p) {
		return
	}
	switch c.stage {
	case saysProxy:
		c.takeProxy(s, p)
	case saysHello:
		c.takeHello(p)
	case saysHead:
		c.takeHead(s, p)
	case shakes:
		c.shake.takeEarly(s, p)
	case gone:
	}
}

// takeProxy reads whom the client speaks for, and what stands behind that.
func (c *client) takeProxy(s *relay.Seat, p []byte) {
	c.head = append(c.head, p...)
	of, n, err := proxyproto.Parse(c.head)
	if err != nil {
		c.unproxied(slog.LevelWarn, err)
		return
	}
	if n > len(c.head) {
		return
	}
	rest := c.head[n:]
	c.head, c.peer, c.stage = nil, of, c.saysNext()
	if len(rest) > 0 {
		c.Take(s, rest)
	}
}

// unproxied drops a peer that should have said whom it speaks for.
func (c *client) unproxied(level slog.Level, err error) {
	c.from.note(level, "proxy protocol", "peer", c.seat.Load().RemoteAddr().String(), "error", err)
	c.drop()
}

// takeHello waits for the whole hello: whoever sends half of it costs no more.
func (c *client) takeHello(p []byte) {
	c.head = append(c.head, p...)
	if c.hello.enough(c.head) {
		c.secure()
	}
}

// takeHead waits for a whole head.
func (c *client) takeHead(s *relay.Seat, p []byte) {
	if c.idle {
		c.idle = false
		c.from.server.inflight.move(c, fresh)
		s.Wake(c.from.timeout)
	}
	if len(c.head) == 0 {
		p = p[c.header.Skip(p):]
	}
	n, whole, err := c.header.CheckHead(p)
	if n += len(c.head); len(c.head) > 0 || !whole {
		c.head = append(c.head, p...)
		p = c.head
	}
	if broken, ok := errors.AsType[*http1.Error](err); ok {
		c.tell(broken.Status, broken.Rule)
	} else if whole && (c.header.InBody() || !c.begin(s, p, n)) {
		c.leave(p, nil)
	}
}

// Lost implements relay.Owner.
func (c *client) Lost(s *relay.Seat, err error) {
	switch {
	case c.stage == shakes:
		c.shake.abandoned(err)
	case c.stage == saysProxy && len(c.head) == 0: // somebody looks whether the port is open
		c.unproxied(slog.LevelDebug, err)
	case c.stage == saysProxy:
		c.unproxied(slog.LevelWarn, io.ErrUnexpectedEOF)
	case c.stage == saysHead && c.header.Started() && errors.Is(err, io.EOF):
		c.leave(c.head, nil) // it may still be told that its request is not whole
	default:
		c.drop()
	}
}

// Due implements relay.Owner: the client has taken too long.
func (c *client) Due(s *relay.Seat) {
	switch {
	case c.stage == saysProxy:
		c.unproxied(slog.LevelWarn, os.ErrDeadlineExceeded)
	case c.stage == saysHead && c.header.Started():
		c.tell(http.StatusRequestTimeout, "request head took too long")
	default:
		c.drop()
	}
}

// Connected implements relay.Owner: the client has come to a loop, from who has
// secured or answered it.
func (c *client) Connected(s *relay.Seat, err error) {
	all, in, patience := c.from.server.inflight, fresh, c.from.timeout
	if err != nil {
		c.stage = gone
		all.remove(c)
		return
	}
	if c.idle {
		in, patience = idle, idleTimeout
	}
	c.seat.Store(s)
	s.Wake(patience)
	all.add(c, in)
	if c.from.server.departures.open.Load() {
		c.departSoon() // behind what has come, which is given to Take next
	}
}

// endShake has the loop end a handshake, and tell the client why.
func (c *client) endShake(why error) {
	if s := c.seat.Load(); s != nil {
		s.Post(func() {
			if c.seat.Load() == s && c.stage == shakes {
				c.shake.end(why)
			}
		})
	}
}

// Close has the loop drop the client, if it has it. Else the client is looked at
// when it comes to one. Only the loop that has it may look at its stage.
func (c *client) Close() error {
	if s := c.seat.Load(); s != nil {
		s.Post(func() {
			if c.seat.Load() == s && c.stage < shakes {
				c.drop()
			}
		})
	}
	return nil
}

// drop closes the connection.
func (c *client) drop() {
	if c.stage == gone {
		return
	}
	c.stage = gone
	c.seat.Load().Close()
	c.from.server.inflight.remove(c)
}

// remote is the client's address.
func (c *client) remote() net.Addr {
	if c.peer.Source != nil {
		return c.peer.Source
	}
	return c.seat.Load().RemoteAddr()
}
