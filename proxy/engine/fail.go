package engine

import (
	"net/http"
	"strconv"

	"usher/proxy/engineio"
	"usher/proxy/handshake"
)

// fail answers as the reference server does: JSON to a plain request, and a
// word to an upgrade, whose connection is of no use any more.
func (q *request) fail(code engineio.Code) {
	q.errors[code].Add(1)
	q.visit.Note(q.http, code.Status(), &handshake.Error{Reason: handshake.Protocol, Rule: code.Message()})
	if q.visit.Upgrade {
		q.refuseUpgrade(http.StatusBadRequest, code.Message())
		return
	}
	q.json(code.Status(), code, "")
}

func (q *request) json(status int, code engineio.Code, message string) {
	if q.http.ContentLength != 0 {
		q.close()
	}
	q.write(status, "application/json", engineio.AppendError(nil, code, message))
}

func (q *request) refuseUpgrade(status int, text string) {
	q.close()
	q.write(status, "text/html", []byte(text))
}

// close ends an HTTP/1.1 connection behind the answer: what stands behind the
// request may not be another one.
func (q *request) close() {
	if q.http.ProtoMajor == 1 {
		q.w.Header()["Connection"] = []string{"close"}
	}
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

// refuseOrigin answers a page that may not speak with the route. It is not
// allowed to read the answer.
func (q *request) refuseOrigin(err error) {
	if q.visit.Upgrade {
		q.visit.Refuse(q.w, q.http, err)
		return
	}
	q.errors[engineio.Forbidden].Add(1)
	q.visit.Note(q.http, engineio.Forbidden.Status(), err)
	q.json(engineio.Forbidden.Status(), engineio.Forbidden, "")
}
