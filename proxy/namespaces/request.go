package namespaces

import (
	"net/http"

	"usher/proxy/engineio"
	"usher/proxy/handshake"
	"usher/proxy/refusal"
	"usher/proxy/relay"
)

// errMethod is for a request of a session that polls. The reference server
// answers it so, with nothing to read; the log says why.
var errMethod = &refusal.Error{
	Status: http.StatusInternalServerError, Reason: refusal.Method, Rule: "method of a polling session must be GET or POST",
	EngineIO: &refusal.EngineIO{Code: engineio.BadMethod, Empty: true, Server: true},
}

// request is one request of a client.
type request struct {
	engineio.Request
	*split
	w     http.ResponseWriter
	http  *http.Request
	visit handshake.Visit
	zips  bool // the answer to a GET may be compressed
}

// serve is the reference server's order of things: the policy for origins, the
// preflight, the verification, and then what the method says.
func (p *split) serve(w http.ResponseWriter, r *http.Request, v handshake.Visit) (left handshake.Verdict) {
	q := &request{Request: engineio.ParseRequest(v.Query), split: p, w: w, http: r, visit: v}
	if q.opens() {
		q.visit.Opens(r)
		defer q.visit.Sender.Trace.End()
	}
	if !v.Passed && !q.admitPage() {
		return left
	}
	if node := q.node(); node != "" {
		return q.elsewhere(node)
	}
	known, code, ok := q.verify()
	switch here, err := known.settled(r.Context()); {
	case !ok:
		q.fail(code)
	case known == nil:
		return q.open()
	case err != nil:
		q.refuse(err)
	case !here:
		q.passOn(known)
	case v.Upgrade:
		return q.probe(known)
	default:
		known.asks(r, v.Passed || q.server.Moves(r))
		q.ofSession(known)
	}
	return left
}

// admitPage decides about the page that a client's request comes from, and reports
// whether there is more to decide.
func (q *request) admitPage() bool {
	if err := q.visit.CheckOrigin(q.http); err != nil {
		q.refuseOrigin(err)
		return false
	}
	if q.visit.Upgrade {
		return true
	}
	q.allowOrigin()
	return !q.preflight()
}

// ofSession does what the method says, for a session that polls.
func (q *request) ofSession(v *visitor) {
	switch q.http.Method {
	case http.MethodGet:
		q.poll(v)
	case http.MethodPost:
		q.post(v)
	default:
		q.errors[engineio.BadMethod].Add(1)
		q.refuse(errMethod)
	}
}

// opens tells whether q is a handshake by polling.
func (q *request) opens() bool {
	return !q.visit.Upgrade && q.http.Method == http.MethodGet && q.Transport == engineio.Polling && q.SID == ""
}

// verify returns the visitor whose sid the request has, or nil for one that
// begins a session; or else what is wrong with it.
func (q *request) verify() (known *visitor, wrong engineio.Code, ok bool) {
	if q.Transport == engineio.UnknownTransport {
		return nil, engineio.TransportUnknown, false
	}
	if q.SID != "" {
		return q.verifySID()
	}
	switch {
	case q.http.Method != http.MethodGet && !q.visit.Upgrade:
		return nil, engineio.BadMethod, false
	case q.visit.Upgrade != (q.Transport == engineio.WebSocket):
		return nil, engineio.BadRequest, false
	case q.Version == engineio.V3 && !q.EIO3:
		return nil, engineio.UnsupportedVersion, false
	}
	return nil, 0, true
}

// verifySID is for requests of a session. A sid is good on its own route only.
func (q *request) verifySID() (known *visitor, wrong engineio.Code, ok bool) {
	known = q.server.find(q.http.Context(), q.SID)
	if known == nil || known.split.route.String() != q.route.String() {
		return nil, engineio.SIDUnknown, false
	}
	now := known.fan.Transport()
	switch {
	case q.Version != known.version:
		return nil, engineio.BadRequest, false
	case q.visit.Upgrade && q.Transport != engineio.WebSocket:
		return nil, engineio.BadRequest, false
	case !q.visit.Upgrade && (q.Transport != engineio.Polling || now == relay.WebSocket):
		return nil, engineio.BadRequest, false
	}
	return known, 0, true
}
