package namespaces

import (
	"io"
	"net"
	"net/http"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/fleet/owner"
	"usher/proxy/handshake"
	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/relay"
	"usher/proxy/session"
)

// errPassed is the answer to a request that would go round.
var errPassed = &refusal.Error{Status: http.StatusLoopDetected, Reason: refusal.Loop, Rule: "another node has the session, and a request is passed on once"}

// node returns the other node of the fleet that has the session of q, "" if q is to
// be served here.
func (q *request) node() string {
	o := q.server.Owners
	switch {
	case o == nil || q.SID == "" || q.Transport == engineio.UnknownTransport || q.server.sids.find(q.SID) != nil:
		return ""
	case q.visit.Passed:
		return o.Named(q.SID)
	}
	return o.Of(q.http.Context(), q.Version, q.SID)
}

// elsewhere has the node that has the session serve q. Whoever was to be told by a
// node that is gone hears what a server says that was started anew, and so begins
// again.
func (q *request) elsewhere(node string) (left handshake.Verdict) {
	if q.visit.Passed {
		q.refuse(errPassed)
		return left
	}
	p := owner.Passage{Request: q.http, Path: q.visit.Match.Path, Query: q.visit.Query, Sender: q.visit.Sender}
	var res *http.Response
	var err error
	if q.visit.Upgrade {
		var conn net.Conn
		if conn, res, err = q.server.Owners.Join(node, p); conn != nil {
			return handshake.Verdict{Agreed: res.Header, Accept: func(a handshake.Accepted, err error) { q.joined(node, conn, a) }}
		}
	} else {
		res, err = q.server.Owners.Pass(node, p)
	}
	if err != nil {
		q.unpassed(err)
		return left
	}
	q.copy(res)
	return left
}

// joined has the frames of a client relayed that has its session at another node.
func (q *request) joined(node string, conn net.Conn, a handshake.Accepted) {
	if a.Conn == nil {
		conn.Close()
		return
	}
	s, v := q.server, &q.visit
	x := s.Sessions.Open(session.Info{
		ID: v.Sender.ID, Route: q.route.String(), Endpoint: "node " + node, Claim: q.route.Identity,
		Client: v.Sender.Address(), Started: time.Now(), Marks: q.marks(),
	})
	s.Frames.Adopt(x, s.leg(a), relay.Leg{Conn: conn, Tied: true}, q.passing[a.Deflate != 0], func() {})
	s.Opened(x)
}

// unpassed answers a request that its node has not.
func (q *request) unpassed(err error) {
	ctx := q.http.Context()
	if bad := refusal.Of(ctx, err); ctx.Err() != nil || bad.Reason == refusal.Body {
		q.refuse(bad) // the client's own doing
		return
	}
	e := q.coded(&refusal.Error{Reason: refusal.Protocol, Rule: engineio.SIDUnknown.Message(), Err: err}, engineio.SIDUnknown)
	q.refuse(e)
}

// copy gives the client the answer of another node. What is said of the page that
// asks is said here.
func (q *request) copy(res *http.Response) {
	defer res.Body.Close()
	h := q.w.Header()
	for name, values := range res.Header {
		switch {
		case headers.HopByHop(name) || name == "Date":
		case name == "Vary":
			h[name] = append(h[name], values...)
		default:
			h[name] = values
		}
	}
	if q.http.ProtoMajor == 1 && q.visit.Upgrade {
		h["Connection"] = []string{"close"}
	}
	q.w.WriteHeader(res.StatusCode)
	if _, err := io.Copy(q.w, res.Body); err != nil {
		panic(http.ErrAbortHandler) // the only way to say that the rest is missing
	}
}
