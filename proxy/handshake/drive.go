package handshake

import (
	"net"
	"net/http"
	"time"

	"usher/proxy/plain"
)

// Finish has the calling goroutine do what is left of a claim that was given to
// Messages. No extension is offered to the upstream, as the messages relay speaks
// none. The caller owns the pair; if ok is false there is none, and the client has
// been answered.
func Finish(w http.ResponseWriter, r *http.Request, c Claim) (p Pair, ok bool) {
	r.Pattern = c.Route.String()
	c.offer.extensions = nil
	x := c.handler.exchange(r, c, time.Now())
	defer x.Close()
	p, ok, err := x.serve(w, x.Start(x.began), nil)
	if err != nil {
		c.handler.Refusals.Refuse(w, r, c.Sender, err)
	}
	return p, ok
}

// Go has the calling goroutine do what is left of x, which has said do last, and
// closes it. conn is to the endpoint, nil for none; w answers the client.
func (x *Exchange) Go(w http.ResponseWriter, do Effect, conn net.Conn) {
	defer x.Close()
	plain.Route(w, x.claim.Route.String(), x.claim.Route.Route, x.handler.Pages)
	p, taken, err := x.serve(w, do, conn)
	if err != nil {
		x.handler.Refusals.Refuse(w, x.request, x.claim.Sender, err)
	} else if taken {
		x.handler.Adopt(p)
	}
}

// serve has an endpoint answer and passes the outcome to the client. An error
// means that the client was told nothing yet.
func (x *Exchange) serve(w http.ResponseWriter, do Effect, conn net.Conn) (p Pair, taken bool, err error) {
	conn = x.drive(do, conn)
	plain.Sought(w, x.tries.Held())
	defer func() { // also when the answer's body breaks off, which panics
		if taken {
			return
		}
		x.leave()
		if conn != nil {
			conn.Close()
		}
	}()
	if x.err != nil {
		return p, false, x.err
	}
	if p, taken, err = x.settle(w, conn); !taken {
		failed(x.tries.Trace, x.request, err)
		return p, false, err
	}
	p.Session = x.open(time.Now())
	return p, true, nil
}

// drive does what x says, which has said do last, until it is over. It returns
// the connection to the endpoint that has replied; otherwise x has an error.
func (x *Exchange) drive(do Effect, conn net.Conn) net.Conn {
	for {
		switch do {
		case Dial:
			if conn != nil {
				conn.Close()
			}
			var err error
			if conn, err = x.endpoint.DialLeg(x.context(), x.at); err != nil {
				do, conn = x.connected(time.Now(), nil, err), nil
			} else {
				do = x.connected(time.Now(), conn.RemoteAddr(), nil)
			}
		case Ask:
			t := begin(x.context(), conn)
			t.hold(&x.dialogue, x.Question())
			x.dialogue.err = t.end(x.dialogue.err)
			do = x.concluded(time.Now())
		case Wait:
			if conn != nil {
				conn.Close()
				conn = nil
			}
			do = x.Waited(time.Now(), x.Await())
		default:
			return conn
		}
	}
}
