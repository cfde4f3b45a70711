package namespaces

import (
	"net/http"
	"strconv"

	"usher/proxy/engineio"
	"usher/proxy/refusal"
)

// refuse answers the request with what err means.
func (q *request) refuse(err error) {
	q.server.Refusals.Refuse(q.w, q.http, q.visit.Sender, err)
}

// fail answers as the reference server does: JSON to a plain request, and a
// word to an upgrade, whose connection is of no use any more.
func (q *request) fail(code engineio.Code) {
	q.refuse(q.coded(&refusal.Error{Reason: refusal.Protocol, Rule: code.Message()}, code))
}

// refuseOrigin answers a page that may not speak with the route. It is not
// allowed to read the answer.
func (q *request) refuseOrigin(err error) {
	if q.visit.Upgrade {
		q.refuse(err)
		return
	}
	e := *refusal.Of(q.http.Context(), err)
	q.refuse(q.coded(&e, engineio.Forbidden))
}

// unauthorized has err, which is auth's, leave what has been set of the answer's
// head: a page of another origin is to see why it may not come in.
func (q *request) unauthorized(err error) error {
	e := *refusal.Of(q.http.Context(), err)
	e.EngineIO = &refusal.EngineIO{Code: engineio.Forbidden, Message: e.Rule, Server: true}
	return &e
}

// coded counts a request that breaks the rule of code, and has e say so.
func (q *request) coded(e *refusal.Error, code engineio.Code) *refusal.Error {
	q.errors[code].Add(1)
	e.Status = code.Status()
	e.EngineIO = &refusal.EngineIO{Code: code, Message: code.Message(), Server: true}
	return e
}

func (q *request) write(status int, kind string, body []byte) {
	h := q.w.Header()
	h["Content-Type"] = []string{kind}
	h["X-Content-Type-Options"] = []string{"nosniff"} // a browser must not make a page of it
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	q.w.WriteHeader(status)
	if q.http.Method != http.MethodHead {
		q.w.Write(body) //nolint:errcheck // a client that does not listen is found by its next request
	}
}
